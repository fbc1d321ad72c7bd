import {
  type ApiClient,
  createDpopKey,
  createTokenHolder,
  discover,
  type MachineSecret,
  type NewServiceKey,
  signInAsMachine,
} from '@weir/api';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { askAs, failure, startTestGateway, type TestGateway, until } from './fixture/test-gateway.ts';

let gateway: TestGateway;
let admin: ApiClient;
beforeAll(async () => {
  gateway = await startTestGateway();
  admin = await gateway.as('admin');
});
afterAll(() => gateway.close());

let count = 0;
let name = '';
let key: NewServiceKey;
beforeEach(async () => {
  name = `reporter-${count++}`;
  await admin.putServiceAccount(name, { groups: ['developers'], owner: 'bob' });
  key = await admin.createServiceKey(name, { label: 'for the test' });
});

async function signIn(secret: Partial<MachineSecret> = {}) {
  const dpop = await createDpopKey();
  const metadata = await discover(gateway.gateway.addresses.api);
  const tokens = await signInAsMachine(metadata, { by: 'key', secret: key.key, ...secret }, dpop);
  const holder = createTokenHolder({ key: dpop, tokens, renew: async (old) => old, now: gateway.now });
  return { tokens, client: gateway.withToken(holder) };
}
const open = async (secret: Partial<MachineSecret> = {}) => {
  const { client } = await signIn(secret);
  return { client, id: (await client.openSession({ connection: 'shop' })).id };
};
const events = async (action: string) => admin.listAuditEvents({ action, limit: 1000 });
const endOf = async (id: string) => (await admin.showSession(id)).endReason;
const whyRefused = async () => (await events('machine-refused')).at(-1)?.detail['why'];

describe('a service account', () => {
  test('is added, changed, listed and deleted, each with before and after in the audit log', async () => {
    const added = await admin.showServiceAccount(name);
    expect(added).toMatchObject({ kind: 'service', owner: 'bob', rule: null, groups: ['developers'], disabled: false });
    await admin.putServiceAccount(name, { only: 'change', groups: ['security'], kind: 'ai-agent', owner: 'carol' });
    expect(await admin.showServiceAccount(name)).toMatchObject({
      kind: 'ai-agent',
      owner: 'carol',
      groups: ['security'],
    });
    expect((await events('service-account-changed')).at(-1)).toMatchObject({
      actor: 'admin',
      detail: { before: { groups: ['developers'], owner: 'bob' }, after: { groups: ['security'], owner: 'carol' } },
    });
    expect((await admin.listServiceAccounts()).map((account) => account.name)).toContain(name);
    await admin.deleteServiceAccount(name);
    expect((await failure(admin.showServiceAccount(name))).code).toBe('not_found');
    expect((await events('service-account-deleted')).at(-1)).toMatchObject({ subject: name });
    await expect(signIn()).rejects.toThrow('does not take this key');
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ['takes the name of a person', () => admin.putServiceAccount('alice', { groups: [] }), 'conflict'],
    ['is added twice', () => admin.putServiceAccount(name, { only: 'add' }), 'conflict'],
    ['is changed before it is there', () => admin.putServiceAccount('nobody', { only: 'change' }), 'not_found'],
    ['belongs to nobody', () => admin.putServiceAccount(name, { owner: 'nobody' }), 'invalid_request'],
    ['belongs to a service', () => admin.putServiceAccount(name, { owner: name }), 'invalid_request'],
    ['gets a password', () => admin.putUser(name, { password: 'a long password 1' }), 'invalid_request'],
    ['gets a role', () => admin.putUser(name, { roles: ['admin'] }), 'invalid_request'],
    ['is linked to a person', () => admin.linkUser(name, 'bob'), 'invalid_request'],
    ['is shown as a person', () => admin.showServiceAccount('bob'), 'not_found'],
    [
      'has a key for a group of others',
      () => admin.createServiceKey(name, { label: 'x', groups: ['security'] }),
      'invalid_request',
    ],
    [
      'has a key for a year',
      () => admin.createServiceKey(name, { label: 'x', seconds: 31_536_000 }),
      'invalid_request',
    ],
    [
      'has a key of another account revoked',
      async () => {
        await admin.putServiceAccount('other', { groups: [] });
        return admin.revokeServiceKey('other', key.id);
      },
      'not_found',
    ],
  ])('never %s', async (_what, act, code) => {
    expect((await failure(act())).code).toBe(code);
  });

  test('has twenty keys at most', async () => {
    for (let at = 1; at < 20; at++) await admin.createServiceKey(name, { label: `key ${at}` });
    expect((await failure(admin.createServiceKey(name, { label: 'one more' }))).code).toBe('conflict');
    expect(await admin.listServiceKeys(name)).toHaveLength(20);
  });
});

describe('a key', () => {
  test('is shown once, and is exchanged for a token that works', async () => {
    expect(key.key).toMatch(/^weir_key_[\w-]{43}$/);
    const { tokens, client } = await signIn();
    expect(tokens.refreshToken).toBeNull();
    expect(await client.whoami()).toMatchObject({ user: name, groups: ['developers'], roles: [] });
    const { id } = await client.openSession({ connection: 'shop' });
    expect(await client.showSession(id)).toMatchObject({ principal: name });
    const [listed] = await admin.listServiceKeys(name);
    expect(listed).toMatchObject({ id: key.id, state: 'active', lastUsedFrom: '127.0.0.1', createdBy: 'admin' });
    expect(Date.parse(listed?.lastUsedAt ?? '')).toBeGreaterThan(Date.now() - 60_000);
    expect(JSON.stringify(listed)).not.toContain(key.key);
    expect((await events('login')).at(-1)).toMatchObject({ actor: name, detail: { by: `key ${key.id}` } });
  });

  test('opens nothing itself', async () => {
    for (const scheme of ['Bearer', 'DPoP']) {
      const headers = { authorization: `${scheme} ${key.key}` };
      const response = await fetch(`${gateway.gateway.addresses.api}/api/v1/whoami`, { headers });
      expect(response.status).toBe(401);
    }
  });

  test('has some of the groups, and some of the connections', async () => {
    await admin.putServiceAccount(name, { groups: ['developers', 'security'] });
    const narrow = await admin.createServiceKey(name, { label: 'n', groups: ['security'], connections: ['va*'] });
    const { client } = await signIn({ secret: narrow.key });
    expect(await client.whoami()).toMatchObject({ groups: ['security'] });
    expect(await failure(client.openSession({ connection: 'shop' }))).toMatchObject({
      code: 'not_permitted',
      message: 'This key is not for the connection shop.',
    });
    expect((await failure(client.openSession({ connection: 'vault' }))).why).toContain('No access rule lets');
    expect((await events('session-refused')).at(-2)).toMatchObject({ actor: name, subject: 'shop' });
    const shop = await admin.createServiceKey(name, { label: 's', groups: ['developers'], connections: ['shop'] });
    const { id } = await open({ secret: shop.key });
    // A change elsewhere does not widen what the key has.
    await admin.putServiceAccount(name, { groups: ['developers', 'security', 'more'] });
    expect(gateway.gateway.capabilities.sessions.live.byId(id)?.live.principal.groups).toEqual(['developers']);
    await admin.putServiceAccount(name, { groups: ['security'] });
    expect(await endOf(id)).toContain('the account changed');
  });

  test('is of what its account is now, also in live sessions', async () => {
    const { id } = await open();
    const kindNow = () => gateway.gateway.capabilities.sessions.live.byId(id)?.live.principal.kind;
    expect(kindNow()).toBe('service');
    await admin.putServiceAccount(name, { kind: 'ai-agent' });
    expect(kindNow()).toBe('ai-agent');
  });

  test('is rotated: both work for a while, then the new one alone', async () => {
    const { id } = await open();
    const next = await admin.rotateServiceKey(name, key.id, { overlapSeconds: 60 });
    expect(next).toMatchObject({ label: key.label, state: 'active' });
    expect(next.key).not.toBe(key.key);
    await signIn();
    await signIn({ secret: next.key });
    gateway.advance(61_000);
    await until(async () => (await endOf(id)) !== null);
    await expect(signIn()).rejects.toThrow('does not take this key');
    expect(await whyRefused()).toBe(`the key ${key.id} has expired`);
    await signIn({ secret: next.key });
    gateway.advance(-61_000);
    expect((await events('service-key-rotated')).at(-1)).toMatchObject({ subject: name, detail: { by: next.id } });
  });
});

describe('nothing stays open', () => {
  test.each<[string, () => Promise<unknown>, string, string]>([
    ['the key is revoked', () => admin.revokeServiceKey(name, key.id), 'was revoked', 'was revoked'],
    ['the account is disabled', () => admin.putServiceAccount(name, { disabled: true }), 'is disabled', 'is disabled'],
    [
      'the account is deleted',
      () => admin.deleteServiceAccount(name),
      'is disabled',
      'no service account has this key',
    ],
    [
      'the owner is disabled',
      () => admin.putUser('bob', { disabled: true }),
      'the account of bob, who answers for',
      'is disabled',
    ],
    [
      'the owner is deleted',
      async () => {
        await admin.putUser('leaver', { password: 'a long password 1' });
        await admin.putServiceAccount(name, { owner: 'leaver' });
        await admin.deleteUser('leaver');
      },
      'nobody answers for',
      'nobody answers for',
    ],
  ])('when %s: sessions end at once, the token and the key are worth nothing', async (_what, act, reason, why) => {
    const { client, id } = await open();
    await act();
    expect(await endOf(id)).toContain(reason);
    expect((await failure(client.whoami())).code).toBe('sign_in_required');
    await expect(signIn()).rejects.toThrow('does not take this key');
    expect(await whyRefused()).toContain(why);
    await admin.putUser('bob', { disabled: false });
  });

  test('when the key expires', async () => {
    const short = await admin.createServiceKey(name, { label: 'short', seconds: 3600 });
    const { id } = await open({ secret: short.key });
    gateway.advance(3_601_000);
    gateway.forget('admin');
    admin = await gateway.as('admin');
    await until(async () => (await endOf(id)) !== null);
    expect(await endOf(id)).toContain('has expired');
    await expect(signIn({ secret: short.key })).rejects.toThrow('does not take this key');
    gateway.advance(-3_601_000);
    gateway.forget('admin');
    admin = await gateway.as('admin');
  });

  test('for a key that is guessed, cut or changed', async () => {
    const last = key.key.at(-1) === 'A' ? 'B' : 'A';
    for (const secret of [
      key.key.slice(0, -1),
      `${key.key.slice(0, -1)}${last}`,
      key.key.toUpperCase(),
      `${key.key} `,
    ]) {
      await expect(signIn({ secret })).rejects.toThrow('does not take this key');
      expect(await whyRefused()).toBe('no service account has this key');
    }
    await expect(signIn({ by: 'token' })).rejects.toThrow('does not take this token');
  });
});

describe('a person lets a service act for him', () => {
  test('for a while: both need the access, both are in the log, and he cannot approve', async () => {
    const dave = await gateway.as('dave');
    await expect(signIn({ actingFor: 'dave' })).rejects.toThrow('does not take this key');
    expect(await whyRefused()).toBe(`dave does not let ${name} act for him`);
    const { id } = await dave.createDelegation({ to: name, seconds: 600 });
    expect(await dave.listDelegations()).toMatchObject([{ id, person: 'dave', service: name }]);
    const session = await open({ actingFor: 'dave' });
    expect(await session.client.listDelegations()).toMatchObject([{ person: 'dave' }]);
    expect(await admin.showSession(session.id)).toMatchObject({ principal: name, actingFor: 'dave' });
    expect((await events('login')).at(-1)).toMatchObject({ actor: name, detail: { actingFor: 'dave' } });
    await admin.putUser('dave', { groups: ['developers', 'security'] });
    const { requestId } = await askAs(gateway, session.id).answer(1);
    expect((await failure(dave.decideRequest(requestId, { decision: 'approve' }))).code).toBe('self_approval');
    const owner = await gateway.as('bob');
    expect((await failure(owner.decideRequest(requestId, { decision: 'approve' }))).code).toBe('self_approval');
    await admin.putUser('dave', { groups: ['developers'] });
    await dave.revokeDelegation(id);
    expect(await endOf(session.id)).toBe('the person for whom it acts does not want that any more');
    expect((await failure(session.client.whoami())).code).toBe('sign_in_required');
    await expect(signIn({ actingFor: 'dave' })).rejects.toThrow('does not take this key');
    expect(await signIn()).toBeDefined();
  });

  test('but not for a person who has no access, nor longer than he said', async () => {
    const carol = await gateway.as('carol');
    await carol.createDelegation({ to: name, seconds: 600 });
    const { client } = await signIn({ actingFor: 'carol' });
    expect((await failure(client.openSession({ connection: 'shop' }))).why).toContain('both need the access');
    const dave = await gateway.as('dave');
    await dave.createDelegation({ to: name, seconds: 60 });
    const { id } = await open({ actingFor: 'dave' });
    gateway.advance(61_000);
    await until(async () => (await endOf(id)) !== null);
    gateway.advance(-61_000);
  });

  test('and nobody else gives it, or takes it away', async () => {
    const dave = await gateway.as('dave');
    const { id } = await dave.createDelegation({ to: name, seconds: 600 });
    expect((await failure((await gateway.as('alice')).revokeDelegation(id))).code).toBe('not_found');
    const { client } = await signIn();
    expect((await failure(client.createDelegation({ to: name, seconds: 600 }))).code).toBe('not_permitted');
    expect((await failure(client.revokeDelegation(id))).code).toBe('not_found');
    expect((await failure(dave.createDelegation({ to: 'alice', seconds: 600 }))).code).toBe('not_found');
    await admin.revokeDelegation(id);
    expect((await failure(dave.revokeDelegation(id))).code).toBe('conflict');
  });
});

test('no key and no token is in the store, the log or the audit log', async () => {
  const { tokens } = await signIn();
  const rows: string[] = [];
  const { db } = gateway.gateway.store;
  for (const table of [
    'users',
    'service_keys',
    'oauth_grants',
    'oauth_payloads',
    'idempotent_answers',
    'audit_events',
    'sessions',
    'delegations',
  ]) {
    rows.push(
      JSON.stringify(
        await db
          .selectFrom(table as 'users')
          .selectAll()
          .execute(),
      ),
    );
  }
  const text = rows.join() + gateway.logLines.join();
  expect(text).toContain(key.id);
  for (const secret of [
    key.key,
    key.key.slice('weir_key_'.length),
    tokens.accessToken,
    tokens.accessToken.split('.').at(-1) ?? '',
  ]) {
    expect(text).not.toContain(secret);
  }
});
