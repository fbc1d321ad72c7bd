import type { z } from 'zod';
import { count, list, oneOf, pathGlob, section, text } from './field.ts';
import { approvalSchema } from './guardrail.ts';
import { connectionsSchema, whoSchema } from './selector.ts';

/** Windows that a budget can be for: the hour and the day of the calendar, in UTC. */
export const budgetWindows = ['hour', 'day'] as const;
export type BudgetWindow = (typeof budgetWindows)[number];

/** `spec` of a Budget document: how much of some tables one principal may receive in an hour or a day, over all sessions. */
export const budgetSchema = section({
  who: whoSchema.optional(),
  connections: connectionsSchema.optional(),
  tables: list(pathGlob('schema.table')),
  rows: count(1).optional(),
  bytes: count(1).optional(),
  per: oneOf(budgetWindows),
  action: oneOf(['deny', 'require-approval']).default('deny'),
  approval: approvalSchema.optional(),
  reason: text(500).optional(),
  hint: text(500).optional(),
  mode: oneOf(['enforce', 'observe']).default('enforce'),
}).superRefine((spec, context) => {
  const problem = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
  if (spec.rows === undefined && spec.bytes === undefined) problem([], 'A budget needs "rows", "bytes" or both.');
  if (spec.action === 'require-approval' && spec.approval === undefined)
    problem(['action'], 'require-approval needs "approval" with approvers.');
  if (spec.action === 'deny' && spec.approval !== undefined)
    problem(['approval'], 'A budget that denies cannot ask for approval.');
});
export type BudgetSpec = z.output<typeof budgetSchema>;
