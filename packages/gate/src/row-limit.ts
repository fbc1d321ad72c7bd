import type { StatementKind, Verdict } from '@weir/policy';
import type { AnalysedStatement } from '@weir/sql';
import { createDenial, type Denial } from './denial.ts';

/** Bound on the rows of each result of a text. */
export interface RowLimit {
  readonly maxRows: number;
  /** Name of the rule, for the user; null when the verdict names another one. */
  readonly rule: string | null;
}

/** Kinds that answer with no rows unless they say so (RETURNING). */
const rowless: ReadonlySet<StatementKind> = new Set<StatementKind>([
  ...(['insert', 'update', 'delete', 'merge', 'truncate', 'copy-from'] as const),
  ...(['transaction', 'set', 'deallocate', 'declare-cursor', 'close-cursor', 'listen', 'notify', 'lock'] as const),
]);

/** The smallest bound of the statements of one text; null = none, or nothing that answers with rows. `verdicts` as `statements`. */
export function rowLimitOf(statements: readonly AnalysedStatement[], verdicts: readonly Verdict[]): RowLimit | null {
  let limit: RowLimit | null = null;
  for (const [i, verdict] of verdicts.entries()) {
    const facts = statements[i]?.facts;
    if (verdict.action === 'deny' || verdict.maxRows === null) continue;
    if (facts !== undefined && facts.outputs === null && facts.opaque.length === 0 && rowless.has(facts.kind)) continue;
    if (limit !== null && limit.maxRows <= verdict.maxRows) continue;
    limit = { maxRows: verdict.maxRows, rule: verdict.action === 'allow' ? verdict.rule : null };
  }
  return limit;
}

/** What the client reads in place of the rows beyond the bound. */
export function rowLimitDenial({ maxRows, rule }: RowLimit, sessionId: string): Denial {
  const by = rule === null ? 'the access policy' : `rule "${rule}" of the access policy`;
  return createDenial('statement_denied', `more than ${maxRows} rows: the rest was withheld`, {
    detail: `Limited by ${by}, session ${sessionId}.`,
    hint: `Add a WHERE clause or LIMIT ${maxRows}.`,
  });
}
