import { type BudgetRule, budgetWindowAt } from '@weir/policy';
import type { BudgetGrant } from '@weir/proto';
import type { AuditLog } from '../audit/audit-log.ts';
import type { BudgetAccount, BudgetRepository, BudgetState } from '../store/budgets.ts';
import { leaseShares } from './lease-size.ts';

/** Whose account a lease is of. */
export interface BudgetHolder {
  readonly userId: string;
  readonly principal: string;
  readonly session: string;
}

/** An open lease as the ledger keeps it: what was counted as used when it was granted. */
export interface OpenLease {
  readonly account: BudgetAccount;
  readonly rows: number;
  readonly bytes: number;
}

/** A grant and its lease; the caller numbers both. */
export interface LedgerAnswer {
  readonly grant: Omit<BudgetGrant, 'ask' | 'lease'>;
  readonly lease: OpenLease | null;
}

/** What the ledger stands on. */
export interface LedgerParts {
  readonly budgets: BudgetRepository;
  readonly audit: AuditLog;
  readonly now: () => number;
  /** How long an ask waits for leases of other channels to come back, ms. */
  readonly waitMs: number;
}

/** Grants leases and takes them back. What is granted counts as used from then on, so that no number of sessions gets more than the budget. */
export interface Ledger {
  lease(holder: BudgetHolder, rule: BudgetRule): Promise<LedgerAnswer>;
  /** The lease ends; what it was not used for can be granted again. */
  settle(lease: OpenLease, used: { readonly rows: number; readonly bytes: number }): Promise<void>;
  /** The lease will never be reported: it stays counted as used. */
  lose(lease: OpenLease): void;
  accountOf(holder: BudgetHolder, rule: BudgetRule): BudgetAccount;
}

const keyOf = ({ userId, rule, per, startsAt }: BudgetAccount) =>
  JSON.stringify([userId, rule, per, startsAt.getTime()]);
const isOver = ({ maxRows, maxBytes, rowsUsed, bytesUsed }: BudgetState) =>
  (maxRows !== null && rowsUsed >= maxRows) || (maxBytes !== null && bytesUsed >= maxBytes);

/** How long accounts are kept after their window, ms. */
const keptMs = 7 * 86_400_000;

/** Makes the ledger. */
export function createLedger({ budgets, audit, now, waitMs }: LedgerParts): Ledger {
  /** Open leases of each account, and who waits for one to come back. */
  const open = new Map<string, number>();
  const waiting = new Map<string, Set<() => void>>();
  let forgottenAtMs = 0;

  const closed = (lease: OpenLease) => {
    const key = keyOf(lease.account);
    const left = (open.get(key) ?? 1) - 1;
    if (left > 0) open.set(key, left);
    else open.delete(key);
    for (const wake of waiting.get(key) ?? []) wake();
  };
  /** @returns false when the time is over, or nothing can come back. */
  const comesBack = (key: string, untilMs: number): Promise<boolean> => {
    const leftMs = untilMs - Date.now();
    if (leftMs <= 0 || !open.has(key)) return Promise.resolve(false);
    return new Promise((resolve) => {
      const wakers = waiting.get(key) ?? new Set();
      const end = (isBack: boolean) => {
        clearTimeout(timer);
        wakers.delete(wake);
        if (wakers.size === 0) waiting.delete(key);
        resolve(isBack);
      };
      const wake = () => end(true);
      const timer = setTimeout(() => end(false), leftMs);
      waiting.set(key, wakers.add(wake));
    });
  };
  const noteExhausted = async (account: BudgetAccount, session: string | null) => {
    if (!(await budgets.exhaust(account, new Date(now())))) return;
    const { principal, rule, per, mode, maxRows, maxBytes, endsAt } = account;
    const detail = { per, mode, maxRows, maxBytes, resetsAt: endsAt.toISOString(), ...(session && { session }) };
    await audit.append({ actor: principal, action: 'budget-exhausted', subject: rule, detail });
  };
  const forgetOld = () => {
    if (now() - forgottenAtMs < 3_600_000) return;
    forgottenAtMs = now();
    void budgets.forgetBefore(new Date(now() - keptMs)).catch(() => {
      forgottenAtMs = 0;
    });
  };

  const accountOf = ({ userId, principal }: BudgetHolder, rule: BudgetRule): BudgetAccount => {
    const { startsAtMs, endsAtMs } = budgetWindowAt(rule.per, now());
    return {
      ...{ userId, principal, rule: rule.rule, per: rule.per, mode: rule.mode },
      ...{ startsAt: new Date(startsAtMs), endsAt: new Date(endsAtMs), maxRows: rule.rows, maxBytes: rule.bytes },
    };
  };

  const take = async (account: BudgetAccount): Promise<LedgerAnswer & { isExhausted: boolean }> => {
    const isObserved = account.mode === 'observe';
    const { before, change } = await budgets.take(account, (state) => {
      if (isObserved || isOver(state)) return { rows: 0, bytes: 0 };
      const { rows, bytes } = leaseShares(state);
      return { rows: rows.granted ?? 0, bytes: bytes.granted ?? 0 };
    });
    const isExhausted = isOver(before);
    const resetsAtMs = account.endsAt.getTime();
    const shared = { isOver: isExhausted && isObserved, resetsAtMs, reason: '' };
    if (isExhausted && !isObserved) {
      const none = { rows: 0, bytes: 0, isLastOfRows: true, isLastOfBytes: true };
      return { isExhausted, lease: null, grant: { ...none, ...shared, state: 'exhausted' } };
    }
    const shares = leaseShares(before);
    const bounds = isObserved
      ? { rows: null, bytes: null }
      : { rows: shares.rows.granted, bytes: shares.bytes.granted };
    const last = { isLastOfRows: isObserved || shares.rows.isLast, isLastOfBytes: isObserved || shares.bytes.isLast };
    return {
      isExhausted,
      lease: { account, ...change },
      grant: { ...bounds, ...last, ...shared, state: 'granted' },
    };
  };

  return {
    accountOf,
    async lease(holder, rule) {
      forgetOld();
      const account = accountOf(holder, rule);
      const key = keyOf(account);
      const untilMs = Date.now() + waitMs;
      for (;;) {
        const answer = await take(account);
        if (answer.lease !== null) {
          open.set(key, (open.get(key) ?? 0) + 1);
          if (answer.isExhausted) await noteExhausted(account, holder.session);
          return answer;
        }
        if (await comesBack(key, untilMs)) continue;
        if (!open.has(key)) await noteExhausted(account, holder.session);
        const reason = open.has(key) ? 'statements of other sessions hold what is left' : '';
        return { lease: null, grant: { ...answer.grant, reason } };
      }
    },
    async settle(lease, used) {
      try {
        const change = { rows: used.rows - lease.rows, bytes: used.bytes - lease.bytes };
        const state = await budgets.settle(lease.account, change);
        if (state !== undefined && isOver(state) && open.get(keyOf(lease.account)) === 1)
          await noteExhausted(lease.account, null);
      } finally {
        closed(lease);
      }
    },
    lose: closed,
  };
}
