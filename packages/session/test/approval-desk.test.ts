import type { ApprovalQuestion } from '@weir/gate';
import type { ApprovalAsk } from '@weir/proto';
import { expect, test } from 'vitest';
import { createApprovalDesk } from '../src/approval-desk.ts';
import type { RowEstimate } from '../src/postgres/row-estimate.ts';

const question: ApprovalQuestion = {
  subject: {
    ...{ parameterFormats: [0], parameterTypes: [] },
    understood: {
      ...{ text: 'DELETE FROM t', trustedFunctions: undefined, statements: [] },
      ...{ unknownRelations: [], unknownColumns: [], unknownFunctions: [] },
      view: { searchPath: ['public'], role: 'app', index: {} as never },
    },
  },
  ...{
    binding: 'b'.repeat(64),
    mode: 'wait',
    statement: 'DELETE FROM t',
    parameters: ['7'],
    role: 'app',
    kind: 'delete',
  },
  ...{ searchPath: ['public'], tables: ['public.t'] },
  verdict: {
    ...{ action: 'require-approval', rule: 'second-person', reason: 'rows go', trace: [], mode: 'auto' },
    ...{ approvers: ['leads'], require: 'one-of', people: 1, timeoutMs: 1_000, maxRows: null },
  },
};

function createDesk(isSlow = false) {
  const asks: ApprovalAsk[] = [];
  const withdrawn: number[] = [];
  const pending: string[] = [];
  const frames = {
    ask: (ask: ApprovalAsk) => void asks.push(ask),
    withdraw: (ask: number) => void withdrawn.push(ask),
  };
  let known: (estimate: RowEstimate) => void = () => undefined;
  const estimates = new Promise<RowEstimate>((resolve) => {
    known = resolve;
  });
  if (!isSlow) known({ rows: 12, why: null });
  const desk = createApprovalDesk(frames, 'shop', () => estimates);
  const ask = (mode: 'wait' | 'retry' = 'wait') => desk.ask({ ...question, mode }, (id) => void pending.push(id));
  /** The estimate is known, and what waited for it is on its way. */
  const sent = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { desk, ask, asks, withdrawn, pending, sent, known };
}

test('the question travels whole, without the trace', async () => {
  const { desk, ask, asks, sent } = createDesk();
  const answer = ask();
  await sent();
  expect(asks).toEqual([
    {
      ...{
        ask: 1,
        binding: 'b'.repeat(64),
        mode: 'wait',
        statement: 'DELETE FROM t',
        parameters: ['7'],
        database: 'shop',
      },
      ...{ role: 'app', searchPath: ['public'], tables: ['public.t'], kind: 'delete', rule: 'second-person' },
      ...{ reason: 'rows go', approvers: ['leads'], require: 'one-of', people: 1, timeoutMs: 1_000 },
      estimate: { rows: 12, why: null },
    },
  ]);
  desk.stateArrived({ ask: 1, requestId: 'req-1', state: 'pending' });
  desk.stateArrived({ ask: 1, requestId: 'req-1', state: 'approved', by: 'bob', reason: 'fine' });
  expect(await answer).toEqual({ requestId: 'req-1', state: 'approved', by: 'bob', reason: 'fine' });
});

test('pending goes on where the statement waits and ends the question where it does not', async () => {
  const { desk, ask, pending } = createDesk();
  const waits = ask('wait');
  desk.stateArrived({ ask: 1, requestId: 'req-1', state: 'pending' });
  desk.stateArrived({ ask: 1, requestId: 'req-1', state: 'denied' });
  expect(await waits).toEqual({ requestId: 'req-1', state: 'denied', by: null, reason: null });
  const retries = ask('retry');
  desk.stateArrived({ ask: 2, requestId: 'req-2', state: 'pending' });
  expect((await retries).state).toBe('pending');
  expect(pending).toEqual(['req-1']);
});

test('an answer to another question is nobody’s', async () => {
  const { desk, ask } = createDesk();
  desk.stateArrived({ ask: 1, requestId: 'early', state: 'approved' });
  const first = ask();
  desk.withdraw('cancelled');
  expect((await first).state).toBe('cancelled');
  const second = ask();
  // The approval of the withdrawn question was under way: it must not release another statement.
  desk.stateArrived({ ask: 1, requestId: 'late', state: 'approved' });
  desk.stateArrived({ ask: 2, requestId: 'req-2', state: 'expired' });
  expect(await second).toMatchObject({ requestId: 'req-2', state: 'expired' });
});

test('withdrawing tells the gateway once', async () => {
  const { desk, ask, withdrawn, sent } = createDesk();
  expect(desk.withdraw('cancelled')).toBe(false);
  const answer = ask();
  await sent();
  expect(desk.withdraw('client-gone')).toBe(true);
  expect(desk.withdraw('client-gone')).toBe(false);
  expect(withdrawn).toEqual([1]);
  expect(await answer).toMatchObject({ state: 'client-gone' });
});

test('what is withdrawn before its rows are estimated is never asked', async () => {
  const { desk, ask, asks, withdrawn, sent, known } = createDesk(true);
  const answer = ask();
  expect(desk.withdraw('cancelled')).toBe(true);
  expect(await answer).toMatchObject({ state: 'cancelled', requestId: '' });
  known({ rows: 1, why: null });
  await sent();
  expect({ asks, withdrawn }).toEqual({ asks: [], withdrawn: [] });
});

test('a lost gateway refuses what is open', async () => {
  const { desk, ask } = createDesk();
  desk.lost();
  const answer = ask();
  desk.lost();
  await expect(answer).rejects.toMatchObject({ code: 'gateway_unavailable' });
});
