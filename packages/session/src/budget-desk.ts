import type { BudgetAnswer, BudgetDesk } from '@weir/gate';
import type { BudgetRule } from '@weir/policy';
import type { BudgetAsk, BudgetGrant, BudgetReport } from '@weir/proto';
import { createHeldLease, type HeldLease } from './budget-lease.ts';

/** The desk's two ends: the gate takes leases, frames arrive. */
export interface ChannelBudgetDesk extends BudgetDesk {
  /** A BUDGET_GRANT frame. */
  granted(grant: BudgetGrant): void;
  /** The channel ends: what leases were used for is reported, as long as the lane takes frames. */
  close(isLaneOpen: boolean): void;
}

/** What the desk sends, and what it does to its channel. */
export interface BudgetPorts {
  ask(ask: BudgetAsk): void;
  report(report: BudgetReport): void;
  /** Nothing more is read from the server while true: what it sent already may be delivered before the answer. */
  holdServer(isHeld: boolean): void;
  /** Calls back once after so many ms unless cancelled. @returns cancels */
  after(ms: number, run: () => void): () => void;
}

/** A lease that no statement uses goes back after this time. */
const idleMs = 250;
/** The gateway answers within this time, or the ledger cannot be reached. */
const answerMs = 10_000;

const unanswered = (reason: string): Omit<BudgetGrant, 'ask'> => ({
  ...{ state: 'failed', lease: 0, rows: 0, bytes: 0, isLastOfRows: true, isLastOfBytes: true, isOver: false },
  ...{ resetsAtMs: 0, reason },
});

/** Creates the desk of one channel. */
export function createBudgetDesk(ports: BudgetPorts): ChannelBudgetDesk {
  const held = new Map<string, HeldLease>();
  const asked = new Map<number, (grant: BudgetGrant) => void>();
  let asks = 0;
  let holds = 0;
  let isClosed = false;

  const ask = (rule: string, requestId: string | null): Promise<BudgetGrant> => {
    asks += 1;
    const number = asks;
    if (isClosed) return Promise.resolve({ ask: number, ...unanswered('the channel has ended') });
    return new Promise((resolve) => {
      const cancel = ports.after(answerMs, () => settle({ ask: number, ...unanswered('the gateway did not answer') }));
      const settle = (grant: BudgetGrant) => {
        cancel();
        asked.delete(number);
        resolve(grant);
      };
      asked.set(number, settle);
      ports.ask({ ask: number, rule, requestId });
    });
  };

  const hold = (isHeld: boolean) => {
    holds += isHeld ? 1 : -1;
    if (holds === (isHeld ? 1 : 0)) ports.holdServer(isHeld);
  };

  const give = (rule: BudgetRule, grant: BudgetGrant): BudgetAnswer => {
    if (grant.state !== 'granted') return { state: grant.state, reason: grant.reason, resetsAtMs: grant.resetsAtMs };
    const known = held.get(rule.rule);
    if (known !== undefined) {
      known.take(rule, grant);
      return { state: 'granted', lease: known };
    }
    const lease = createHeldLease(rule, grant, {
      more: () => ask(rule.rule, null),
      report: (report) => {
        if (!isClosed) ports.report(report);
      },
      hold,
      whenIdle: (run) => ports.after(idleMs, run),
      closed: () => held.delete(rule.rule),
    });
    held.set(rule.rule, lease);
    return { state: 'granted', lease };
  };

  return {
    lease(rule, requestId) {
      const known = held.get(rule.rule);
      if (known?.isUsable && requestId === null) {
        known.renew(rule);
        return { state: 'granted', lease: known };
      }
      return ask(rule.rule, requestId).then((grant) => give(rule, grant));
    },
    granted(grant) {
      const settle = asked.get(grant.ask);
      if (settle !== undefined) settle(grant);
      // Too late: nobody waits for it any more.
      else if (grant.state === 'granted' && !isClosed) ports.report({ lease: grant.lease, rows: 0, bytes: 0 });
    },
    close(isLaneOpen) {
      if (isLaneOpen) for (const lease of [...held.values()]) lease.close();
      isClosed = true;
      for (const [number, settle] of [...asked]) settle({ ask: number, ...unanswered('the channel has ended') });
    },
  };
}
