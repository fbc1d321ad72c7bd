import { createDpopKey, createTokenHolder, discover, signInAsMachine } from '@weir/api';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testPolicy } from './fixture/policy.ts';
import { askAs, failure, startTestGateway, type TestGateway, until } from './fixture/test-gateway.ts';

/** What somebody gets who wants a statement to run without the people whom the rule names, and what the audit log says of it. */

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
const newBinding = () => (bindings++).toString(16).padStart(64, '0');
const admin = () => gateway.as('admin');
const decide = async (who: string, id: string, decision: 'approve' | 'deny' = 'approve') =>
  (await gateway.as(who)).decideRequest(id, { decision, reason: 'looked at it' });
const stateOf = async (id: string) => (await (await gateway.as('audrey')).showRequest(id)).state;
/** Events about one request, oldest first. */
const told = async (subject: string) =>
  (await (await admin()).listAuditEvents({ limit: 1000 })).filter((event) => event.subject === subject);
/** Waits until the log says so: some events are written after the answer. */
const logged = (subject: string, action: string, detail: object) =>
  expect
    .poll(() => told(subject), { timeout: 5000 })
    .toContainEqual(expect.objectContaining({ action, detail: expect.objectContaining(detail) }));

const target = { protocol: 'postgres', host: '127.0.0.1', database: 'shop', user: 'app', password: { from: 'none' } };
const shop = { name: 'shop', agent: 'local', target } as never;
const restore = async () => {
  const people = await admin();
  await people.putUser('alice', { disabled: false, groups: ['developers'] });
  for (const name of ['bob', 'carol']) {
    await people.putUser(name, { disabled: false, groups: ['security'] });
    await people.unlinkUser(name).catch(() => undefined);
  }
  await people.putConnection(shop);
  await gateway.gateway.capabilities.policies.apply(testPolicy, 'test');
  for (const name of ['alice', 'bob', 'carol']) gateway.forget(name);
};

describe('what happens between the approval and its use', () => {
  test.each<[string, () => Promise<unknown>, string]>([
    ['the approver leaves the group', async () => (await admin()).putUser('bob', { groups: [] }), 'may not any more'],
    ['the approver is disabled', async () => (await admin()).putUser('bob', { disabled: true }), 'may not any more'],
    [
      'the approver turns out to be who asked',
      async () => (await admin()).linkUser('bob', 'alice'),
      'may not any more',
    ],
    [
      'the connection leads to another server',
      async () =>
        (await admin()).putConnection({ ...(shop as object), target: { ...target, host: '127.0.0.2' } } as never),
      '',
    ],
    [
      'the policy asks other people',
      () =>
        gateway.gateway.capabilities.policies.apply(
          testPolicy.replace('approvers: { groups: [security] }', 'approvers: { groups: [owners] }'),
          'test',
        ),
      '',
    ],
    [
      'the person is in another group',
      async () => (await admin()).putUser('alice', { groups: ['developers', 'more'] }),
      '',
    ],
  ])('%s: it does not run', async (_what, change, why) => {
    const binding = newBinding();
    const send = () => askAs(gateway, session, { mode: 'retry', binding }).answer(1);
    const { requestId } = await send();
    expect((await decide('bob', requestId)).state).toBe('approved');
    await change();
    // Some changes end his session, and he opens another one.
    const isLive = gateway.gateway.capabilities.sessions.live.byId(session) !== undefined;
    if (!isLive) session = (await gateway.openSession()).id;
    const again = await send();
    await restore();
    expect(again).toMatchObject({ state: 'pending' });
    expect(again.requestId).not.toBe(requestId);
    expect(await stateOf(requestId)).toBe('withdrawn');
    await logged(requestId, 'request-outdated', {
      principal: 'alice',
      ...(why && { why: expect.stringContaining(why) }),
    });
    expect((await told(requestId)).map(({ action }) => action)).not.toContain('request-used');
    // Everything is as it was: the approval does not come back.
    if (!isLive) session = (await gateway.openSession()).id;
    expect((await send()).state).toBe('pending');
  });

  test('of two approvers one is disabled: the other alone is not enough', async () => {
    const binding = newBinding();
    const send = () => askAs(gateway, session, { mode: 'retry', binding, people: 2 }).answer(1);
    const { requestId } = await send();
    await decide('bob', requestId);
    expect((await decide('carol', requestId)).state).toBe('approved');
    await (await admin()).putUser('bob', { disabled: true });
    const again = await send();
    await restore();
    expect(again.state).toBe('pending');
    expect(await stateOf(requestId)).toBe('withdrawn');
  });

  test('it was used, and the gateway was killed since: it does not run again', async () => {
    const binding = newBinding();
    const send = () => askAs(gateway, session, { mode: 'retry', binding }).answer(1);
    const { requestId } = await send();
    await decide('bob', requestId);
    expect((await send()).state).toBe('approved');
    await gateway.restart({ crash: true });
    session = (await gateway.openSession()).id;
    expect(await send()).toMatchObject({ state: 'pending', requestId: expect.not.stringMatching(requestId) });
    expect((await told(requestId)).filter(({ action }) => action === 'request-used')).toHaveLength(1);
  });

  test.each([
    ['a second before its end', 599_000, 'approved'],
    ['a second after its end', 601_000, 'pending'],
  ])('it is used %s', async (_when, ms, state) => {
    const binding = newBinding();
    const send = () => askAs(gateway, session, { mode: 'retry', binding }).answer(1);
    const { requestId } = await send();
    await decide('bob', requestId);
    gateway.advance(ms);
    expect((await send()).state).toBe(state);
    expect(await stateOf(requestId)).toBe(state === 'approved' ? 'used' : 'expired');
    await logged(requestId, state === 'approved' ? 'request-used' : 'request-expired', {});
    gateway.advance(-ms);
  });
});

describe('what happens while a statement waits', () => {
  test('the person who asked is disabled: nobody can approve it, and nothing waits', async () => {
    const [waits, retries] = [
      askAs(gateway, session),
      askAs(gateway, session, { ask: 2, mode: 'retry', binding: newBinding() }),
    ];
    const ids = [(await waits.answer(1)).requestId, (await retries.answer(1)).requestId];
    await (await admin()).putUser('alice', { disabled: true });
    await until(async () => (await stateOf(ids[0] ?? '')) === 'withdrawn');
    for (const id of ids) expect((await failure(decide('bob', id))).code).toBe('conflict');
    await restore();
    expect(await Promise.all(ids.map(stateOf))).toEqual(['withdrawn', 'withdrawn']);
    await logged(ids[0] ?? '', 'request-withdrawn', {});
    await logged(ids[1] ?? '', 'request-outdated', { principal: 'alice' });
    for (const id of ids) expect((await told(id)).map(({ action }) => action)).not.toContain('request-approved');
  });

  test.each([
    ['a second before its end', 599_000, 'approved'],
    ['a second after its end', 601_000, 'expired'],
  ])('it is decided %s', async (_when, ms, state) => {
    const { requestId } = await askAs(gateway, session, { mode: 'retry', binding: newBinding() }).answer(1);
    gateway.advance(ms);
    const outcome = await decide('bob', requestId).then(
      (request) => request.state,
      (error: { code: string }) => error.code,
    );
    expect(outcome).toBe(state === 'approved' ? 'approved' : 'conflict');
    expect(await stateOf(requestId)).toBe(state);
    await logged(requestId, state === 'approved' ? 'request-approved' : 'request-expired', {});
    gateway.advance(-ms);
  });

  test('one approves and one denies in the same moment: one outcome, and the loser is in the log', async () => {
    for (let round = 0; round < 5; round++) {
      const ask = askAs(gateway, session);
      const { requestId } = await ask.answer(1);
      const results = await Promise.allSettled([decide('bob', requestId), decide('carol', requestId, 'deny')]);
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const state = await stateOf(requestId);
      expect((await ask.answer(2)).state).toBe(state);
      expect(ask.states).toHaveLength(2);
      const ended = (await told(requestId)).filter(({ action }) => /^request-(approved|denied)$/.test(action));
      expect(ended.map(({ action }) => action)).toEqual([`request-${state}`]);
      await logged(requestId, 'decision-refused', { code: 'conflict' });
    }
  });
});

describe('one person as several', () => {
  test('by two linked accounts: he counts once, and the second is in the log', async () => {
    await (await admin()).linkUser('carol', 'bob');
    const { requestId } = await askAs(gateway, session, { people: 2 }).answer(1);
    await decide('bob', requestId);
    expect((await failure(decide('carol', requestId))).code).toBe('conflict');
    await restore();
    expect(await stateOf(requestId)).toBe('pending');
    await logged(requestId, 'decision-refused', { code: 'conflict' });
  });

  test('by accounts that are linked after both have approved: they do not let it run', async () => {
    const binding = newBinding();
    const send = () => askAs(gateway, session, { mode: 'retry', binding, people: 2 }).answer(1);
    const { requestId } = await send();
    await decide('bob', requestId);
    await decide('carol', requestId);
    await (await admin()).linkUser('carol', 'bob');
    const again = await send();
    await restore();
    expect(again.state).toBe('pending');
    expect(await stateOf(requestId)).toBe('withdrawn');
  });

  test('in two groups under all-of: he stands for one of them', async () => {
    await (await admin()).putUser('bob', { groups: ['security', 'owners'] });
    const { requestId } = await askAs(gateway, session, {
      approvers: ['security', 'owners'],
      require: 'all-of',
    }).answer(1);
    expect((await decide('bob', requestId)).state).toBe('pending');
    expect((await failure(decide('bob', requestId))).code).toBe('conflict');
    // His denial of what he approved does not count either.
    expect((await failure(decide('bob', requestId, 'deny'))).code).toBe('conflict');
    expect((await decide('carol', requestId)).state).toBe('approved');
    await restore();
    await logged(requestId, 'request-decided-in-part', { decisions: 1 });
  });

  test.each(['service', 'ai-agent'] as const)(
    'as a %s in the group of the approvers: it decides nothing',
    async (kind) => {
      const { requestId } = await askAs(gateway, session).answer(1);
      const bob = await gateway.gateway.repositories.users.findByName('bob');
      if (bob === undefined) throw new Error('no bob');
      const caller = { id: bob.id, name: 'bob', kind, groups: bob.groups, roles: [], personId: null };
      const error = await failure(
        gateway.gateway.capabilities.approvals.decide(caller, requestId, { decision: 'approve' }),
      );
      expect(error).toMatchObject({ code: 'not_permitted', why: 'Only people decide.' });
      expect(await stateOf(requestId)).toBe('pending');
      await logged(requestId, 'decision-refused', { code: 'not_permitted' });
    },
  );
});

describe('a service that asks, and a service that decides', () => {
  /** A session of a service, and its client of the API. */
  const serviceOf = async (name: string, groups: string[]) => {
    await (await admin()).putServiceAccount(name, { groups, owner: 'bob' });
    const { key } = await (await admin()).createServiceKey(name, { label: 'attack' });
    const dpop = await createDpopKey();
    const metadata = await discover(gateway.gateway.addresses.api);
    const tokens = await signInAsMachine(metadata, { by: 'key', secret: key }, dpop);
    return gateway.withToken(createTokenHolder({ key: dpop, tokens, renew: async (old) => old, now: gateway.now }));
  };

  test('its owner does not decide, with no account of his; another person does', async () => {
    const robot = await serviceOf('robot', ['developers']);
    const { id } = await robot.openSession({ connection: 'shop' });
    await (await admin()).linkUser('carol', 'bob');
    const { requestId } = await askAs(gateway, id).answer(1);
    for (const who of ['bob', 'carol']) {
      expect((await failure(decide(who, requestId))).code).toBe('self_approval');
      await logged(requestId, 'decision-refused', { code: 'self_approval' });
    }
    await restore();
    // Who belonged to the owner when it was asked stays so for this request.
    expect((await failure(decide('carol', requestId))).code).toBe('self_approval');
    await (await admin()).putUser('dave', { groups: ['developers', 'security'] });
    expect((await decide('dave', requestId)).state).toBe('approved');
    await (await admin()).putUser('dave', { groups: ['developers'] });
    await (await admin()).putServiceAccount('robot', { disabled: true });
  });

  test('in the group of the approvers, with a key of its own: it decides nothing', async () => {
    const robot = await serviceOf('judge', ['security']);
    const { requestId } = await askAs(gateway, session).answer(1);
    expect((await failure(robot.decideRequest(requestId, { decision: 'approve' }))).code).toBe('not_permitted');
    expect(await stateOf(requestId)).toBe('pending');
    await (await admin()).putServiceAccount('judge', { disabled: true });
  });
});
