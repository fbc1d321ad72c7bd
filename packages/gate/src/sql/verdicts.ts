import type { BudgetRule, ColumnRef, PlanEvaluator, RowBound, Statement, Verdict } from '@weir/policy';
import type { AnalysedStatement } from '@weir/sql';
import { createRecordTail, type RecordTail } from '../order/statement-record.ts';
import { leadingKind, tablesOf } from './approval-binding.ts';
import { chargesOf } from './budget.ts';
import type { GateContext } from './gate.ts';
import { affectedBoundOf, observedBoundsOf } from './row-bounds.ts';
import { type RowLimit, rowLimitOf } from './row-limit.ts';
import type { Ticket, UnderstoodText } from './ticket.ts';

/** The decision on a whole text: of several statements the strictest verdict counts, and nothing runs unless all may. */
export interface Ruling {
  readonly evaluator: PlanEvaluator;
  readonly verdict: Verdict;
  readonly action: Verdict['action'];
  readonly rule: string;
  readonly rowLimit: RowLimit | null;
  /** Budgets that count the rows of each statement; null = none. */
  readonly charges: readonly (readonly BudgetRule[])[] | null;
  readonly affectedBound: RowBound | null;
  readonly observedBounds: Ticket['observedBounds'];
  /** Constant part of the record, serialised once per action. */
  tail(action: Verdict['action']): RecordTail;
}

/** Decides texts with the plan in force. */
export interface Verdicts {
  of(understood: UnderstoodText, parameters: readonly (string | null)[]): Ruling;
  /** The ruling on the same text after a denial that came later. */
  denied(ruling: Ruling, understood: UnderstoodText, verdict: Verdict): Ruling;
}

/** Creates the deciding step. A ruling is kept with its text's analysis as long as the plan reads nothing but the statement itself. */
export function createVerdicts(context: GateContext): Verdicts {
  let kept = new WeakMap<readonly AnalysedStatement[], Ruling>();
  let keptFor: PlanEvaluator | undefined;
  return {
    denied({ evaluator, rowLimit, affectedBound, observedBounds }, { statements }, verdict) {
      const bounds = { rowLimit, affectedBound, observedBounds };
      return rulingOf(evaluator, verdict, statements, maskedColumns(statements, evaluator), bounds);
    },
    of(understood, parameters) {
      const evaluator = context.evaluator();
      if (evaluator !== keptFor) {
        kept = new WeakMap();
        keptFor = evaluator;
      }
      const known = kept.get(understood.statements);
      if (known) return known;
      const ruling = createRuling(understood, parameters, evaluator, context);
      if (!evaluator.reads.now) kept.set(understood.statements, ruling);
      return ruling;
    },
  };
}

function createRuling(
  understood: UnderstoodText,
  parameters: readonly (string | null)[],
  evaluator: PlanEvaluator,
  context: GateContext,
): Ruling {
  const { identity } = context;
  const judged = understood.statements.map(({ facts }) => {
    const { text, view } = understood;
    const statement: Statement = {
      text,
      parameters,
      database: identity.database,
      role: view.role,
      searchPath: view.searchPath,
      facts,
    };
    return evaluator.evaluate(statement, {
      now: new Date(context.now()),
      interactive: identity.interactive,
      statementCount: understood.statements.length,
    });
  });
  const verdict = strictestVerdict(judged);
  const { statements } = understood;
  const ruling = rulingOf(evaluator, verdict, statements, maskedColumns(statements, evaluator), {
    rowLimit: rowLimitOf(statements, judged),
    affectedBound: affectedBoundOf(statements, judged),
    observedBounds: observedBoundsOf(judged),
  });
  return { ...ruling, charges: chargesOf(statements, evaluator.budgets.chargedBy) };
}

/** The ruling on a text that could not be understood. */
export function unreadableRuling(evaluator: PlanEvaluator, reason: string): Ruling {
  return rulingOf(evaluator, { action: 'deny', rule: 'not-understood', reason, hint: '', trace: [] }, [], [], {
    rowLimit: null,
    affectedBound: null,
    observedBounds: null,
  });
}

function rulingOf(
  evaluator: PlanEvaluator,
  verdict: Verdict,
  statements: readonly AnalysedStatement[],
  masked: readonly ColumnRef[],
  bounds: Pick<Ruling, 'rowLimit' | 'affectedBound' | 'observedBounds'>,
): Ruling {
  const tails = new Map<Verdict['action'], RecordTail>();
  const { action, rule, reason, trace } = verdict;
  const kind = statements.length === 0 ? 'unknown' : leadingKind(statements);
  return {
    evaluator,
    verdict,
    action,
    rule,
    ...bounds,
    charges: null,
    tail(final) {
      let tail = tails.get(final);
      if (tail === undefined) {
        const tables = tablesOf(statements);
        tail = createRecordTail({ action: final, rule, reason, trace, kind, tables, maskedColumns: masked });
        tails.set(final, tail);
      }
      return tail;
    },
  };
}

const severity = { deny: 2, 'require-approval': 1, allow: 0 } as const;
const emptyVerdict: Verdict = {
  action: 'allow',
  rule: 'empty',
  reason: 'the text holds no statement',
  trace: [],
  maxRows: null,
};

function strictestVerdict(verdicts: readonly Verdict[]): Verdict {
  return verdicts.reduce(
    (worst, next) => (severity[next.action] > severity[worst.action] ? next : worst),
    verdicts[0] ?? emptyVerdict,
  );
}

function maskedColumns(statements: readonly AnalysedStatement[], evaluator: PlanEvaluator): ColumnRef[] {
  if (!evaluator.hasMasks) return [];
  const masked = new Map<string, ColumnRef>();
  for (const { facts } of statements) {
    for (const output of facts.outputs ?? []) {
      if (evaluator.isReleased(output)) continue;
      for (const origin of output.origins) {
        if (evaluator.maskOf(origin) !== null) masked.set(`${origin.schema}.${origin.table}.${origin.column}`, origin);
      }
    }
  }
  return [...masked.values()];
}
