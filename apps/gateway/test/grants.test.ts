import type { Grant, NewAccessRequest, Session } from '@weir/api';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testPolicy } from './fixture/policy.ts';
import { failure, startTestGateway, type TestGateway, until } from './fixture/test-gateway.ts';

const hour = 3_600_000;
const rule = (name: string, more: string) => `---
apiVersion: weir.dev/v1
kind: AccessRequest
metadata: { name: ${name} }
spec:
  who: { groups: [developers] }
  connections: { names: [vault] }
${more}
`;
const access = (grant = 'required') => `---
apiVersion: weir.dev/v1
kind: Access
metadata: { name: developers-open-the-vault }
spec:
  who: { groups: [developers] }
  connections: { names: [vault] }
  grant: ${grant}
`;
const ask = (more = '', longest = '4h') =>
  rule('ask-for-the-vault', `  longest: ${longest}\n  approvers: { groups: [security] }\n  timeout: 1h\n${more}`);
const glass = (overdue = 'warn') => `  breakGlass:
    longest: 1h
    review: { by: { groups: [security] }, within: 1d, overdue: ${overdue} }`;

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.close());

const apply = async (...documents: string[]) =>
  (await gateway.as('paula')).applyPolicy({ text: [testPolicy, ...documents].join('\n') });
beforeEach(async () => {
  const admin = await gateway.as('admin');
  for (const grant of await admin.listGrants({ state: 'active' })) await admin.revokeGrant(grant.id);
  for (const one of await admin.listAccessRequests({ state: 'pending' }))
    await (await gateway.as(one.principal)).cancelAccessRequest(one.id);
  await apply(access(), ask());
});

/** Signs everybody in again when the clock has gone further than tokens live. */
const advance = (ms: number) => {
  gateway.advance(ms);
  for (const user of ['alice', 'dave', 'bob', 'carol', 'admin', 'audrey', 'paula']) gateway.forget(user);
};
const request = async (change: Partial<NewAccessRequest> = {}, user = 'alice') =>
  (await gateway.as(user)).newAccessRequest({ connection: 'vault', seconds: 3600, reason: 'repair', ...change });
const approve = async (id: string, user = 'bob') =>
  (await gateway.as(user)).decideAccessRequest(id, { decision: 'approve', reason: 'looked at it' });
const granted = async (change: Partial<NewAccessRequest> = {}): Promise<Grant> => {
  const decided = await approve((await request(change)).id);
  return (await gateway.as('alice')).showGrant(decided.grant ?? '');
};
const open = async (user = 'alice') => (await gateway.as(user)).openSession({ connection: 'vault' });
const session = async (id: string): Promise<Session> => (await gateway.as('admin')).showSession(id);
const ended = async (id: string): Promise<string> => {
  await until(async () => (await session(id)).state === 'ended');
  return (await session(id)).endReason ?? '';
};
const audit = async (action: string) =>
  (await (await gateway.as('admin')).listAuditEvents({ action, limit: 1000 })).at(-1);

describe('a request', () => {
  test('is asked for, approved, used, and ends by the clock', async () => {
    const refused = await failure(open());
    expect(refused.code).toBe('not_permitted');
    expect(refused.fix).toContain('weir requests new vault --for 4h --reason WHY');
    expect((await (await gateway.as('alice')).listConnections()).find(({ name }) => name === 'vault')).toMatchObject({
      allowed: false,
      reason: expect.stringContaining('weir requests new vault'),
    });
    const asked = await request({ ticket: 'INC-1' });
    expect(asked).toMatchObject({ state: 'pending', approvers: ['security'], grant: null, mayDecide: false });
    expect(asked.id).toMatch(/^acc_[2-9a-z]{8}$/);
    expect((await failure(open())).code).toBe('not_permitted');
    const bob = await gateway.as('bob');
    expect(await bob.listAccessRequests({ state: 'pending' })).toMatchObject([{ id: asked.id, mayDecide: true }]);
    const decided = await approve(asked.id);
    expect(decided).toMatchObject({ state: 'approved', decidedBy: 'bob', decisionReason: 'looked at it' });
    const grant = await (await gateway.as('alice')).showGrant(decided.grant ?? '');
    expect(grant).toMatchObject({ state: 'active', kind: 'request', ticket: 'INC-1', request: asked.id });
    expect(Date.parse(grant.until) - Date.parse(grant.from)).toBe(hour);
    const opened = await open();
    expect(opened.expiresAt).toBe(grant.until);
    expect(await audit('grant-given')).toMatchObject({
      actor: 'bob',
      subject: grant.id,
      detail: { principal: 'alice' },
    });
    advance(hour);
    expect(gateway.dataPlane.controlPlane.findByLogin(opened.user)).toBeNull();
    expect(await ended(opened.id)).toContain('grant');
    expect((await failure(open())).fix).toContain('weir requests new vault');
    expect((await (await gateway.as('alice')).showGrant(grant.id)).state).toBe('ended');
    await until(async () => (await audit('grant-ended'))?.subject === grant.id);
  });

  test.each<[string, Partial<NewAccessRequest>, string, string]>([
    ['longer than the rule allows', { seconds: 4 * 3600 + 1 }, 'not_permitted', '4h at most'],
    ['a negative time', { seconds: -3600 }, 'invalid_request', ''],
    ['no time', { seconds: 0 }, 'invalid_request', ''],
    ['a huge time', { seconds: Number.MAX_SAFE_INTEGER }, 'invalid_request', ''],
    ['a time that is no number', { seconds: Number.POSITIVE_INFINITY }, 'invalid_request', ''],
    ['parts of a second', { seconds: 3600.5 }, 'invalid_request', ''],
    ['without a reason', { reason: ' ' }, 'not_permitted', 'asks for a reason'],
    ['by a rule that does not give it', { rule: 'other' }, 'not_permitted', 'ask-for-the-vault'],
    ['for a connection without a rule', { connection: 'shop' }, 'not_permitted', ''],
    ['for no connection', { connection: 'nothing' }, 'not_found', ''],
    ['for another person', { principal: 'dave' } as never, 'invalid_request', ''],
    ['a grant at once', { state: 'approved' } as never, 'invalid_request', ''],
    ['a ticket with a line break', { ticket: 'INC-1\nX' }, 'invalid_request', ''],
  ])('for %s is refused', async (_name, change, code, why) => {
    const error = await failure(request(change));
    expect(error.code).toBe(code);
    expect(`${error.why ?? ''}`).toContain(why);
    expect(await (await gateway.as('alice')).listAccessRequests({ state: 'pending' })).toEqual([]);
  });

  test.each([
    ['bob', 'not_permitted'],
    ['admin', 'not_permitted'],
    ['audrey', 'not_permitted'],
  ])('by %s, whom no rule names, is refused', async (user, code) => {
    expect((await failure(request({}, user))).code).toBe(code);
    expect(await audit('access-refused')).toMatchObject({ actor: user, subject: 'vault', detail: { code } });
  });

  test.each([
    ['dave', 'not_found'],
    ['admin', 'not_permitted'],
    ['audrey', 'not_permitted'],
    ['alice', 'self_approval'],
  ])('is not decided by %s: %s', async (user, code) => {
    const { id } = await request();
    expect((await failure(approve(id, user))).code).toBe(code);
    expect((await (await gateway.as('alice')).showAccessRequest(id)).state).toBe('pending');
    expect((await failure(open())).code).toBe('not_permitted');
  });

  test('is not decided by who asked, with a second account or a second group', async () => {
    const admin = await gateway.as('admin');
    const { id } = await request();
    await admin.putUser('alice', { groups: ['developers', 'security'] });
    expect((await failure(approve(id, 'alice'))).code).toBe('self_approval');
    await admin.putUser('alice', { groups: ['developers'] });
    await admin.linkUser('bob', 'alice');
    expect((await failure(approve(id, 'bob'))).code).toBe('self_approval');
    await admin.unlinkUser('bob');
    expect(await audit('decision-refused')).toMatchObject({ actor: 'bob', detail: { code: 'self_approval' } });
  });

  test('counts one person once, in two groups and by two accounts', async () => {
    await apply(
      access(),
      rule('ask-for-the-vault', '  longest: 4h\n  approvers: { groups: [security, owners], require: all-of }'),
    );
    const admin = await gateway.as('admin');
    await admin.putUser('bob', { groups: ['security', 'owners'] });
    const { id } = await request();
    expect(await approve(id)).toMatchObject({ state: 'pending', decisions: [{ by: 'bob' }] });
    expect((await failure(approve(id))).code).toBe('conflict');
    await admin.linkUser('carol', 'bob');
    expect((await failure(approve(id, 'carol'))).code).toBe('conflict');
    expect((await failure(open())).code).toBe('not_permitted');
    await admin.unlinkUser('carol');
    expect(await approve(id, 'carol')).toMatchObject({ state: 'approved' });
    await admin.putUser('bob', { groups: ['security'] });
  });

  test('does not count approvers who were disabled since', async () => {
    await apply(access(), rule('ask-for-the-vault', '  longest: 4h\n  approvers: { groups: [security], people: 2 }'));
    const { id } = await request();
    expect((await approve(id)).state).toBe('pending');
    const admin = await gateway.as('admin');
    await admin.putUser('bob', { disabled: true });
    expect((await approve(id, 'carol')).state).toBe('pending');
    await admin.putUser('bob', { disabled: false });
    gateway.forget('bob');
  });

  test('of two who decide at the same moment, one outcome comes, and each counts once', async () => {
    const { id } = await request();
    const [bob, carol] = [await gateway.as('bob'), await gateway.as('carol')];
    const results = await Promise.allSettled([
      bob.decideAccessRequest(id, { decision: 'approve' }),
      carol.decideAccessRequest(id, { decision: 'deny' }),
      bob.decideAccessRequest(id, { decision: 'approve' }),
      carol.decideAccessRequest(id, { decision: 'approve' }),
    ]);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'conflict' });
    const row = await bob.showAccessRequest(id);
    expect(row.decisions).toHaveLength(1);
    const all = await (await gateway.as('admin')).listGrants({ state: 'active' });
    expect(all).toHaveLength(row.state === 'approved' ? 1 : 0);
  });

  test('of many who approve at once for a rule of two people, one grant comes', async () => {
    await apply(access(), rule('ask-for-the-vault', '  longest: 4h\n  approvers: { groups: [security], people: 2 }'));
    const { id } = await request();
    await Promise.allSettled(['bob', 'carol', 'bob', 'carol', 'bob'].map((user) => approve(id, user)));
    expect((await (await gateway.as('bob')).showAccessRequest(id)).decisions.map(({ by }) => by).sort()).toEqual([
      'bob',
      'carol',
    ]);
    expect(await (await gateway.as('admin')).listGrants({ state: 'active' })).toHaveLength(1);
  });

  test.each<[string, () => Promise<unknown>]>([
    ['its rule became shorter', () => apply(access(), ask('', '30m'))],
    ['its rule has other approvers', () => apply(access(), ask().replace('[security]', '[security, owners]'))],
    ['its rule is gone', () => apply(access())],
    ['the grant would open more', () => apply(access(), access().replace('the-vault', 'it-too'), ask())],
    [
      'the connection leads elsewhere',
      async () => (await gateway.as('admin')).putConnection(vault({ host: '127.0.0.2' })),
    ],
    [
      'the account is in other groups',
      async () => (await gateway.as('admin')).putUser('alice', { groups: ['developers', 'interns'] }),
    ],
  ])('is not approved any more when %s', async (_name, change) => {
    const { id } = await request();
    await change();
    const error = await failure(approve(id));
    const admin = await gateway.as('admin');
    await admin.putConnection(vault());
    await admin.putUser('alice', { groups: ['developers'] });
    expect(error).toMatchObject({ code: 'conflict', why: expect.stringContaining('changed since') });
    expect((await (await gateway.as('alice')).showAccessRequest(id)).state).toBe('outdated');
    expect(await admin.listGrants({ state: 'active' })).toEqual([]);
  });

  test('stays good when something else in the policy changes', async () => {
    const { id } = await request();
    await apply(
      access(),
      ask(),
      rule('another', '  longest: 1h\n  approvers: { groups: [owners] }').replace('[vault]', '[shop]'),
    );
    expect((await approve(id)).state).toBe('approved');
  });

  test('expires, and can be taken back by who asked alone', async () => {
    const first = await request();
    expect((await failure((await gateway.as('bob')).cancelAccessRequest(first.id))).code).toBe('not_permitted');
    expect((await (await gateway.as('alice')).cancelAccessRequest(first.id)).state).toBe('cancelled');
    expect((await failure(approve(first.id))).why).toContain('cancelled');
    const second = await request();
    advance(hour);
    expect((await failure(approve(second.id))).why).toContain('expired');
    const third = await request();
    expect((await (await gateway.as('bob')).decideAccessRequest(third.id, { decision: 'deny' })).state).toBe('denied');
    expect((await failure(approve(third.id, 'carol'))).code).toBe('conflict');
  });

  test('is bounded in number', async () => {
    for (let count = 0; count < 20; count++) await request();
    expect((await failure(request())).message).toContain('20 open requests');
  });
});

describe('approval at once, and who may never', () => {
  const auto = ask(
    `  autoApprove: 'request.seconds <= 1800 && ticket.startsWith("INC-") && client.address.inNetwork("127.0.0.0/8")'`,
  );
  test.each<[string, Partial<NewAccessRequest>, string]>([
    ['when the condition holds', { seconds: 1800, ticket: 'INC-1' }, 'approved'],
    ['not when it does not', { seconds: 1801, ticket: 'INC-1' }, 'pending'],
    ['not when it cannot be decided', { seconds: 1800 }, 'pending'],
  ])('%s', async (_name, change, state) => {
    await apply(access(), auto);
    const asked = await request(change);
    expect(asked).toMatchObject({ state, decidedBy: state === 'approved' ? 'policy' : null });
    expect((await open().catch(() => undefined)) !== undefined).toBe(state === 'approved');
  });

  test('people who may never ask and never decide', async () => {
    await apply(access(), ask('  never: { groups: [interns], principals: [carol] }'));
    const admin = await gateway.as('admin');
    await admin.putUser('dave', { groups: ['developers', 'interns'] });
    expect((await failure(request({}, 'dave'))).code).toBe('not_permitted');
    await admin.putUser('dave', { groups: ['developers'] });
    const { id } = await request();
    expect((await failure(approve(id, 'carol'))).code).toBe('not_permitted');
    expect((await approve(id, 'bob')).state).toBe('approved');
  });
});

describe('a grant', () => {
  test('is not made longer by opening anew at the last second, nor by a restart', async () => {
    const grant = await granted();
    advance(hour - 1000);
    const late = await open();
    expect(late.expiresAt).toBe(grant.until);
    await gateway.restart();
    for (const user of ['alice', 'admin']) gateway.forget(user);
    const later = await open().catch(() => undefined);
    expect(later === undefined || later.expiresAt === grant.until).toBe(true);
    advance(1000);
    expect(later && gateway.dataPlane.controlPlane.findByLogin(later.user)).toBeFalsy();
    expect((await failure(open())).code).toBe('not_permitted');
  });

  test('is for one person and one connection', async () => {
    const grant = await granted();
    expect((await failure(open('dave'))).code).toBe('not_permitted');
    expect((await (await gateway.as('alice')).openSession({ connection: 'shop' })).id).toBeTruthy();
    const dave = await gateway.as('dave');
    expect(await dave.listGrants()).toEqual([]);
    expect((await failure(dave.showGrant(grant.id))).code).toBe('not_found');
  });

  test.each<[string, string, boolean]>([
    ['its holder', 'alice', true],
    ['an approver', 'carol', true],
    ['an admin', 'admin', true],
    ['an auditor', 'audrey', false],
    ['a stranger', 'dave', false],
  ])('revoked by %s', async (_name, user, may) => {
    const grant = await granted();
    const opened = await open();
    const revoking = (await gateway.as(user)).revokeGrant(grant.id, { reason: 'over' });
    if (!may) {
      expect(['not_permitted', 'not_found']).toContain((await failure(revoking)).code);
      expect((await session(opened.id)).state).toBe('active');
      return;
    }
    expect(await revoking).toMatchObject({ state: 'revoked', revoked: { by: user, reason: 'over' } });
    expect(gateway.dataPlane.controlPlane.findByLogin(opened.user)).toBeNull();
    expect(await ended(opened.id)).toContain(`revoked by ${user}`);
    expect((await failure(open())).code).toBe('not_permitted');
    expect((await failure((await gateway.as('admin')).revokeGrant(grant.id))).code).toBe('conflict');
  });

  test('revoked while sessions are being opened leaves none', async () => {
    const grant = await granted();
    const opening = Array.from({ length: 8 }, () => open().catch(() => undefined));
    await (await gateway.as('admin')).revokeGrant(grant.id);
    await Promise.all(opening);
    const live = gateway.gateway.capabilities.sessions.live
      .all()
      .filter(({ live }) => live.connection.name === 'vault');
    expect(live).toEqual([]);
  });

  test.each<[string, () => Promise<unknown>]>([
    ['the rule is gone', () => apply(access())],
    ['the access is gone', () => apply(ask())],
    ['the access wants another rule', () => apply(access('[other]'), ask())],
    ['the account leaves the group', async () => (await gateway.as('admin')).putUser('alice', { groups: ['others'] })],
    ['the account may never', () => apply(access(), ask('  never: { principals: [alice] }'))],
    ['the connection leads elsewhere', async () => (await gateway.as('admin')).putConnection(vault({ port: 6000 }))],
  ])('opens nothing when %s', async (_name, change) => {
    const grant = await granted();
    const opened = await open();
    await change();
    expect(await ended(opened.id)).not.toBe('');
    expect((await failure(open())).code).toBe('not_permitted');
    expect((await (await gateway.as('alice')).showGrant(grant.id)).state).toBe('void');
    const admin = await gateway.as('admin');
    await admin.putUser('alice', { groups: ['developers'] });
    await admin.putConnection(vault());
  });

  test('shrinks with its rule, and its sessions with it', async () => {
    await granted({ seconds: 4 * 3600 });
    const opened = await open();
    await apply(access(), ask('', '1h'));
    expect((await session(opened.id)).state).toBe('active');
    advance(hour + 1000);
    expect(gateway.dataPlane.controlPlane.findByLogin(opened.user)).toBeNull();
    expect(await ended(opened.id)).toContain('grant');
    expect((await failure(open())).code).toBe('not_permitted');
  });

  test('opens nothing while the clock says that it has not begun', async () => {
    await granted();
    advance(-2 * hour);
    expect((await failure(open())).code).toBe('not_permitted');
    advance(2 * hour);
    expect((await open()).id).toBeTruthy();
  });

  test('survives a restart', async () => {
    const grant = await granted();
    await gateway.restart();
    for (const user of ['alice', 'admin', 'bob', 'paula']) gateway.forget(user);
    expect((await open()).expiresAt).toBe(grant.until);
  });
});

test('the end of a long grant is told before, once', async () => {
  const long = await granted();
  const short = await granted({ seconds: 1200 });
  advance(0.2 * hour);
  await gateway.gateway.capabilities.grantClock.sweep();
  advance(0.7 * hour);
  await gateway.gateway.capabilities.grantClock.sweep();
  await gateway.gateway.capabilities.grantClock.sweep();
  const told = async () =>
    (await (await gateway.as('admin')).listAuditEvents({ action: 'grant-ending', limit: 1000 })).map(
      ({ subject }) => subject,
    );
  await until(async () => (await told()).includes(long.id));
  expect((await told()).filter((id) => id === long.id)).toHaveLength(1);
  expect(await told()).not.toContain(short.id);
});

describe('break-glass', () => {
  const take = async (user = 'alice') =>
    (await gateway.as(user)).breakGlass({ connection: 'vault', reason: 'production is down' });
  const review = async (id: string, user = 'bob') =>
    (await gateway.as(user)).reviewGrant(id, { verdict: 'justified', comment: 'it was down' });

  test('is at once, loud, and reviewed by another person', async () => {
    await apply(access(), ask(glass()));
    const grant = await take();
    expect(grant).toMatchObject({ kind: 'break-glass', state: 'active', review: { state: 'open', by: ['security'] } });
    expect(await audit('break-glass-used')).toMatchObject({
      actor: 'alice',
      subject: grant.id,
      detail: { connection: 'vault', reason: 'production is down' },
    });
    const opened = await open();
    expect(opened.expiresAt).toBe(grant.until);
    expect((await failure(review(grant.id, 'alice'))).code).toBe('self_approval');
    expect((await failure(review(grant.id, 'admin'))).code).toBe('not_permitted');
    expect((await (await gateway.as('bob')).listGrants({ state: 'to-review' })).map(({ id }) => id)).toContain(
      grant.id,
    );
    expect((await (await gateway.as('bob')).status()).reviews).toEqual({ open: 1, overdue: 0 });
    expect(await review(grant.id)).toMatchObject({
      review: { state: 'done', verdict: 'justified', reviewedBy: 'bob' },
    });
    expect((await failure(review(grant.id, 'carol'))).code).toBe('conflict');
    advance(hour);
    expect(await ended(opened.id)).toContain('grant');
  });

  test.each<[string, string, string]>([
    ['without such a rule', ask(), 'not_permitted'],
    [
      'by others than the rule names',
      ask(glass().replace('breakGlass:', 'breakGlass:\n    who: { groups: [on-call] }')),
      'not_permitted',
    ],
    ['longer than the rule allows', ask(glass()), 'not_permitted'],
  ])('%s is refused', async (name, document, code) => {
    await apply(access(), document);
    const seconds = name.startsWith('longer') ? { seconds: 3601 } : {};
    const taking = (await gateway.as('alice')).breakGlass({ connection: 'vault', reason: 'x', ...seconds });
    expect((await failure(taking)).code).toBe(code);
    expect(await audit('break-glass-refused')).toMatchObject({ actor: 'alice', subject: 'vault' });
  });

  test.each([
    ['warn', false],
    ['block', true],
  ])('with an overdue review: %s', async (overdue, isBlocked) => {
    await apply(access(), ask(glass(overdue)));
    const first = await take();
    advance(25 * hour + 1000);
    expect((await (await gateway.as('bob')).showGrant(first.id)).review?.state).toBe('overdue');
    expect((await (await gateway.as('bob')).status()).reviews).toEqual({ open: 1, overdue: 1 });
    await until(async () => (await audit('break-glass-review-overdue'))?.subject === first.id);
    const second = await take().catch((error: unknown) => error);
    if (isBlocked) {
      expect(second).toMatchObject({ code: 'conflict', why: expect.stringContaining('overdue') });
      expect(await audit('break-glass-refused')).toMatchObject({ actor: 'alice', subject: 'vault' });
      expect((await failure(open())).code).toBe('not_permitted');
    } else await review((second as Grant).id);
    await review(first.id);
    expect((await take()).state).toBe('active');
    for (const one of await (await gateway.as('bob')).listGrants({ state: 'to-review' })) await review(one.id);
  });
});

function vault(change: { host?: string; port?: number } = {}) {
  const target = { protocol: 'postgres' as const, host: '127.0.0.1', port: 5432, database: 'vault', user: 'app' };
  return {
    name: 'vault',
    agent: 'local',
    labels: {},
    target: { ...target, password: { from: 'none' as const }, ...change },
  };
}
