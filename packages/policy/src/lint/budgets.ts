import type { Finding } from '../finding.ts';
import type { PlacedDocument } from '../parse.ts';
import { warning } from './warning.ts';

/** Budgets of rows alone: one row can hold the values of a whole table. */
export function findBudgetWarnings(documents: readonly PlacedDocument[]): Finding[] {
  return documents.flatMap((placed) => {
    const { document } = placed;
    if (document.kind !== 'Budget' || document.spec.bytes !== undefined) return [];
    const message = 'An aggregate such as string_agg() delivers a whole table in one row; set "bytes", too.';
    return [warning('budget-without-bytes', message, placed, ['spec', 'rows'])];
  });
}
