import { createPathGlobs } from '../glob.ts';
import type { BudgetRule } from '../plan.ts';
import type { SqlFacts } from '../statement.ts';
import type { DenyVerdict, TraceStep } from '../verdict.ts';
import { columnName, commandName, reasonOf } from './wording.ts';

/** What the budgets of a plan say about statements. */
export interface Budgets {
  /** The budgets that the rows of this statement are counted in. A statement that is not understood counts in all. */
  chargedBy(facts: SqlFacts): readonly BudgetRule[];
  /** Denies what would store rows of an enforced budget where reading them is not counted; adds one step per budget to the trace. */
  decide(facts: SqlFacts, trace: TraceStep[]): Omit<DenyVerdict, 'trace'> | null;
}

const none: readonly BudgetRule[] = [];

/** Compiles the budgets of a plan. */
export function createBudgets(rules: readonly BudgetRule[]): Budgets {
  if (rules.length === 0) return { chargedBy: () => none, decide: () => null };
  const compiled = rules.map((rule) => {
    const matches = createPathGlobs(rule.tables);
    return { rule, isOver: ({ schema, table }: { schema: string; table: string }) => matches(schema, table) };
  });
  const isCharged = (facts: SqlFacts, { isOver }: (typeof compiled)[number]): boolean =>
    facts.opaque.length > 0 ||
    facts.tables.some(isOver) ||
    facts.outputs?.some(({ opaque, origins }) => opaque || origins.some(isOver)) === true;
  return {
    chargedBy(facts) {
      const charged = compiled.filter((budget) => isCharged(facts, budget));
      return charged.length === 0 ? none : charged.map(({ rule }) => rule);
    },
    decide(facts, trace) {
      let denial: Omit<DenyVerdict, 'trace'> | null = null;
      for (const budget of compiled) {
        const { rule } = budget.rule;
        const copied = escapeOf(facts, budget.isOver);
        const prefix = copied !== null && budget.rule.mode === 'observe' ? 'observe only: ' : '';
        const matched = copied !== null || isCharged(facts, budget);
        const charge = matched ? 'budget: the rows that are delivered count' : 'its tables do not take part';
        trace.push({ rule, matched, why: copied === null ? charge : prefix + copied });
        if (copied === null || budget.rule.mode === 'observe') continue;
        const hint = budget.rule.hint ?? 'Read the table itself, or ask an administrator of the policy.';
        denial ??= { action: 'deny', rule, reason: reasonOf(copied, budget.rule.reason), hint };
      }
      return denial;
    },
  };
}

function escapeOf(facts: SqlFacts, isOver: (table: { schema: string; table: string }) => boolean): string | null {
  const copied = facts.copies.find(({ from, to }) => isOver(from) && (to === null || !isOver(to)));
  if (copied === undefined) return null;
  const where = copied.to === null ? 'a place' : `${columnName(copied.to)}, a place`;
  return `${commandName(facts)} would store ${columnName(copied.from)} in ${where} where reading it is not counted`;
}
