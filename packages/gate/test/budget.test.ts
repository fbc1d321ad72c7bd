import type { BudgetRule } from '@weir/policy';
import { describe, expect, test } from 'vitest';
import type { BudgetAnswer, BudgetDesk, BudgetLease } from '../src/index.ts';
import { approvePayments, createTestGate, denialOf, document, finish, open, settle, ticketOf } from './fixture.ts';

const budget = document('Budget', 'users-a-day', "{ tables: ['public.users'], rows: 5, per: day }");
const asking = document(
  'Budget',
  'users-a-day',
  "{ tables: ['public.users'], rows: 5, per: day, action: require-approval, approval: { approvers: { groups: [leads] }, mode: wait } }",
);
const resetsAtMs = Date.parse('2026-01-02T00:00:00Z');

/** A ledger in memory: rows of each budget, and what leases did. */
function createLedger(rows: Record<string, number>, isLate = false) {
  const log: string[] = [];
  const lease = (rule: BudgetRule): BudgetLease => ({
    ...{ rule, isOver: rule.mode === 'observe', resetsAtMs, failure: null, bytesLeft: Number.POSITIVE_INFINITY },
    get rowsLeft() {
      return rows[rule.rule] ?? 0;
    },
    took: (count) => {
      rows[rule.rule] = (rows[rule.rule] ?? 0) - count;
    },
    overdraw: () => false,
    begin: () => void log.push(`begin ${rule.rule}`),
    end: () => void log.push(`end ${rule.rule}`),
  });
  const answer = (rule: BudgetRule, requestId: string | null): BudgetAnswer => {
    log.push(`ask ${rule.rule}${requestId === null ? '' : ` ${requestId}`}`);
    if (requestId !== null) rows[rule.rule] = 5;
    if ((rows[rule.rule] ?? 0) > 0 || rule.mode === 'observe') return { state: 'granted', lease: lease(rule) };
    return { state: rows[rule.rule] === undefined ? 'failed' : 'exhausted', reason: '', resetsAtMs };
  };
  const desk: BudgetDesk = {
    lease: (rule, requestId) => (isLate ? Promise.resolve(answer(rule, requestId)) : answer(rule, requestId)),
  };
  return { desk, log, rows };
}

describe('what is counted', () => {
  test.each<[string, string, (boolean | null)[] | null]>([
    ['a SELECT', 'SELECT id FROM users', [true]],
    ['a count: the row that it delivers', 'SELECT count(*) FROM users', [true]],
    ['COPY', 'COPY users TO STDOUT', [true]],
    ['RETURNING', 'UPDATE users SET name = name WHERE id = 1 RETURNING id', [true]],
    ['each statement by itself', 'SELECT 1; SELECT id FROM users; SELECT id FROM orders', [false, true, false]],
    ['a write that delivers nothing', 'UPDATE users SET name = name WHERE id = 1', null],
    ['another table', 'SELECT id FROM orders', null],
  ])('%s', async (_name, text, expected) => {
    const decision = await createTestGate({
      policy: open + budget,
      budgets: createLedger({ 'users-a-day': 5 }).desk,
    }).query(text);
    if (decision.action !== 'forward') throw new Error(decision.denial.message);
    expect(decision.meters?.map((meter) => meter !== null) ?? null).toEqual(expected);
  });

  test('nothing is asked at Parse; a lease lives from the statement to its end', async () => {
    const { desk, log } = createLedger({ 'users-a-day': 5 });
    const world = createTestGate({ policy: open + budget, budgets: desk });
    await world.query('SELECT id FROM users', { phase: 'parse' });
    expect(log).toEqual([]);
    const decision = await world.query('SELECT 1; SELECT id FROM users; SELECT 2');
    expect(log).toEqual(['ask users-a-day', 'begin users-a-day']);
    for (const index of [0, 1]) finish(world, decision, 'SELECT 1', index);
    expect(log).toHaveLength(2);
    finish(world, decision, 'SELECT 1', 2);
    expect(log.at(-1)).toBe('end users-a-day');
    finish(world, await world.query('SELECT id FROM users; SELECT 2'), null);
    expect(log.at(-1)).toBe('end users-a-day');
  });

  test('a result in two budgets is bounded by both', async () => {
    const more = document('Budget', 'all-an-hour', "{ tables: ['public.*'], rows: 9, per: hour }");
    const ledger = createLedger({ 'users-a-day': 5, 'all-an-hour': 9 });
    const decision = await createTestGate({ policy: open + budget + more, budgets: ledger.desk }).query(
      'SELECT id FROM users',
    );
    const meter = decision.action === 'forward' ? decision.meters?.[0] : undefined;
    expect(meter?.rowsLeft).toBe(5);
    meter?.took(3, 10);
    expect([meter?.rowsLeft, ledger.rows]).toEqual([2, { 'users-a-day': 2, 'all-an-hour': 6 }]);
  });
});

describe.each([false, true])('a budget that is used up (the ledger answers later: %s)', (isLate) => {
  test('denies before anything runs, and says when it starts anew', async () => {
    const world = createTestGate({ policy: open + budget, budgets: createLedger({ 'users-a-day': 0 }, isLate).desk });
    const denial = denialOf(await world.query('SELECT id FROM users'));
    expect(denial).toMatchObject({ code: 'statement_denied', sqlstate: '42501' });
    expect(denial.message).toBe(
      'the budget "users-a-day" of 5 rows per day is used up; it starts anew at 2026-01-02T00:00:00Z',
    );
    expect(denial.hint).toContain('weir budgets');
    expect(world.events.map(({ event, action, code }) => action ?? code ?? event)).toEqual(['budget', 'deny']);
    ticketOf(await world.query('SELECT id FROM orders'));
  });

  test('a ledger that cannot be reached denies', async () => {
    const world = createTestGate({ policy: open + asking, budgets: createLedger({}, isLate).desk });
    const denial = denialOf(await world.query('SELECT id FROM users'));
    expect(denial).toMatchObject({ code: 'gateway_unavailable' });
    expect(world.desk.questions).toEqual([]);
  });

  test('an approver adds to it once: the request is tied to the budget, and the ledger hears of it', async () => {
    const ledger = createLedger({ 'users-a-day': 0 }, isLate);
    const world = createTestGate({ policy: open + asking, budgets: ledger.desk });
    const decision = world.query('SELECT id FROM users');
    for (let i = 0; i < 4; i++) await settle();
    expect(world.desk.questions[0]?.verdict).toMatchObject({ rule: 'users-a-day', approvers: ['leads'] });
    expect(world.desk.questions[0]?.verdict.reason).toContain('Approval adds 5 rows per day once.');
    world.desk.answer({ requestId: 'req-7', by: 'bob' });
    ticketOf(await decision);
    expect(ledger.log.filter((line) => line.startsWith('ask'))).toEqual(['ask users-a-day', 'ask users-a-day req-7']);
  });
});

test('an approval that a guardrail asked for is never one of a budget', async () => {
  const policy = open + approvePayments('wait') + asking.replace('public.users', 'public.payments');
  const world = createTestGate({ policy, budgets: createLedger({ 'users-a-day': 0 }).desk });
  const decision = world.query('UPDATE payments SET amount = 1 WHERE id = 1 RETURNING id');
  for (let i = 0; i < 4; i++) await settle();
  world.desk.answer({ requestId: 'req-1', by: 'bob' });
  for (let i = 0; i < 4; i++) await settle();
  world.desk.answer({ requestId: 'req-2', by: 'bob' });
  ticketOf(await decision);
  const [first, second] = world.desk.questions;
  expect([first?.verdict.rule, second?.verdict.rule]).toEqual(['second-person', 'users-a-day']);
  expect(first?.binding).not.toBe(second?.binding);
});

test('an observed budget that is used up denies nothing and is noted', async () => {
  const observed = document('Budget', 'users-a-day', "{ tables: ['public.users'], rows: 5, per: day, mode: observe }");
  const world = createTestGate({ policy: open + observed, budgets: createLedger({ 'users-a-day': 0 }).desk });
  ticketOf(await world.query('SELECT id FROM users'));
  expect(world.events.find(({ code }) => code === 'budget-observed')).toMatchObject({
    message: expect.stringContaining('observe only, would be denied: the budget "users-a-day"'),
  });
});

test('what is withheld in the middle of a result names the budget and is noted', async () => {
  const ledger = createLedger({ 'users-a-day': 5 });
  const world = createTestGate({ policy: open + budget, budgets: ledger.desk });
  const ticket = ticketOf(await world.query('SELECT id FROM users'));
  ledger.rows['users-a-day'] = 0;
  const denial = world.gate.exceeded(ticket, 'meter');
  expect(denial).toMatchObject({
    sqlstate: '42501',
    message: expect.stringContaining('the rest was withheld: the budget "users-a-day"'),
  });
  expect(world.events.at(-1)).toMatchObject({ event: 'note', code: 'budget', statement: 1 });
});
