import type { BudgetLease } from '@weir/gate';
import type { BudgetRule } from '@weir/policy';
import type { BudgetGrant, BudgetReport } from '@weir/proto';

/** A lease as the desk keeps it between statements. */
export interface HeldLease extends BudgetLease {
  /** At least one more row may be delivered. */
  readonly isUsable: boolean;
  /** The rule as the plan has it now; a statement is about to begin. */
  renew(rule: BudgetRule): void;
  /** Another grant takes the place of what is held: that is reported first. */
  take(rule: BudgetRule, grant: BudgetGrant): void;
  /** Reports what it was used for; nothing more may be delivered on it. */
  close(): void;
}

/** What a lease does to the world. */
export interface LeasePorts {
  /** Asks for another grant. */
  more(): Promise<BudgetGrant>;
  report(report: BudgetReport): void;
  hold(isHeld: boolean): void;
  whenIdle(run: () => void): () => void;
  closed(): void;
}

/**
 * Bytes of rows that may go out while the gateway is asked for more: what one read of the target's socket holds. They count, so that the budget is
 * overdrawn by no more than this in each channel.
 */
export const maxOverdraftBytes = 65_536;

const bound = (granted: number | null) => granted ?? Number.POSITIVE_INFINITY;

/** Makes a lease of a first grant. */
export function createHeldLease(firstRule: BudgetRule, first: BudgetGrant, ports: LeasePorts): HeldLease {
  let rule = firstRule;
  let grant = first;
  let rows = 0;
  let bytes = 0;
  let running = 0;
  let overdraft = 0;
  let isAsking = false;
  let isHolding = false;
  let isClosed = false;
  let failure: string | null = null;
  let cancelIdle: (() => void) | undefined;

  const rowsLeft = () => (isClosed ? 0 : bound(grant.rows) - rows);
  const bytesLeft = () => (isClosed ? 0 : bound(grant.bytes) - bytes);
  const count = (moreRows: number, moreBytes: number) => {
    rows += moreRows;
    bytes += moreBytes;
  };
  const report = () => ports.report({ lease: grant.lease, rows, bytes });
  const use = (next: BudgetGrant) => {
    report();
    grant = next;
    rows = 0;
    bytes = 0;
    overdraft = 0;
    failure = null;
  };
  const release = () => {
    if (isHolding) ports.hold(false);
    isHolding = false;
  };
  const askMore = () => {
    if (isAsking || isClosed) return;
    isAsking = true;
    void ports.more().then((answer) => {
      isAsking = false;
      if (answer.state === 'granted' && isClosed) ports.report({ lease: answer.lease, rows: 0, bytes: 0 });
      else if (answer.state === 'granted') use(answer);
      // What is left is all there is.
      else grant = { ...grant, isLastOfRows: true, isLastOfBytes: true };
      if (answer.state === 'failed') failure = answer.reason;
      release();
      lease.idle();
    });
  };

  const lease = {
    get rule() {
      return rule;
    },
    get rowsLeft() {
      return rowsLeft();
    },
    get bytesLeft() {
      return bytesLeft();
    },
    get isOver() {
      return grant.isOver;
    },
    get resetsAtMs() {
      return grant.resetsAtMs;
    },
    get failure() {
      return failure;
    },
    get isUsable() {
      return rowsLeft() >= 1 && bytesLeft() >= 1;
    },
    took(moreRows: number, moreBytes: number) {
      count(moreRows, moreBytes);
      const isLow =
        (!grant.isLastOfRows && rows * 2 > bound(grant.rows)) ||
        (!grant.isLastOfBytes && bytes * 2 > bound(grant.bytes));
      if (isLow) askMore();
    },
    overdraw(size: number) {
      const isRefused =
        isClosed || (rowsLeft() < 1 && grant.isLastOfRows) || (bytesLeft() < size && grant.isLastOfBytes);
      if (isRefused || overdraft + size > maxOverdraftBytes) return false;
      askMore();
      if (!isHolding) ports.hold(true);
      isHolding = true;
      overdraft += size;
      count(1, size);
      return true;
    },
    renew(next: BudgetRule) {
      rule = next;
    },
    take(next: BudgetRule, answer: BudgetGrant) {
      rule = next;
      use(answer);
    },
    begin() {
      running += 1;
      cancelIdle?.();
      cancelIdle = undefined;
    },
    end() {
      running -= 1;
      lease.idle();
    },
    idle() {
      if (running > 0 || isAsking || isClosed) return;
      cancelIdle?.();
      cancelIdle = ports.whenIdle(() => lease.close());
    },
    close() {
      if (isClosed) return;
      cancelIdle?.();
      report();
      isClosed = true;
      release();
      ports.closed();
    },
  };
  lease.idle();
  return lease;
}
