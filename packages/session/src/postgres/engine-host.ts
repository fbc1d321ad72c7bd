import { type BoundIn, type Denial, describeParameter, type Gate, type GateRequest, type Ticket } from '@weir/gate';
import type { AnalysedStatement } from '@weir/sql';
import type { Decision, EngineHost, ErrorFields, JudgeRequest, TransactionStatus } from '@weir/wire-postgres';

/** What an engine's host adds to a gate: the two directions of bytes, and the end. */
export interface ChannelPorts {
  toServer(bytes: Buffer): void;
  toClient(bytes: Buffer): void;
  end(error: ErrorFields | null): void;
  /** Cancels the statement that runs upstream. @returns when that cancel can arrive no more. @throws when nobody knows */
  cancel(): Promise<void>;
  /** Rows of each result that the record may hold. */
  readonly sampleRows: number;
  status(): TransactionStatus;
}

/** A denial as the server itself would fail (ErrorResponse fields). */
export function fieldsOfDenial(denial: Denial): ErrorFields {
  return {
    S: 'ERROR',
    V: 'ERROR',
    C: denial.sqlstate,
    M: denial.message,
    ...(denial.detail === null ? {} : { D: denial.detail }),
    ...(denial.hint === null ? {} : { H: denial.hint }),
    ...(denial.position === null ? {} : { P: String(denial.position) }),
  };
}

/** Joins one gate to one engine: translates, decides nothing. */
export function createEngineHost(gate: Gate, ports: ChannelPorts): EngineHost {
  const decisionOf = (decision: Awaited<ReturnType<Gate['judge']>>): Decision =>
    decision.action === 'forward' ? decision : { action: 'deny', error: fieldsOfDenial(decision.denial) };
  const copyOf = (ticket: Ticket, index: number): AnalysedStatement['copy'] =>
    ticket.understood.statements[index]?.copy ?? null;

  return {
    toServer: ports.toServer,
    toClient: ports.toClient,
    judge(request) {
      const decision = gate.judge(requestOf(request, ports.status()));
      return decision instanceof Promise ? decision.then(decisionOf) : decisionOf(decision);
    },
    bound: () => gate.bound(),
    describe: (ticket, index, fields) => gate.describe(ticket as Ticket, index, fields),
    copyOut(ticket, index, columns, format) {
      const answer = gate.copyOut(ticket as Ticket, index, columns, format === 1 ? 1 : 0);
      if (answer === 'refuse') return answer;
      const copy = copyOf(ticket as Ticket, index);
      if (answer.masks !== null && copy === null) return 'refuse';
      const { masks } = answer;
      const header = copy?.header ?? false;
      if (copy?.format === 'csv') return { masks, csv: copy, header };
      return { masks, csv: null, header, ...(copy?.format === 'text' && { text: copy }) };
    },
    copyIn(ticket, index, columns, format) {
      const watch = gate.copyIn(ticket as Ticket, index, columns, format === 1 ? 1 : 0);
      const copy = copyOf(ticket as Ticket, index);
      if (watch === null || copy === null) return null;
      const refusal = () => {
        const denial = watch.refusal();
        return denial === null ? null : fieldsOfDenial(denial);
      };
      return { masks: watch.masks, csv: copy.format === 'csv' ? copy : null, text: copy, refusal };
    },
    sampleRows: () => ports.sampleRows,
    sample: (ticket, index, cells, formats) => gate.sample(ticket as Ticket, index, cells, formats),
    exceeded(ticket, _index, by) {
      const error = fieldsOfDenial(gate.exceeded(ticket as Ticket, by));
      return { error, settled: ports.cancel() };
    },
    changedTooMuch: (ticket, _index, rows) => fieldsOfDenial(gate.changedTooMuch(ticket as Ticket, rows)),
    finished(ticket, { index, tag, rows, bytes, error }) {
      const shown = error === null ? null : { sqlstate: error['C'] ?? '', message: error['M'] ?? '' };
      gate.finished(ticket as Ticket, { index, tag, rows, bytes, error: shown });
    },
    redact: (ticket, kind, fields) => gate.redact(ticket as Ticket | null, kind, fields),
    notification: (_channel, payload) => gate.notification(payload),
    parameterStatus: () => undefined,
    named: (kind, name) => gate.named(kind, name),
    ready: () => undefined,
    end: ports.end,
  };
}

function requestOf(request: JudgeRequest, status: TransactionStatus): GateRequest {
  return {
    phase: request.phase,
    text: request.text,
    prepared: (request.prepared as Ticket | undefined) ?? null,
    bound: (request.bound as BoundIn | undefined) ?? null,
    parameters: request.parameters.map((value, i) => describeParameter(value, formatOf(request.parameterFormats, i))),
    parameterFormats: request.parameters.map((_, i) => formatOf(request.parameterFormats, i)),
    parameterTypes: request.parameterTypes,
    insideTransaction: status !== 'I' || request.pipelined,
    failedTransaction: status === 'E',
  };
}

/** Bind's rule: no codes = all text, one code = that of all (protocol, "Bind"). */
function formatOf(formats: readonly number[], index: number): number {
  return formats.length === 1 ? (formats[0] as number) : (formats[index] ?? 0);
}
