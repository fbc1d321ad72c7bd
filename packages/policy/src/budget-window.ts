import type { BudgetWindow } from './schema/budget.ts';

const lengthsMs: Readonly<Record<BudgetWindow, number>> = { hour: 3_600_000, day: 86_400_000 };

/** The window (calendar, UTC) that a moment is in; milliseconds since the epoch, `endsAtMs` exclusive. */
export function budgetWindowAt(per: BudgetWindow, nowMs: number): { startsAtMs: number; endsAtMs: number } {
  const startsAtMs = Math.floor(nowMs / lengthsMs[per]) * lengthsMs[per];
  return { startsAtMs, endsAtMs: startsAtMs + lengthsMs[per] };
}
