import { WeirError } from '@weir/errors';
import { describe, expect, test } from 'vitest';
import { type ApprovalQuestion, approvalMode } from '../src/index.ts';
import {
  approvePayments,
  catalogOf,
  createTestGate,
  denialOf,
  finish,
  hideEmail,
  noDelete,
  open,
  orders,
  relation,
  settle,
  type TestGate,
  type TestGateOptions,
  ticketOf,
  users,
} from './fixture.ts';

const update = 'UPDATE payments SET amount = 1 WHERE id = $1';
const policy = open + approvePayments();

/** Asks and gives the open question with the decision to come. */
async function park(world: TestGate, more: Parameters<TestGate['query']>[1] = {}, text = update) {
  const decision = world.query(text, { parameters: ['7'], ...more });
  await settle();
  await settle();
  const question = world.desk.questions.at(-1);
  if (question === undefined) throw new Error('nobody was asked');
  return { decision, question };
}

describe('waiting or trying again', () => {
  test.each([
    ['auto', true, false, 'wait'],
    ['auto', false, false, 'retry'],
    ['auto', true, true, 'retry'],
    ['wait', true, false, 'wait'],
    ['wait', false, false, 'wait'],
    ['wait', false, true, 'retry'],
    ['retry', true, false, 'retry'],
  ] as const)('%s, interactive %s, in a transaction %s: %s', (mode, interactive, insideTransaction, expected) => {
    const verdict = {
      action: 'require-approval',
      mode,
      rule: 'r',
      reason: '',
      trace: [],
      approvers: [],
      require: 'one-of',
      people: 1,
      timeoutMs: 1,
      maxRows: null,
    } as const;
    expect(approvalMode(verdict, { interactive, insideTransaction })).toBe(expected);
  });
});

describe('a statement that waits', () => {
  test('is asked about in full, with a note and a notice while it waits; nothing is released', async () => {
    const world = createTestGate({ policy });
    const { decision, question } = await park(world);
    expect(question).toMatchObject({
      mode: 'wait',
      statement: update,
      parameters: ['7'],
      role: 'app',
      kind: 'update',
      tables: ['public.payments'],
    });
    expect(question.verdict).toMatchObject({ rule: 'second-person', approvers: ['leads'], timeoutMs: 30 * 60_000 });
    expect(world.events).toEqual([]);
    world.desk.pending();
    expect(world.events).toMatchObject([{ event: 'note', code: 'approval-asked', statement: 1 }]);
    expect(world.notices.join()).toContain('https://weir.example.com/requests/req-1 or weir requests approve req-1');
    world.desk.answer({ by: 'bob' });
    expect(ticketOf(await decision).number).toBe(1);
    expect(world.events.at(-1)).toMatchObject({
      action: 'require-approval',
      statement: 1,
      approval: { requestId: 'req-1', state: 'approved', by: 'bob' },
    });
  });

  test.each([
    ['denied', 'approval_denied', /denied by bob: not today/],
    ['expired', 'approval_expired', /nobody approved/],
    ['pending', 'approval_pending', /req-1/],
    ['cancelled', 'query_canceled', /canceling statement/],
    ['client-gone', 'query_canceled', /canceling statement/],
  ] as const)('%s: refused and recorded', async (state, code, message) => {
    const world = createTestGate({ policy });
    const { decision } = await park(world);
    world.desk.answer({
      state,
      by: state === 'denied' ? 'bob' : null,
      reason: state === 'denied' ? 'not today' : null,
    });
    const denial = denialOf(await decision);
    expect(denial.code).toBe(code);
    expect(denial.message).toMatch(message);
    expect(world.events).toMatchObject([
      { event: 'statement', action: 'deny', rule: 'second-person', approval: { requestId: 'req-1', state } },
    ]);
  });

  test('a cancel withdraws it; without one there is nothing to withdraw', async () => {
    const world = createTestGate({ policy });
    expect(world.gate.withdraw('cancelled')).toBe(false);
    const { decision } = await park(world);
    expect(world.gate.withdraw('cancelled')).toBe(true);
    expect(denialOf(await decision)).toMatchObject({ sqlstate: '57014' });
  });

  test('a gateway that is lost refuses it', async () => {
    const world = createTestGate({ policy });
    const { decision } = await park(world);
    world.desk.fail(new WeirError('gateway_unavailable', 'the gateway was lost'));
    expect(denialOf(await decision).code).toBe('gateway_unavailable');
  });

  test('inside a transaction it does not wait', async () => {
    const world = createTestGate({ policy: open + approvePayments('wait') });
    const { decision, question } = await park(world, { insideTransaction: true });
    expect(question.mode).toBe('retry');
    world.desk.answer({ state: 'pending' });
    expect(denialOf(await decision).hint).toContain('send the same statement again');
    expect(world.notices).toEqual([]);
  });

  test('nobody is asked at Parse, somebody at Execute', async () => {
    const world = createTestGate({ policy });
    const prepared = ticketOf(await world.query(update, { phase: 'parse' }));
    expect(world.desk.questions).toEqual([]);
    const { decision } = await park(world, { phase: 'execute', prepared });
    world.desk.answer({});
    expect((await decision).action).toBe('forward');
  });
});

describe('between question and answer', () => {
  const moves: [string, (world: TestGate) => void][] = [
    ['the search path', (world) => (world.target.searchPath = ['pg_catalog', 'hr', 'public'])],
    ['the role', (world) => (world.target.role = 'owner')],
    [
      'the table behind the name',
      (world) => (world.target.catalog = catalogOf(users, orders, relation(40_000, 'payments', 'id:int amount:int'))),
    ],
    ['the table’s existence', (world) => (world.target.catalog = catalogOf(users, orders))],
    [
      'a view’s definition',
      (world) =>
        (world.target.catalog = catalogOf(
          users,
          orders,
          relation(20_003, 'payments', 'id:int amount:int x', { definition: ' SELECT 1' }),
        )),
    ],
  ];
  test.each(moves)('%s changed: what was approved does not run', async (_what, move) => {
    const world = createTestGate({ policy });
    const { decision } = await park(world);
    move(world);
    world.target.forget();
    world.desk.answer({ by: 'bob' });
    const denial = denialOf(await decision);
    expect(denial.code).toBe('approval_expired');
    expect(world.events.at(-1)).toMatchObject({ action: 'deny', approval: { state: 'approved' } });
  });

  test('the policy came to deny: it does not run', async () => {
    const world = createTestGate({ policy });
    const { decision } = await park(world, {}, 'DELETE FROM payments WHERE id = 1');
    world.setPolicy(open + noDelete);
    world.desk.answer({ by: 'bob' });
    expect(denialOf(await decision).detail).toContain('no-delete');
    expect(world.events.at(-1)).toMatchObject({ action: 'deny', rule: 'no-delete' });
  });

  test('the policy came to mask: the answer is masked', async () => {
    const world = createTestGate({ policy });
    const { decision } = await park(
      world,
      {},
      'UPDATE payments SET amount = 1 WHERE id IN (SELECT id FROM users) RETURNING amount',
    );
    world.setPolicy(policy + hideEmail);
    world.desk.answer({ by: 'bob' });
    expect(ticketOf(await decision).evaluator.hasMasks).toBe(true);
  });
});

describe('what an approval is bound to', () => {
  async function bindingOf(
    options: TestGateOptions = {},
    more: Parameters<TestGate['query']>[1] = {},
    move: (world: TestGate) => void = () => undefined,
    text = update,
  ) {
    const world = createTestGate({ policy, ...options });
    move(world);
    const { question }: { question: ApprovalQuestion } = await park(world, more, text);
    world.desk.answer({ state: 'denied' });
    return question.binding;
  }
  const base = bindingOf();

  test('the same statement has the same binding', async () => {
    expect(await bindingOf()).toBe(await base);
    expect(await base).toMatch(/^[0-9a-f]{64}$/);
    // The mode is not part of it: an approval asked for by retry serves the statement that waits.
    expect(await bindingOf({}, { insideTransaction: true })).toBe(await base);
  });

  test.each<[string, () => Promise<string>]>([
    ['the text', () => bindingOf({}, {}, undefined, `${update} `)],
    ['a parameter', () => bindingOf({}, { parameters: ['8'] })],
    ['NULL in place of a text', () => bindingOf({}, { parameters: [null] })],
    ['the number of parameters', () => bindingOf({}, { parameters: ['7', '7'] })],
    ['the role', () => bindingOf({}, {}, (world) => (world.target.role = 'owner'))],
    ['the search path', () => bindingOf({}, {}, (world) => (world.target.searchPath = ['public', 'pg_catalog']))],
    [
      'the OID of a table',
      () =>
        bindingOf(
          {},
          {},
          (world) => (world.target.catalog = catalogOf(relation(41_000, 'payments', 'id:int amount:int'))),
        ),
    ],
    ['the database', () => bindingOf({ identity: { database: 'other' } })],
    ['the principal', () => bindingOf({ identity: { principal: 'mallory' } })],
    ['the connection', () => bindingOf({ identity: { connection: 'production' } })],
  ])('%s changes it', async (_what, other) => {
    expect(await other()).not.toBe(await base);
  });

  test('what the executed statement was prepared as changes it, and the approver sees it', async () => {
    const prepared = async (text: string) => {
      const world = createTestGate({ policy });
      finish(world, await world.query(text), 'PREPARE');
      const { question }: { question: ApprovalQuestion } = await park(world, {}, 'EXECUTE p(7)');
      world.desk.answer({ state: 'denied' });
      return question;
    };
    const one = 'PREPARE p(int) AS UPDATE payments SET amount = 0 WHERE id = $1';
    const all = 'PREPARE p(int) AS UPDATE payments SET amount = 0 WHERE id <> $1';
    expect((await prepared(one)).binding).toBe((await prepared(one)).binding);
    expect((await prepared(all)).binding).not.toBe((await prepared(one)).binding);
    expect((await prepared(all)).statement).toContain(all);
  });
});
