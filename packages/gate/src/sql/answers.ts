import { createDetectMask, createPostgresCellMask, redactErrorFields } from '@weir/masking';
import type { StatementFinished } from '@weir/recording';
import type { Denial } from '../order/denial.ts';
import { withheldDenial } from './budget.ts';
import { type CopyInWatch, watchCopyIn } from './copy-in-watch.ts';
import type { GateContext } from './gate.ts';
import { createMaskCache } from './mask-cache.ts';
import { maskResult, type ResultField, strictestOf } from './result-masks.ts';
import { addSampleRow, createResultSample } from './result-sample.ts';
import { affectedDenial, observedExcesses } from './row-bounds.ts';
import { rowLimitDenial } from './row-limit.ts';
import type { Ticket } from './ticket.ts';

/** Result masks as the engine wants them. */
export type AnswerMasks = NonNullable<ReturnType<typeof maskResult>['masks']>;

/** What a finished statement did. */
export interface GateOutcome {
  readonly index: number;
  readonly tag: string | null;
  readonly rows: number;
  readonly bytes: number;
  readonly error: { readonly sqlstate: string; readonly message: string } | null;
}

/** The answering half of a gate: mask, record, deliver. */
export interface GateAnswers {
  describe(ticket: Ticket, index: number, fields: readonly ResultField[]): AnswerMasks | null;
  /** Masks of COPY … TO STDOUT (`format` 0 text or CSV, 1 binary); 'refuse' when the columns are not known. */
  copyOut(
    ticket: Ticket,
    index: number,
    columns: number,
    format: 0 | 1,
  ): { readonly masks: AnswerMasks | null } | 'refuse';
  /** Looks at the values of COPY … FROM STDIN (`format` 0 text or CSV, 1 binary); null = none of its columns needs it. */
  copyIn(ticket: Ticket, index: number, columns: number, format: 0 | 1): CopyInWatch | null;
  sample(ticket: Ticket, index: number, cells: readonly (Buffer | null)[], formats: readonly number[]): void;
  /** A result of this statement goes beyond its row limit (or, by the meter, its budget). @returns what the client gets in place of the rest; it is noted in the record. */
  exceeded(ticket: Ticket, by?: 'rows' | 'meter'): Denial;
  /** The statement changed more rows than it may, or `rows` null: nobody knows how many. @returns what the client gets; it is noted in the record. */
  changedTooMuch(ticket: Ticket, rows: number | null): Denial;
  finished(ticket: Ticket, outcome: GateOutcome): void;
  redact(
    ticket: Ticket | null,
    kind: 'error' | 'notice',
    fields: Readonly<Record<string, string>>,
  ): Readonly<Record<string, string>>;
  /** What of a notification's payload may be shown. Triggers and other sessions put whole rows there, and nobody knows from which columns: with any mask in the plan, nothing. */
  notification(payload: string): string;
}

/** Creates the answering half. */
export function createAnswers(context: GateContext): GateAnswers {
  const { identity } = context;
  const cache = createMaskCache();
  const sampleOf = (ticket: Ticket, index: number) => {
    const sample = ticket.samples[index] ?? createResultSample();
    ticket.samples[index] = sample;
    return sample;
  };
  return {
    describe(ticket, index, fields) {
      sampleOf(ticket, index).columns = fields.map((field) => field.name);
      const statement = ticket.understood.statements[index];
      const { evaluator } = ticket;
      const { view } = ticket.understood;
      const known = statement && cache.get(statement, evaluator, view, fields);
      const result =
        known ??
        maskResult(statement?.facts.outputs ?? null, fields, {
          ...{ evaluator, view, key: identity.maskingKey },
          watch: (...of) => context.delivered().watch(...of),
        });
      if (statement && known === undefined) cache.set(statement, evaluator, view, fields, result);
      const { masks, surprises } = result;
      for (const surprise of surprises) context.note('lineage-disagreement', surprise, ticket.number);
      if (surprises.length > 0) context.target.touched('catalog');
      return masks;
    },
    copyOut(ticket, index, columns, format) {
      const { evaluator } = ticket;
      if (!evaluator.hasMasks) return { masks: null };
      const outputs = ticket.understood.statements[index]?.facts.outputs ?? null;
      if (outputs === null || outputs.length !== columns) return 'refuse';
      const masks = outputs.map((output) => {
        const spec = evaluator.isReleased(output) ? null : strictestOf(output.origins, output.opaque, evaluator);
        const typeOid = output.typeOid ?? 0;
        const shared = { typeOid, format, key: identity.maskingKey };
        if (spec !== null) return createPostgresCellMask({ spec, direct: output.direct, typeModifier: -1, ...shared });
        const types = [...new Set(output.origins.flatMap((origin) => evaluator.detectOf(origin)))];
        return types.length === 0 ? null : createDetectMask({ types, ...shared });
      });
      return { masks: masks.some((mask) => mask !== null) ? masks : null };
    },
    copyIn: (ticket, index, columns, format) => watchCopyIn(context, ticket, index, columns, format),
    sample(ticket, index, cells, formats) {
      addSampleRow(sampleOf(ticket, index), cells, formats, identity.sampleLimits);
    },
    exceeded(ticket, by = 'rows') {
      if (by === 'meter') {
        const withheld = withheldDenial(ticket.leases, identity.sessionId);
        context.note('budget', withheld.message, ticket.number);
        return withheld;
      }
      const denial = rowLimitDenial(ticket.rowLimit ?? { maxRows: 0, rule: null }, identity.sessionId);
      context.note('row-limit', denial.message, ticket.number);
      return denial;
    },
    changedTooMuch(ticket, rows) {
      const denial = affectedDenial(ticket.affectedBound ?? { over: 0, rule: '' }, rows, identity.sessionId);
      context.note('row-bound', denial.message, ticket.number);
      return denial;
    },
    finished(ticket, outcome) {
      if (ticket.number > 0) context.objects.settle(ticket, outcome.index, outcome.tag !== null);
      const isLast = outcome.error !== null || outcome.index >= ticket.understood.statements.length - 1;
      if (isLast) for (const lease of ticket.leases) lease.end();
      const sample = ticket.samples[outcome.index];
      const event: StatementFinished = {
        event: 'result',
        atMs: context.now(),
        statement: ticket.number,
        index: outcome.index,
        tag: outcome.tag,
        rows: outcome.rows,
        bytes: outcome.bytes,
        durationMs: Math.max(0, Math.round((context.now() - ticket.startedAtMs) * 1000) / 1000),
        error: outcome.error,
        columns: sample?.columns ?? [],
        sample: sample?.rows ?? [],
        truncated: sample !== undefined && (sample.truncated || sample.rows.length < outcome.rows),
      };
      context.record(Buffer.from(JSON.stringify(event)), false);
      const observed = ticket.observedBounds?.[outcome.index];
      if (!observed) return;
      for (const why of observedExcesses(observed, outcome.tag, outcome.rows))
        context.note('row-bound-observed', why, ticket.number);
    },
    notification: (payload) => (payload === '' || !context.evaluator().hasMasks ? payload : '***'),
    redact(ticket, kind, fields) {
      const evaluator = ticket?.evaluator ?? context.evaluator();
      if (!evaluator.hasMasks) return fields;
      const names = (ticket?.understood.view ?? context.target.current())?.index;
      const clientText = ticket?.understood.text ?? null;
      return redactErrorFields({
        kind,
        fields,
        clientText,
        knownNames: (name) => names?.hasName(name) ?? false,
        protected: true,
      });
    },
  };
}
