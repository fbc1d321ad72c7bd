import type { PlanEvaluator, RowBound, RowBounds } from '@weir/policy';
import type { AnalysedStatement } from '@weir/sql';
import type { BudgetLease } from './budget.ts';
import type { ResultSample } from './result-sample.ts';
import type { RowLimit } from './row-limit.ts';
import type { TargetView } from './target-view.ts';

/** A statement text whose meaning is known in one view of the target. Parse keeps it; Execute uses it again while the view is the same. */
export interface UnderstoodText {
  readonly text: string;
  readonly view: TargetView;
  /** Of the plan that it was analysed under. */
  readonly trustedFunctions: readonly string[] | undefined;
  readonly statements: readonly AnalysedStatement[];
  /** Relations that neither this view nor a fresh catalog knows. */
  readonly unknownRelations: readonly string[];
  /** So with columns, as the server's message shows them, and functions by qualified name. */
  readonly unknownColumns: readonly string[];
  readonly unknownFunctions: readonly string[];
}

/** A statement on its way: what the gate gave to the engine with `forward`, and gets back with results. */
export interface Ticket {
  /** Counts from 1 in the channel; 0 = a Parse, of which nothing runs. */
  readonly number: number;
  readonly understood: UnderstoodText;
  readonly evaluator: PlanEvaluator;
  /** Most rows that each of its results may deliver, and the rule that says so; null = no bound. */
  readonly rowLimit: RowLimit | null;
  /** Leases of the budgets that count its rows. */
  readonly leases: readonly BudgetLease[];
  /** Most rows that it may change; null = no bound. */
  readonly affectedBound: RowBound | null;
  /** Bounds that are only noted, by statement index; null = none at all. */
  readonly observedBounds: readonly (RowBounds['observed'] | null)[] | null;
  readonly startedAtMs: number;
  /** Samples by statement index. */
  readonly samples: (ResultSample | undefined)[];
  /** Indexes of statements whose changes to the session's objects are not settled. */
  readonly unsettled: Set<number>;
}
