import type { ApprovalVerdict, BudgetRule, Verdict } from '@weir/policy';
import type { AnalysedStatement } from '@weir/sql';
import { createDenial, type Denial } from '../order/denial.ts';
import { isRowless } from './row-limit.ts';

/** Counts rows while they are delivered (the engine's RowMeter, the same shape). */
export interface ResultMeter {
  readonly rowsLeft: number;
  readonly bytesLeft: number;
  took(rows: number, bytes: number): void;
  overdraw(bytes: number): boolean;
}

/** What one channel may deliver of a budget now. */
export interface BudgetLease extends ResultMeter {
  readonly rule: BudgetRule;
  /** The budget is only observed, and used up. */
  readonly isOver: boolean;
  /** When the budget starts anew, milliseconds since the epoch. */
  readonly resetsAtMs: number;
  /** Why it could not be extended, when the ledger could not be asked. */
  readonly failure: string | null;
  /** A statement that uses it begins; until it ends the lease is not given back. */
  begin(): void;
  end(): void;
}

/** A lease, or why there is none. */
export type BudgetAnswer =
  | { readonly state: 'granted'; readonly lease: BudgetLease }
  | { readonly state: 'exhausted' | 'failed'; readonly reason: string; readonly resetsAtMs: number };

/** The way to the ledger of budgets, which the gateway keeps. */
export interface BudgetDesk {
  /** Answers at once while the channel holds a lease that is not spent. `requestId`: the approved request that adds to the allowance first. */
  lease(rule: BudgetRule, requestId: string | null): BudgetAnswer | Promise<BudgetAnswer>;
}

/** Leases of a text by budget, or the first budget that refuses. */
export type Allowance =
  | { readonly leases: readonly BudgetLease[] }
  | { readonly refusedBy: BudgetRule; readonly answer: BudgetAnswer & { state: 'exhausted' | 'failed' } };

/** The budgets that count rows of each statement of a text; null = none counts any. */
export function chargesOf(
  statements: readonly AnalysedStatement[],
  chargedBy: (facts: AnalysedStatement['facts']) => readonly BudgetRule[],
): readonly (readonly BudgetRule[])[] | null {
  const charges = statements.map((statement) => (isRowless(statement) ? [] : chargedBy(statement.facts)));
  return charges.some((rules) => rules.length > 0) ? charges : null;
}

/** Takes a lease of each budget; takes no turn of the event loop when the channel holds all of them. `approved` = rule and request that adds to it. */
export function leaseAll(
  desk: BudgetDesk,
  charges: readonly (readonly BudgetRule[])[],
  approved: { readonly rule: string; readonly requestId: string } | null,
): Allowance | Promise<Allowance> {
  const rules = [...new Set(charges.flat())];
  const leases: BudgetLease[] = [];
  const next = (at: number): Allowance | Promise<Allowance> => {
    const rule = rules[at];
    if (rule === undefined) return { leases };
    const answer = desk.lease(rule, approved?.rule === rule.rule ? approved.requestId : null);
    return answer instanceof Promise ? answer.then((late) => took(at, rule, late)) : took(at, rule, answer);
  };
  const took = (at: number, rule: BudgetRule, answer: BudgetAnswer): Allowance | Promise<Allowance> => {
    if (answer.state !== 'granted') return { refusedBy: rule, answer };
    leases.push(answer.lease);
    return next(at + 1);
  };
  return next(0);
}

/** Meters of the results of a text, by statement. */
export function metersOf(
  charges: readonly (readonly BudgetRule[])[],
  leases: readonly BudgetLease[],
): readonly (ResultMeter | null)[] {
  return charges.map((rules) => {
    const mine = leases.filter((lease) => rules.some(({ rule }) => rule === lease.rule.rule));
    const [only] = mine;
    return mine.length > 1 ? joinMeters(mine) : (only ?? null);
  });
}

function joinMeters(meters: readonly ResultMeter[]): ResultMeter {
  return {
    get rowsLeft() {
      return Math.min(...meters.map(({ rowsLeft }) => rowsLeft));
    },
    get bytesLeft() {
      return Math.min(...meters.map(({ bytesLeft }) => bytesLeft));
    },
    took(rows, bytes) {
      for (const meter of meters) meter.took(rows, bytes);
    },
    overdraw(bytes) {
      const isShort = (meter: ResultMeter) => meter.rowsLeft < 1 || meter.bytesLeft < bytes;
      if (!meters.every((meter) => !isShort(meter) || meter.overdraw(bytes))) return false;
      for (const meter of meters) if (!isShort(meter)) meter.took(1, bytes);
      return true;
    },
  };
}

/** The allowance in words: `1000 rows and 20000 bytes per day`. */
function allowanceOf({ rows, bytes, per }: BudgetRule): string {
  const parts = [rows === null ? '' : `${rows} rows`, bytes === null ? '' : `${bytes} bytes`].filter(Boolean);
  return `${parts.join(' and ')} per ${per}`;
}

const timeOf = (ms: number) => new Date(ms).toISOString().replace(/\.000Z$/, 'Z');

/** Why nothing more is delivered in this window. */
export function exhaustedReason(rule: BudgetRule, resetsAtMs: number): string {
  const authored = rule.reason === null ? '' : `: ${rule.reason}`;
  return `the budget "${rule.rule}" of ${allowanceOf(rule)} is used up${authored}; it starts anew at ${timeOf(resetsAtMs)}`;
}

/** What is said of observed budgets that would have refused the statement. */
export function observedBudgets(leases: readonly BudgetLease[]): string[] {
  return leases
    .filter(({ isOver }) => isOver)
    .map(({ rule, resetsAtMs }) => `observe only, would be denied: ${exhaustedReason(rule, resetsAtMs)}`);
}

/** The question that an approver of more answers; null when the budget asks nobody. */
export function budgetVerdict(
  rule: BudgetRule,
  answer: { readonly state: 'exhausted' | 'failed'; readonly resetsAtMs: number },
  { verdict }: { readonly verdict: Verdict },
): ApprovalVerdict | null {
  if (rule.approval === null || answer.state === 'failed' || verdict.action === 'deny') return null;
  return {
    action: 'require-approval',
    rule: rule.rule,
    reason: `${exhaustedReason(rule, answer.resetsAtMs)}. Approval adds ${allowanceOf(rule)} once.`,
    trace: verdict.trace,
    maxRows: verdict.maxRows,
    ...rule.approval,
  };
}

/** Refuses a statement before it runs. */
export function budgetDenial(
  rule: BudgetRule,
  answer: { readonly state: 'exhausted' | 'failed'; readonly reason: string; readonly resetsAtMs: number },
  sessionId: string,
): Denial {
  const detail = `Counted by rule "${rule.rule}" of the access policy, session ${sessionId}.`;
  if (answer.state === 'failed') {
    const message = `the budget "${rule.rule}" could not be asked, so nothing that it counts is delivered: ${answer.reason}`;
    return createDenial('gateway_unavailable', message, { detail, hint: 'Try again in a moment.' });
  }
  const reason = answer.reason === '' ? '' : ` (${answer.reason})`;
  return createDenial('statement_denied', `${exhaustedReason(rule, answer.resetsAtMs)}${reason}`, {
    detail,
    hint: rule.hint ?? 'Wait until then, or ask an administrator of the policy. See what is left: weir budgets',
  });
}

/** What the client reads in place of the rows that a budget does not cover. */
export function withheldDenial(leases: readonly BudgetLease[], sessionId: string): Denial {
  const spent = leases.find(({ rowsLeft }) => rowsLeft < 1) ?? leases.reduce(smallest);
  const { rule, resetsAtMs, failure } = spent;
  const why =
    failure === null ? exhaustedReason(rule, resetsAtMs) : `the budget "${rule.rule}" could not be asked: ${failure}`;
  const next =
    rule.approval === null
      ? 'Wait until then, or ask an administrator of the policy.'
      : 'Send it again: another person can then approve more.';
  return createDenial('statement_denied', `the rest was withheld: ${why}`, {
    detail: `Counted by rule "${rule.rule}" of the access policy, session ${sessionId}.`,
    hint: rule.hint ?? `${next} See what is left: weir budgets`,
  });
}

const smallest = (a: BudgetLease, b: BudgetLease) => (b.bytesLeft < a.bytesLeft ? b : a);
