import { describe, expect, test } from 'vitest';
import {
  approvePayments,
  createTestGate,
  denialOf,
  document,
  noDelete,
  open,
  requestOf,
  settle,
  ticketOf,
} from './fixture.ts';

describe('the order', () => {
  test('an allowed statement is recorded before it is released', async () => {
    const world = createTestGate();
    const decision = await world.query('SELECT id FROM users');
    expect(ticketOf(decision).number).toBe(1);
    expect(world.events).toMatchObject([
      { event: 'statement', statement: 1, phase: 'query', action: 'allow', rule: 'everyone', kind: 'select' },
    ]);
    expect(world.events[0]).toMatchObject({ text: 'SELECT id FROM users', tables: ['public.users'], approval: null });
  });

  test('nothing is recorded while the judgement is open', async () => {
    const world = createTestGate();
    const open = world.query('SELECT id FROM users');
    expect(world.events).toEqual([]);
    await open;
    expect(world.events).toHaveLength(1);
  });

  test('with everything known the answer comes at once, and the record with it', async () => {
    const world = createTestGate();
    await world.query('SELECT id FROM users');
    const decision = world.gate.judge(requestOf('SELECT id FROM users'));
    expect(decision).not.toBeInstanceOf(Promise);
    expect(world.events).toHaveLength(2);
  });

  test('a denial is recorded with its rule, and says session, rule and way out', async () => {
    const world = createTestGate({ policy: open + noDelete });
    const denial = denialOf(await world.query('DELETE FROM orders WHERE id = 1'));
    expect(denial).toMatchObject({ code: 'statement_denied', sqlstate: '42501', hint: 'Ask the owner.' });
    expect(denial.message).toContain('rows stay');
    expect(denial.detail).toBe('Denied by rule "no-delete" of the access policy, session ses_1.');
    expect(world.events).toMatchObject([{ event: 'statement', statement: 1, action: 'deny', rule: 'no-delete' }]);
  });

  test('denied and released statements count on', async () => {
    const world = createTestGate({ policy: open + noDelete });
    await world.query('DELETE FROM orders');
    await world.query('SELECT 1');
    expect(world.events.map(({ statement }) => statement)).toEqual([1, 2]);
  });

  test('the record keeps parameters and the rules that matched', async () => {
    const world = createTestGate({ policy: open + noDelete });
    await world.query('SELECT id FROM users WHERE id = $1', { phase: 'execute', parameters: ['7', null] });
    expect(world.events[0]).toMatchObject({ phase: 'execute', parameters: ['7', null] });
    const trace = world.events[0]?.['trace'] as { rule: string; matched: boolean }[];
    expect(trace.map(({ rule }) => rule)).toContain('everyone');
    expect(trace.every(({ matched }) => matched)).toBe(true);
  });

  test('a parse releases text without a record, and its denial is recorded', async () => {
    const world = createTestGate({ policy: open + noDelete });
    expect(ticketOf(await world.query('SELECT 1', { phase: 'parse' })).number).toBe(0);
    expect(world.events).toEqual([]);
    denialOf(await world.query('DELETE FROM orders', { phase: 'parse' }));
    expect(world.events).toMatchObject([{ phase: 'parse', action: 'deny', statement: 1 }]);
  });
});

describe('several statements of one text', () => {
  const policy = open + noDelete + approvePayments();
  test.each([
    ['SELECT 1; SELECT 2', 'allow', 'everyone'],
    ['SELECT 1; DELETE FROM orders; SELECT 2', 'deny', 'no-delete'],
    ['UPDATE payments SET amount = 1 WHERE id = 1; DELETE FROM orders', 'deny', 'no-delete'],
    ['DELETE FROM orders; UPDATE payments SET amount = 1 WHERE id = 1', 'deny', 'no-delete'],
    ['SELECT 1; UPDATE payments SET amount = 1 WHERE id = 1', 'require-approval', 'second-person'],
    ['', 'allow', 'everyone'],
    [';;', 'allow', 'everyone'],
    ['-- nothing', 'allow', 'everyone'],
  ])('%j is judged as a whole: %s', async (text, action, rule) => {
    const world = createTestGate({ policy });
    const decision = world.query(text);
    await settle();
    if (action === 'require-approval') world.desk.answer({ state: 'approved', by: 'bob' });
    expect((await decision).action).toBe(action === 'deny' ? 'deny' : 'forward');
    expect(world.events.at(-1)).toMatchObject({ action, rule });
  });
});

describe('what is not understood', () => {
  test('a syntax error fails as the server would fail it, with its position', async () => {
    const world = createTestGate();
    const denial = denialOf(await world.query('SELEC 1'));
    expect(denial).toMatchObject({ sqlstate: '42601', position: 1 });
    expect(world.events).toMatchObject([{ action: 'deny', rule: 'not-understood', kind: 'unknown', tables: [] }]);
  });

  test.each([
    ['longer than the limit', `SELECT '${'x'.repeat(1_100_000)}'`],
    ['nested too deeply', `SELECT ${'('.repeat(20_000)}1${')'.repeat(20_000)}`],
  ])('a text that is %s is refused', async (_what, text) => {
    const world = createTestGate();
    const denial = denialOf(await world.query(text));
    expect(denial.code).toBe('statement_not_understood');
    expect(['54000', '42601', '42501']).toContain(denial.sqlstate);
    expect(world.events).toMatchObject([{ action: 'deny', rule: 'not-understood' }]);
  });

  test('a statement whose effect is unknown is denied by the built-in rule', async () => {
    const world = createTestGate();
    const denial = denialOf(await world.query("DO $$ BEGIN EXECUTE 'DROP TABLE users'; END $$"));
    expect(denial.detail).toContain('"opaque-statement"');
  });

  test('a target that cannot be asked denies, with its reason in the record', async () => {
    const world = createTestGate();
    world.target.failure = new Error('the line is dead');
    const denial = denialOf(await world.query('SELECT 1'));
    expect(denial).toMatchObject({ code: 'internal' });
    expect(denial.message).toContain('the line is dead');
    expect(world.events).toMatchObject([{ action: 'deny', rule: 'not-understood' }]);
  });

  test('what no access rule allows is denied', async () => {
    const world = createTestGate({
      policy: document('Access', 'nobody', "{ who: { principals: [zoe] }, connections: { names: ['*'] } }"),
    });
    expect(denialOf(await world.query('SELECT 1')).detail).toContain('"default"');
  });
});

describe('a relation that nobody knows', () => {
  test('is asked for once more and then fails with 42P01', async () => {
    const world = createTestGate();
    const denial = denialOf(await world.query('SELECT * FROM nowhere'));
    expect(denial).toMatchObject({
      sqlstate: '42P01',
      message: expect.stringMatching(/relation ".*nowhere" does not exist/),
    });
    expect(world.target.calls).toEqual(['refresh stale', 'refresh unknown-relation']);
    expect(world.events).toMatchObject([{ action: 'deny' }]);
  });

  test('is found when somebody has just made it', async () => {
    const world = createTestGate();
    await world.query('SELECT 1');
    const { relation, catalogOf, users } = await import('./fixture.ts');
    world.target.catalog = catalogOf(users, relation(30_000, 'fresh', 'id:int'));
    expect((await world.query('SELECT id FROM fresh')).action).toBe('forward');
    expect(world.target.calls).toEqual(['refresh stale', 'refresh unknown-relation']);
  });

  test('does not hide a denial of the policy in another statement', async () => {
    const world = createTestGate({ policy: open + noDelete });
    expect(denialOf(await world.query('DELETE FROM orders; SELECT * FROM nowhere')).message).toBeTruthy();
    expect(world.events.at(-1)).toMatchObject({ action: 'deny' });
  });
});

describe('failed transactions', () => {
  const failed = { insideTransaction: true, failedTransaction: true };
  test('their end goes through', async () => {
    const world = createTestGate();
    expect((await world.query('ROLLBACK', failed)).action).toBe('forward');
  });

  test('nothing may follow the end in the same text', async () => {
    const world = createTestGate();
    expect(denialOf(await world.query('ROLLBACK; SELECT email FROM users', failed))).toMatchObject({
      sqlstate: '25P02',
    });
    expect(world.events).toMatchObject([{ action: 'deny' }]);
  });
});

describe('a plan that is replaced', () => {
  test('counts from the next statement on', async () => {
    const world = createTestGate();
    expect((await world.query('DELETE FROM orders')).action).toBe('forward');
    world.setPolicy(open + noDelete);
    expect((await world.query('DELETE FROM orders')).action).toBe('deny');
    world.setPolicy(open);
    expect((await world.query('DELETE FROM orders')).action).toBe('forward');
  });

  test('counts at the execution of what was parsed before', async () => {
    const world = createTestGate();
    const parsed = ticketOf(await world.query('DELETE FROM orders', { phase: 'parse' }));
    world.setPolicy(open + noDelete);
    const decision = await world.query('DELETE FROM orders', { phase: 'execute', prepared: parsed });
    expect(denialOf(decision).detail).toContain('no-delete');
  });

  test('a rule on time is asked again each time', async () => {
    const early = document('Guardrail', 'early', '{ when: now.getHours("UTC") < 6, action: deny }');
    const world = createTestGate({ policy: open + early });
    world.clock = Date.parse('2026-03-04T05:59:59Z');
    expect((await world.query('SELECT 1')).action).toBe('deny');
    world.clock = Date.parse('2026-03-04T06:00:00Z');
    expect((await world.query('SELECT 1')).action).toBe('forward');
  });
});

describe('what the target is told', () => {
  test.each([
    ['CREATE TABLE made (id int)', ['touched catalog']],
    ['SET search_path = hr', ['touched environment']],
    ['BEGIN', ['transaction began']],
    ['COMMIT', ['transaction ended']],
    ['ROLLBACK', ['transaction ended']],
    ['BEGIN; COMMIT', ['transaction ended', 'transaction ended']],
    ['SELECT 1', []],
  ])('%s', async (text, told) => {
    const world = createTestGate();
    await world.query('SELECT 1');
    world.target.calls.length = 0;
    ticketOf(await world.query(text));
    expect(world.target.calls).toEqual(told);
  });

  test('BEGIN behind others of a pipeline may end nothing that is known', async () => {
    const world = createTestGate();
    await world.query('BEGIN', { insideTransaction: true });
    expect(world.target.calls).toContain('transaction ended');
  });

  test('a denied statement changes nothing', async () => {
    const world = createTestGate({
      policy: open + document('Guardrail', 'no-ddl', '{ match: { kinds: [ddl] }, action: deny }'),
    });
    await world.query('SELECT 1');
    world.target.calls.length = 0;
    denialOf(await world.query('CREATE TABLE made (id int)'));
    expect(world.target.calls).toEqual([]);
  });

  test('a parsed statement changes nothing until it is executed', async () => {
    const world = createTestGate();
    await world.query('SELECT 1');
    world.target.calls.length = 0;
    const prepared = ticketOf(await world.query('CREATE TABLE made (id int)', { phase: 'parse' }));
    expect(world.target.calls).toEqual([]);
    await world.query('CREATE TABLE made (id int)', { phase: 'execute', prepared });
    expect(world.target.calls).toContain('touched catalog');
  });

  test('what was parsed is understood again in a changed view', async () => {
    const world = createTestGate({ policy: open + noDelete });
    const prepared = ticketOf(await world.query('SELECT id FROM users', { phase: 'parse' }));
    world.target.searchPath = ['pg_catalog', 'hr', 'public'];
    world.target.forget();
    const decision = await world.query('SELECT id FROM users', { phase: 'execute', prepared });
    expect(ticketOf(decision).understood.view.searchPath).toEqual(['pg_catalog', 'hr', 'public']);
  });
});
