import type { RowBound, RowBounds, Verdict } from '@weir/policy';
import type { AnalysedStatement } from '@weir/sql';
import { createDenial, type Denial } from '../order/denial.ts';

/** The smallest bound on the rows that a text may change; null = none, or it changes none. `verdicts` as `statements`. */
export function affectedBoundOf(
  statements: readonly AnalysedStatement[],
  verdicts: readonly Verdict[],
): RowBound | null {
  let smallest: RowBound | null = null;
  for (const [i, verdict] of verdicts.entries()) {
    const bound = verdict.action === 'deny' ? null : (verdict.bounds?.affected ?? null);
    if (bound === null || statements[i]?.facts.dataChanges === 0) continue;
    if (smallest === null || bound.over < smallest.over) smallest = bound;
  }
  return smallest;
}

/** Bounds that are only noted when a statement passes them. */
export function observedBoundsOf(verdicts: readonly Verdict[]): readonly (RowBounds['observed'] | null)[] | null {
  const observed = verdicts.map((verdict) => (verdict.action === 'deny' ? null : (verdict.bounds?.observed ?? null)));
  return observed.some((bounds) => bounds !== null) ? observed : null;
}

/** Rows that a command tag names as changed; null = it names none. */
export function changedRows(tag: string): number | null {
  const found = /^(?:INSERT \d+|UPDATE|DELETE|MERGE|COPY) (\d+)$/.exec(tag);
  return found === null ? null : Number(found[1]);
}

/** What a statement passed without being stopped, one sentence for each bound. */
export function observedExcesses(
  { affected, returned }: RowBounds['observed'],
  tag: string | null,
  rows: number,
): readonly string[] {
  const changed = tag === null ? null : changedRows(tag);
  const found: string[] = [];
  if (affected !== null && changed !== null && changed > affected.over)
    found.push(
      `observe only: ${changed} rows were changed, rule "${affected.rule}" would have allowed ${affected.over}`,
    );
  if (returned !== null && rows > returned.over)
    found.push(`observe only: ${rows} rows were returned, rule "${returned.rule}" would have allowed ${returned.over}`);
  return found;
}

/** What the client reads in place of success. `rows` null = the server did not say how many. */
export function affectedDenial({ over, rule }: RowBound, rows: number | null, sessionId: string): Denial {
  const what = rows === null ? 'it is not known how many rows this changes' : `${rows} rows would have changed`;
  return createDenial('statement_denied', `${what}, and no more than ${over} may: nothing was changed`, {
    detail: `Denied by rule "${rule}" of the access policy, session ${sessionId}.`,
    hint:
      rows === null
        ? 'Ask for all rows of the statement at once (no row limit in Execute).'
        : 'Name fewer rows in the WHERE clause, or change them in smaller steps.',
  });
}
