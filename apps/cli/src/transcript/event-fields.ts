import type { SessionEventLine } from '@weir/api';
import { z } from 'zod';
import { visible } from '../terminal/visible.ts';

/** An event as it arrives: its kind is known, the rest is checked where it is shown. */
export type LooseEvent = SessionEventLine['event'];

const cell = z.string().nullable();
const statementSchema = z.object({
  event: z.literal('statement'),
  statement: z.number(),
  /** `request`: of SSH, whose kind says more than its text. */
  phase: z.string().optional(),
  kind: z.string().optional(),
  text: z.string(),
  parameters: z.array(cell).default([]),
  action: z.enum(['allow', 'deny', 'require-approval']),
  rule: z.string(),
  reason: z.string(),
  maskedColumns: z.array(z.object({ schema: z.string(), table: z.string(), column: z.string() })).default([]),
  approval: z.object({ requestId: z.string(), state: z.string(), by: cell }).nullable().default(null),
});
const resultSchema = z.object({
  event: z.literal('result'),
  statement: z.number(),
  tag: cell,
  rows: z.number(),
  durationMs: z.number(),
  error: z.object({ sqlstate: z.string(), message: z.string() }).nullable(),
  columns: z.array(z.string()).default([]),
  sample: z.array(z.array(cell)).default([]),
  truncated: z.boolean().default(false),
});

/** The fields of the two events that a transcript shows in detail (packages/recording, StatementJudged and StatementFinished). */
export type StatementEvent = z.output<typeof statementSchema>;
export type ResultEvent = z.output<typeof resultSchema>;

/** The event as one of the two; undefined when it is another or lacks a field. */
export function detailOf(event: LooseEvent): StatementEvent | ResultEvent | undefined {
  const parsed = z.union([statementSchema, resultSchema]).safeParse(event);
  return parsed.success ? parsed.data : undefined;
}

/** A field as text for a terminal; empty when it is absent. */
export function text(value: unknown): string {
  return value === undefined || value === null ? '' : visible(String(value));
}
