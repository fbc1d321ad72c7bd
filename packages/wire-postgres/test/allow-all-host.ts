import { errorFields } from '../src/error-fields.ts';
import type { Decision, EngineHost, ErrorFields, Outcome, Parameter, TransactionStatus } from '../src/index.ts';

/** Everything that a host was told, as plain values. */
export interface HostLog {
  readonly toServer: Buffer[];
  readonly toClient: Buffer[];
  readonly finished: { ticket: unknown; outcome: Outcome }[];
  readonly judged: {
    phase: string;
    text: string;
    prepared: unknown;
    status: string;
    pipelined: boolean;
    parameters: string[];
    types: readonly number[];
  }[];
  readonly described: { ticket: unknown; index: number; columns: string[]; formats: number[] }[];
  readonly samples: { ticket: unknown; cells: (string | null)[] }[];
  readonly named: string[];
  readonly exceeded: { ticket: unknown; index: number }[];
  readonly ready: TransactionStatus[];
  readonly ended: (ErrorFields | null)[];
}

const shownParameter = (value: Parameter) =>
  value === null
    ? 'NULL'
    : Buffer.isBuffer(value)
      ? value.toString('hex')
      : `${value.length} bytes, SHA-256 ${value.sha256}`;

/** A host that forwards everything; tickets are the statement's text. Parts of it can be replaced. */
export function createAllowAllHost(overrides: Partial<EngineHost> = {}): { host: EngineHost; log: HostLog } {
  const log: HostLog = {
    toServer: [],
    toClient: [],
    finished: [],
    judged: [],
    described: [],
    samples: [],
    named: [],
    exceeded: [],
    ready: [],
    ended: [],
  };
  const { judge, describe, ...others } = overrides;
  const forward = (ticket: unknown): Decision => ({ action: 'forward', ticket, describe: false });
  const host: EngineHost = {
    toServer: (bytes) => void log.toServer.push(bytes),
    toClient: (bytes) => void log.toClient.push(bytes),
    judge(request) {
      log.judged.push({
        ...{
          phase: request.phase,
          text: request.text,
          prepared: request.prepared,
          status: request.status,
          pipelined: request.pipelined,
        },
        parameters: request.parameters.map((value) => shownParameter(value)),
        types: request.parameterTypes,
      });
      return judge ? judge(request) : forward(request.text);
    },
    describe(ticket, index, fields) {
      log.described.push({
        ticket,
        index,
        columns: fields.map((field) => field.name),
        formats: fields.map((field) => field.format),
      });
      return describe ? describe(ticket, index, fields) : null;
    },
    copyOut: () => ({ masks: null, csv: null }),
    sampleRows: () => 0,
    sample: (ticket, _index, cells) =>
      void log.samples.push({ ticket, cells: cells.map((cell) => (cell === null ? null : cell.toString())) }),
    changedTooMuch: (_ticket, _index, rows) => errorFields('42501', `${rows} rows are too many`),
    exceeded(ticket, index) {
      log.exceeded.push({ ticket, index });
      return { error: { S: 'ERROR', V: 'ERROR', C: '42501', M: 'too many rows' }, settled: Promise.resolve() };
    },
    finished: (ticket, outcome) => void log.finished.push({ ticket, outcome }),
    redact: (_ticket, _kind, fields) => fields,
    notification: (_channel, payload) => payload,
    parameterStatus: () => undefined,
    named: (kind, name) => void log.named.push(`${kind} ${name}`),
    ready: (status) => void log.ready.push(status),
    end: (error) => void log.ended.push(error),
    ...others,
  };
  return { host, log };
}
