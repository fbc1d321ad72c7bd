import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { askAs, failure, startTestGateway, type TestGateway, until } from './fixture/test-gateway.ts';

let gateway: TestGateway;
let session: string;
beforeAll(async () => {
  gateway = await startTestGateway();
});
beforeEach(async () => {
  session = (await gateway.openSession()).id;
});
afterAll(() => gateway.close());

let bindings = 0;
/** A binding that no other test uses. */
const newBinding = () => (bindings++).toString(16).padStart(64, '0');
const audit = async (action: string) => (await gateway.as('admin')).listAuditEvents({ action, limit: 1000 });

describe('a statement that waits', () => {
  test.each([
    ['approve', 'approved', 'request-approved'],
    ['deny', 'denied', 'request-denied'],
  ] as const)('%s by another person ends the wait', async (decision, state, action) => {
    const ask = askAs(gateway, session);
    const { requestId, expiresAtMs } = await ask.answer(1);
    expect(requestId).toMatch(/^req_[2-9a-z]{6}$/);
    expect(ask.states[0]).toEqual({ ask: 1, requestId, state: 'pending', expiresAtMs });
    const bob = await gateway.as('bob');
    const shown = (await bob.listRequests({ state: 'pending' })).find((request) => request.id === requestId);
    expect(shown).toMatchObject({
      principal: 'alice',
      session,
      parameters: ['secret-parameter', null],
      kind: 'delete',
    });
    const decided = await bob.decideRequest(requestId, { decision, reason: 'looked at it' });
    expect(decided).toMatchObject({ state, decidedBy: 'bob', decisionReason: 'looked at it' });
    expect(await ask.answer(2)).toEqual({ ask: 1, requestId, state, by: 'bob', reason: 'looked at it' });
    expect((await audit(action)).at(-1)).toMatchObject({
      actor: 'bob',
      subject: requestId,
      detail: { principal: 'alice' },
    });
  });

  test('of two approvers at the same moment one decides, the other learns what was decided', async () => {
    const ask = askAs(gateway, session);
    const { requestId } = await ask.answer(1);
    const [bob, carol] = [await gateway.as('bob'), await gateway.as('carol')];
    const results = await Promise.allSettled([
      bob.decideRequest(requestId, { decision: 'approve' }),
      carol.decideRequest(requestId, { decision: 'deny' }),
    ]);
    const won = results.filter((result) => result.status === 'fulfilled').map((result) => result.value);
    const lost = results.filter((result) => result.status === 'rejected').map((result) => result.reason);
    expect(won).toHaveLength(1);
    expect(lost).toMatchObject([{ code: 'conflict', why: expect.stringContaining(won[0]?.decidedBy ?? '') }]);
    expect((await ask.answer(2)).state).toBe(won[0]?.state);
    expect(ask.states).toHaveLength(2);
  });

  test('nobody decides his own, not even as a member of the approvers', async () => {
    const admin = await gateway.as('admin');
    await admin.putUser('alice', { groups: ['developers', 'security'] });
    const { requestId } = await askAs(gateway, session).answer(1);
    const error = await failure((await gateway.as('alice')).decideRequest(requestId, { decision: 'approve' }));
    await admin.putUser('alice', { groups: ['developers'] });
    expect(error.code).toBe('self_approval');
    expect((await audit('decision-refused')).at(-1)).toMatchObject({
      actor: 'alice',
      detail: { code: 'self_approval' },
    });
    expect((await (await gateway.as('alice')).showRequest(requestId)).state).toBe('pending');
  });

  test.each([
    ['dave', 'not_found'],
    ['admin', 'not_permitted'],
    ['audrey', 'not_permitted'],
  ])('%s, who is no approver, gets %s', async (user, code) => {
    const { requestId } = await askAs(gateway, session).answer(1);
    const error = await failure((await gateway.as(user)).decideRequest(requestId, { decision: 'approve' }));
    expect(error.code).toBe(code);
  });

  test('expires when nobody decides', async () => {
    const ask = askAs(gateway, session, { timeoutMs: 1000 });
    const { requestId } = await ask.answer(1);
    expect(await ask.answer(2)).toEqual({ ask: 1, requestId, state: 'expired' });
    const error = await failure((await gateway.as('bob')).decideRequest(requestId, { decision: 'approve' }));
    expect(error).toMatchObject({ code: 'conflict', why: 'It is expired.' });
  });

  test('withdrawn by its channel, or by the end of its session, can no longer be approved', async () => {
    const first = askAs(gateway, session);
    const second = askAs(gateway, session, { ask: 2 });
    const ids = [(await first.answer(1)).requestId, (await second.answer(1)).requestId];
    first.withdraw();
    await (await gateway.as('alice')).killSession(session);
    const bob = await gateway.as('bob');
    for (const id of ids) {
      await until(async () => (await bob.showRequest(id)).state === 'withdrawn');
      expect((await failure(bob.decideRequest(id, { decision: 'approve' }))).code).toBe('conflict');
    }
    expect([first.states.length, second.states.length]).toEqual([1, 1]);
  });

  test('withdrawn before it was stored is never pending', async () => {
    const ask = askAs(gateway, session, { statement: 'DELETE FROM gone' });
    ask.withdraw();
    const bob = await gateway.as('bob');
    await until(async () => {
      const found = (await bob.listRequests()).find((request) => request.statement === 'DELETE FROM gone');
      return found?.state === 'withdrawn';
    });
    expect(ask.states).toEqual([]);
  });
});

describe('a statement that is sent again', () => {
  const retry = (binding: string, change = {}) => askAs(gateway, session, { mode: 'retry', binding, ...change });

  test('names its pending request, runs once after approval, and then needs a new one', async () => {
    const binding = newBinding();
    const first = await retry(binding).answer(1);
    expect((await retry(binding).answer(1)).requestId).toBe(first.requestId);
    await (await gateway.as('bob')).decideRequest(first.requestId, { decision: 'approve', reason: 'fine' });
    expect(await retry(binding).answer(1)).toEqual({
      ask: 1,
      requestId: first.requestId,
      state: 'approved',
      by: 'bob',
      reason: 'fine',
    });
    const next = await retry(binding).answer(1);
    expect(next.state).toBe('pending');
    expect(next.requestId).not.toBe(first.requestId);
    expect((await (await gateway.as('alice')).showRequest(first.requestId)).state).toBe('used');
  });

  test('runs once even when it is sent many times at the same moment', async () => {
    const binding = newBinding();
    const { requestId } = await retry(binding).answer(1);
    await (await gateway.as('bob')).decideRequest(requestId, { decision: 'approve' });
    const answers = await Promise.all(Array.from({ length: 12 }, () => retry(binding).answer(1)));
    expect(answers.filter((answer) => answer.state === 'approved')).toHaveLength(1);
    expect(new Set(answers.filter((answer) => answer.state === 'pending').map((answer) => answer.requestId)).size).toBe(
      1,
    );
  });

  test.each([
    ['another binding', () => retry(newBinding())],
    ['waiting', (binding: string) => askAs(gateway, session, { mode: 'wait', binding })],
  ])('%s does not use the approval', async (_name, other) => {
    const binding = newBinding();
    const { requestId } = await retry(binding).answer(1);
    await (await gateway.as('bob')).decideRequest(requestId, { decision: 'approve' });
    expect((await other(binding).answer(1)).state).toBe('pending');
  });

  test('another person does not use the approval', async () => {
    const binding = newBinding();
    const { requestId } = await retry(binding).answer(1);
    await (await gateway.as('bob')).decideRequest(requestId, { decision: 'approve' });
    session = (await gateway.openSession('dave')).id;
    expect((await retry(binding).answer(1)).state).toBe('pending');
  });

  test('outlives its channel and its session, and an approval is good for a while only', async () => {
    const binding = newBinding();
    const ask = retry(binding);
    const { requestId } = await ask.answer(1);
    ask.withdraw();
    await (await gateway.as('alice')).killSession(session);
    await (await gateway.as('bob')).decideRequest(requestId, { decision: 'approve' });
    session = (await gateway.openSession()).id;
    gateway.advance(601_000);
    expect((await retry(binding).answer(1)).state).toBe('pending');
    expect((await (await gateway.as('alice')).showRequest(requestId)).state).toBe('expired');
    gateway.advance(-601_000);
  });
});

describe('one person', () => {
  test('has a bounded number of open requests', async () => {
    session = (await gateway.openSession('dave')).id;
    const ask = () => askAs(gateway, session, { mode: 'retry', binding: newBinding() }).answer(1);
    const answers = [];
    for (let n = 0; n < 52; n++) answers.push(await ask());
    expect(answers.at(-1)).toMatchObject({ state: 'denied', reason: 'You have 50 open requests already.' });
    expect(answers.filter((answer) => answer.state === 'pending').length).toBeLessThanOrEqual(50);
    const { requestId } = answers[0] ?? expect.fail('no answer');
    await (await gateway.as('bob')).decideRequest(requestId, { decision: 'deny' });
    expect((await ask()).state).toBe('pending');
  });
});

describe('what people see', () => {
  test('own requests, those that they may decide, and all for auditors; looking at others is audited', async () => {
    const { requestId } = await askAs(gateway, session).answer(1);
    const sees = async (user: string) =>
      (await (await gateway.as(user)).listRequests({ limit: 1000 })).some((request) => request.id === requestId);
    expect(await Promise.all(['alice', 'bob', 'audrey', 'admin', 'dave'].map(sees))).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
    await (await gateway.as('bob')).showRequest(requestId);
    await (await gateway.as('alice')).showRequest(requestId);
    const views = (await audit('statement-viewed')).filter((event) => event.subject === requestId);
    expect(views.map((event) => event.actor)).toEqual(['bob']);
  });

  test('statements and parameters are sealed in the store', async () => {
    const { requestId } = await askAs(gateway, session, { statement: 'DELETE FROM needle_in_the_store' }).answer(1);
    expect((await (await gateway.as('bob')).showRequest(requestId)).statement).toBe('DELETE FROM needle_in_the_store');
    expect(JSON.stringify(await (await gateway.as('admin')).listAuditEvents({ limit: 1000 }))).not.toContain('needle');
    expect(gateway.logLines.join('')).not.toContain('needle');
  });
});
