import { createHash } from 'node:crypto';
import type { ColumnRef, StatementKind, Verdict } from '@weir/policy';
import type { StatementFinished, StatementJudged } from '@weir/recording';
import type { AnalysedStatement } from '@weir/sql';
import { tablesOf } from './approval-binding.ts';

/** The part of a statement's record that is the same each time that the same analysis gets the same verdict: JSON text without braces. */
export type RecordTail = string;

/** Facts of a record that do not depend on one execution. */
export interface RecordFacts {
  readonly action: Verdict['action'];
  readonly rule: string;
  readonly reason: string;
  readonly trace: Verdict['trace'];
  readonly kind: StatementKind;
  readonly statements: readonly AnalysedStatement[];
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
      tables: tablesOf(facts.statements),
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

/** One StatementFinished event as JSON bytes. */
export function encodeFinished(event: StatementFinished): Buffer {
  return Buffer.from(JSON.stringify(event));
}

/** A parameter that was not kept: its length, its first bytes and the SHA-256 (hex) of all. */
export interface LargeParameter {
  readonly length: number;
  readonly head: Buffer;
  readonly sha256: string;
}

/**
 * A parameter as the record shows it and an approval is bound to it: text as sent, binary as \x hex. Of a value beyond 64 KiB at most that much, its length
 * and its SHA-256, so that no other value looks the same.
 */
export function describeParameter(value: Buffer | LargeParameter | null, format: number): string | null {
  if (value === null) return null;
  const isWhole = Buffer.isBuffer(value);
  const kept = (isWhole ? value : value.head).subarray(0, maxParameterBytes);
  const shown = format === 1 ? `\\x${kept.toString('hex')}` : kept.toString('utf8');
  if (isWhole && value.length <= maxParameterBytes) return shown;
  const sha256 = isWhole ? createHash('sha256').update(value).digest('hex') : value.sha256;
  return `${shown}… (${value.length} bytes, SHA-256 ${sha256})`;
}

const maxParameterBytes = 65_536;
