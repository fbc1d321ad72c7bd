import type { ColumnRef, Verdict } from '@weir/policy';
import type { ChannelNote, StatementJudged } from '@weir/recording';

/** The part of a statement's record that is the same each time that the same analysis gets the same verdict: JSON text without braces. */
export type RecordTail = string;

/** Facts of a record that do not depend on one execution. */
export interface RecordFacts {
  readonly action: Verdict['action'];
  readonly rule: string;
  readonly reason: string;
  readonly trace: Verdict['trace'];
  readonly kind: string;
  readonly tables: readonly string[];
  readonly maskedColumns: readonly ColumnRef[];
}

/** Serialises the constant part once; the trace keeps the rules that matched (all rules are in the plan that the session names). */
export function createRecordTail(facts: RecordFacts): RecordTail {
  const constant: Omit<StatementJudged, 'event' | 'atMs' | 'statement' | 'phase' | 'text' | 'parameters' | 'approval'> =
    {
      action: facts.action,
      rule: facts.rule,
      reason: facts.reason,
      trace: facts.trace.filter((step) => step.matched),
      kind: facts.kind,
      tables: facts.tables,
      maskedColumns: facts.maskedColumns,
    };
  return JSON.stringify(constant).slice(1, -1);
}

/** The changing part of a statement's record. */
export interface RecordHead {
  readonly atMs: number;
  readonly statement: number;
  readonly phase: StatementJudged['phase'];
  readonly text: string;
  readonly parameters: readonly (string | null)[];
  readonly approval: StatementJudged['approval'];
}

/** One StatementJudged event as JSON bytes. */
export function encodeJudged(head: RecordHead, tail: RecordTail): Buffer {
  const parameters = head.parameters.length === 0 ? '[]' : JSON.stringify(head.parameters);
  const approval = head.approval === null ? 'null' : JSON.stringify(head.approval);
  return Buffer.from(
    `{"event":"statement","atMs":${head.atMs},"statement":${head.statement},"phase":"${head.phase}","parameters":${parameters},"approval":${approval},"text":${JSON.stringify(head.text)},${tail}}`,
  );
}

/** A note as JSON bytes. */
export function encodeNote(atMs: number, code: string, message: string, statement: number | null): Buffer {
  const event: ChannelNote = { event: 'note', atMs, code, message, statement };
  return Buffer.from(JSON.stringify(event));
}
