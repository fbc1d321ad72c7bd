import type { BudgetRule } from '@weir/policy';
import type { BudgetAsk, BudgetGrant, BudgetReport } from '@weir/proto';
import { describe, expect, test } from 'vitest';
import { createBudgetDesk } from '../src/budget-desk.ts';
import { maxOverdraftBytes } from '../src/budget-lease.ts';

const rule: BudgetRule = {
  ...{ rule: 'b', tables: ['public.t'], rows: 10_000, bytes: null, per: 'day' },
  ...{ approval: null, reason: null, hint: null, mode: 'enforce' },
};
const grantOf = (ask: number, more: Partial<BudgetGrant> = {}): BudgetGrant => ({
  ...{ ask, state: 'granted', lease: ask, rows: 100, bytes: null, isLastOfRows: false, isLastOfBytes: true },
  ...{ isOver: false, resetsAtMs: 0, reason: '' },
  ...more,
});
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A desk whose gateway and clock are the test's. */
function start() {
  const asks: BudgetAsk[] = [];
  const reports: BudgetReport[] = [];
  const holds: boolean[] = [];
  const timers = new Set<{ ms: number; run: () => void }>();
  const desk = createBudgetDesk({
    ask: (ask) => void asks.push(ask),
    report: (report) => void reports.push(report),
    holdServer: (isHeld) => void holds.push(isHeld),
    after(ms, run) {
      const timer = { ms, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  });
  return {
    ...{ desk, asks, reports, holds },
    async lease(more: Partial<BudgetGrant> = {}) {
      const answer = desk.lease(rule, null);
      if (answer instanceof Promise) desk.granted(grantOf(asks.length, more));
      const given = await answer;
      if (given.state !== 'granted') throw new Error(given.state);
      return given.lease;
    },
    pass(ms: number) {
      for (const timer of [...timers]) {
        if (timer.ms > ms) continue;
        timers.delete(timer);
        timer.run();
      }
    },
  };
}

describe('a lease', () => {
  test('serves the statements of its channel without another ask, and goes back when idle', async () => {
    const { lease, asks, reports, pass } = start();
    for (const rows of [10, 20]) {
      const held = await lease();
      held.begin();
      held.took(rows, rows * 100);
      held.end();
    }
    expect([asks.length, reports]).toEqual([1, []]);
    pass(1_000);
    expect(reports).toEqual([{ lease: 1, rows: 30, bytes: 3000 }]);
    const next = await lease();
    expect([asks.length, next.rowsLeft]).toEqual([2, 100]);
  });

  test('is not given back while a statement runs, and asks for more at half', async () => {
    const { desk, lease, asks, reports, pass } = start();
    const held = await lease();
    held.begin();
    held.took(50, 1);
    pass(1_000);
    expect([asks.length, reports]).toEqual([1, []]);
    held.took(1, 1);
    held.took(20, 1);
    expect(asks).toHaveLength(2);
    desk.granted(grantOf(2));
    await settle();
    expect(reports).toEqual([{ lease: 1, rows: 71, bytes: 3 }]);
    expect(held.rowsLeft).toBe(100);
  });

  test('the last of a budget is counted to the row', async () => {
    const { lease, asks, holds } = start();
    const held = await lease({ isLastOfRows: true });
    held.begin();
    held.took(100, 1);
    expect(held.rowsLeft).toBe(0);
    expect(held.overdraw(1)).toBe(false);
    expect([asks.length, holds]).toEqual([1, []]);
  });

  test('rows that came before the answer go out and count, up to a bound; nothing more is read meanwhile', async () => {
    const { desk, lease, reports, holds } = start();
    const held = await lease();
    held.begin();
    held.took(100, 1);
    expect(held.overdraw(60_000)).toBe(true);
    expect(held.overdraw(maxOverdraftBytes)).toBe(false);
    expect(holds).toEqual([true]);
    desk.granted(grantOf(2, { state: 'exhausted', lease: 0, rows: 0 }));
    await settle();
    expect(holds).toEqual([true, false]);
    expect(held.overdraw(1)).toBe(false);
    held.end();
    desk.close(true);
    expect(reports).toEqual([{ lease: 1, rows: 101, bytes: 60_001 }]);
  });

  test('a row that is larger than what is left of the bytes is refused', async () => {
    const { lease } = start();
    const held = await lease({ bytes: 1000, isLastOfBytes: true });
    held.begin();
    expect([held.bytesLeft, held.overdraw(1001)]).toEqual([1000, false]);
  });
});

describe('a gateway that does not answer', () => {
  test('in time: nothing is granted, and a grant that comes late goes back', async () => {
    const { desk, asks, reports, pass } = start();
    const answer = desk.lease(rule, 'req-1');
    expect(asks).toEqual([{ ask: 1, rule: 'b', requestId: 'req-1' }]);
    pass(10_000);
    expect(await answer).toMatchObject({ state: 'failed' });
    desk.granted(grantOf(1));
    expect(reports).toEqual([{ lease: 1, rows: 0, bytes: 0 }]);
  });

  test('because the channel ends: open asks fail, leases are reported once', async () => {
    const { desk, lease, reports } = start();
    const held = await lease();
    held.begin();
    held.took(60, 1);
    desk.close(true);
    await settle();
    expect([held.rowsLeft, held.overdraw(1)]).toEqual([0, false]);
    expect(reports).toEqual([{ lease: 1, rows: 60, bytes: 1 }]);
    expect(await desk.lease({ ...rule, rule: 'c' }, null)).toMatchObject({ state: 'failed' });
  });
});
