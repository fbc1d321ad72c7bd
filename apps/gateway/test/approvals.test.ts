import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testPolicy } from './fixture/policy.ts';
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
    const link = `${gateway.gateway.addresses.api}/requests/${requestId}`;
    expect(ask.states[0]).toEqual({ ask: 1, requestId, state: 'pending', link, expiresAtMs });
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

describe('what changed since a request was asked', () => {
  const changed = { code: 'conflict', message: expect.stringContaining('can no longer be decided') };
  const admin = () => gateway.as('admin');
  const target = {
    protocol: 'postgres',
    host: '127.0.0.1',
    database: 'shop',
    user: 'app',
    password: { from: 'none' },
  } as const;
  const shop = { name: 'shop', agent: 'local', target };
  const policies = () => gateway.gateway.capabilities.policies;
  const other = testPolicy.replace('timeout: 10m', 'timeout: 11m');
  const cases = [
    ['the policy', () => policies().apply(other, 'test'), () => policies().apply(testPolicy, 'test')],
    [
      'a group of the person who asked',
      async () => (await admin()).putUser('alice', { groups: ['developers', 'more'] }),
      async () => (await admin()).putUser('alice', { groups: ['developers'] }),
    ],
    [
      'the label of the connection',
      async () => (await admin()).putConnection({ ...shop, labels: { env: 'prod' } }),
      async () => (await admin()).putConnection(shop),
    ],
  ] as const;

  test.each(cases)('%s: it cannot be approved, and the one who waits is told', async (_name, change, back) => {
    const ask = askAs(gateway, session);
    const { requestId } = await ask.answer(1);
    await change();
    const error = await failure((await gateway.as('bob')).decideRequest(requestId, { decision: 'approve' }));
    await back();
    expect(error).toMatchObject(changed);
    expect(await ask.answer(2)).toMatchObject({ state: 'denied', reason: expect.stringContaining('changed since') });
    expect((await audit('request-outdated')).at(-1)).toMatchObject({ subject: requestId });
  });

  test.each(cases)('%s after the approval: it is not used, and a new one is needed', async (_name, change, back) => {
    const binding = newBinding();
    const retry = () => askAs(gateway, session, { mode: 'retry', binding }).answer(1);
    const { requestId } = await retry();
    await (await gateway.as('bob')).decideRequest(requestId, { decision: 'approve' });
    await change();
    const after = await retry();
    await back();
    expect(after.state).toBe('pending');
    expect(after.requestId).not.toBe(requestId);
    // Neither does it come back when everything is as it was.
    expect((await (await gateway.as('bob')).showRequest(requestId)).state).toBe('withdrawn');
    expect((await retry()).state).toBe('pending');
  });
});

describe('the approver between asking and deciding', () => {
  test.each([
    ['left the group', { groups: [] }, 'not_found'],
    ['was disabled', { disabled: true }, 'sign_in_required'],
  ])('%s: he does not decide', async (_name, change, code) => {
    const { requestId } = await askAs(gateway, session).answer(1);
    const [admin, carol] = [await gateway.as('admin'), await gateway.as('carol')];
    await admin.putUser('carol', change);
    const error = await failure(carol.decideRequest(requestId, { decision: 'approve' }));
    await admin.putUser('carol', { disabled: false, groups: ['security'] });
    gateway.forget('carol');
    expect(error.code).toBe(code);
  });
});

describe('self-approval by another account', () => {
  test.each([
    ['linked before it was asked', true],
    ['linked after it was asked', false],
  ])('of the same person is refused: %s', async (_name, isLinkedFirst) => {
    const [admin, bob] = [await gateway.as('admin'), await gateway.as('bob')];
    if (isLinkedFirst) await admin.linkUser('bob', 'alice');
    const estimate = { rows: 12_000, why: null };
    const { requestId } = await askAs(gateway, session, { estimate }).answer(1);
    if (!isLinkedFirst) await admin.linkUser('bob', 'alice');
    // Nor is he told what the person who asks is not.
    expect((await bob.showRequest(requestId)).estimate).toBeNull();
    expect((await (await gateway.as('carol')).showRequest(requestId)).estimate).toEqual(estimate);
    expect(await failure(bob.decideRequest(requestId, { decision: 'approve' }))).toMatchObject({
      code: 'self_approval',
      why: expect.stringContaining('you are a person behind it'),
    });
    // Who was the same person when it was asked stays so for this request.
    await admin.unlinkUser('bob');
    const later = bob.decideRequest(requestId, { decision: 'approve' });
    if (isLinkedFirst) expect((await failure(later)).code).toBe('self_approval');
    else expect((await later).state).toBe('approved');
  });

  test('of the person for whom a service acts is refused', async () => {
    const live = gateway.gateway.capabilities.sessions.live.byId(session)?.live;
    const principal = { ...live?.principal, actingFor: { id: 'x', name: 'bob', groups: [] } };
    const ask = askAs(gateway, session, {}, { principal } as never);
    const { requestId } = await ask.answer(1);
    const bob = await failure((await gateway.as('bob')).decideRequest(requestId, { decision: 'approve' }));
    expect(bob.code).toBe('self_approval');
    expect(await (await gateway.as('bob')).showRequest(requestId)).toMatchObject({
      mayDecide: false,
      whyNot: expect.stringContaining('Nobody decides his own request'),
    });
    const { state } = await (await gateway.as('carol')).decideRequest(requestId, { decision: 'approve' });
    expect(state).toBe('approved');
  });
});

describe('what helps to decide', () => {
  test.each([
    [
      { rows: -1, why: null },
      { rows: null, why: 'the agent does not say' },
    ],
    [
      { rows: '5', why: 'x'.repeat(1000) },
      { rows: null, why: 'x'.repeat(200) },
    ],
    [
      { rows: 0, why: 'none' },
      { rows: 0, why: null },
    ],
  ])('an estimate is kept in bounds, whatever the agent says', async (estimate, kept) => {
    const { requestId } = await askAs(gateway, session, { estimate } as never).answer(1);
    expect((await (await gateway.as('bob')).showRequest(requestId)).estimate).toEqual(kept);
  });

  test('the estimate for those who decide, not for the person who asks; his history; who may decide', async () => {
    const { requestId } = await askAs(gateway, session, { estimate: { rows: 12_000, why: null } }).answer(1);
    const [alice, bob] = [await gateway.as('alice'), await gateway.as('bob')];
    const shown = await bob.showRequest(requestId);
    expect(shown).toMatchObject({
      estimate: { rows: 12_000, why: null },
      mayDecide: true,
      whyNot: null,
      decisions: [],
    });
    expect(shown.history.sessions).toBeGreaterThan(1);
    expect(shown.history.requests.length).toBe(10);
    expect(JSON.stringify(shown.history)).not.toMatch(/eve@|secret-parameter|DELETE FROM/);
    expect(await alice.showRequest(requestId)).toMatchObject({
      estimate: null,
      mayDecide: false,
      whyNot: expect.stringContaining('Nobody decides his own request'),
    });
    await bob.decideRequest(requestId, { decision: 'deny', reason: 'too many' });
    expect((await alice.showRequest(requestId)).decisions).toMatchObject([
      { by: 'bob', decision: 'deny', reason: 'too many' },
    ]);
    expect((await alice.showRequest(requestId)).whyNot).toBeNull();
  });
});

describe('several people', () => {
  const decide = async (who: string, id: string, decision: 'approve' | 'deny' = 'approve') =>
    (await gateway.as(who)).decideRequest(id, { decision });

  test('two of a group: one is not enough, twice the same person neither', async () => {
    const ask = askAs(gateway, session, { people: 2 });
    const { requestId } = await ask.answer(1);
    expect(await decide('bob', requestId)).toMatchObject({ state: 'pending', decisions: [{ by: 'bob' }] });
    expect(await failure(decide('bob', requestId))).toMatchObject({
      code: 'conflict',
      message: `You have decided ${requestId} already.`,
    });
    expect(ask.states).toHaveLength(1);
    expect(await decide('carol', requestId)).toMatchObject({
      state: 'approved',
      people: 2,
      decisions: [{ by: 'bob' }, { by: 'carol' }],
    });
    expect(await ask.answer(2)).toMatchObject({ state: 'approved', by: 'carol' });
  });

  test('two who decide at the same moment are both counted, and it runs once', async () => {
    for (let round = 0; round < 5; round++) {
      const ask = askAs(gateway, session, { people: 2 });
      const { requestId } = await ask.answer(1);
      const states = await Promise.all([decide('bob', requestId), decide('carol', requestId)]);
      expect(states.map(({ state }) => state).sort()).toEqual(['approved', 'pending']);
      expect((await ask.answer(2)).state).toBe('approved');
      expect(ask.states).toHaveLength(2);
    }
  });

  test('one denial ends it, whoever approved before', async () => {
    const ask = askAs(gateway, session, { people: 2 });
    const { requestId } = await ask.answer(1);
    await decide('bob', requestId);
    expect((await decide('carol', requestId, 'deny')).state).toBe('denied');
    expect(await ask.answer(2)).toMatchObject({ state: 'denied', by: 'carol' });
  });

  test('who left the group before the last decision does not count', async () => {
    const { requestId } = await askAs(gateway, session, { people: 2 }).answer(1);
    await decide('bob', requestId);
    const admin = await gateway.as('admin');
    await admin.putUser('bob', { groups: [] });
    expect((await decide('carol', requestId)).state).toBe('pending');
    await admin.putUser('bob', { groups: ['security'] });
  });

  test('all of several groups: a person in both stands for one', async () => {
    const admin = await gateway.as('admin');
    await admin.putUser('bob', { groups: ['security', 'leads'] });
    gateway.forget('bob');
    const approvers = { approvers: ['leads', 'security'], require: 'all-of' } as const;
    const { requestId } = await askAs(gateway, session, approvers).answer(1);
    expect((await decide('bob', requestId)).state).toBe('pending');
    expect((await decide('carol', requestId)).state).toBe('approved');
    await admin.putUser('bob', { groups: ['security'] });
    gateway.forget('bob');
  });

  test('the time runs on between the decisions', async () => {
    const { requestId } = await askAs(gateway, session, { people: 2, timeoutMs: 60_000 }).answer(1);
    await decide('bob', requestId);
    gateway.advance(61_000);
    expect((await failure(decide('carol', requestId))).code).toBe('conflict');
    expect((await (await gateway.as('carol')).showRequest(requestId)).state).toBe('expired');
  });
});
