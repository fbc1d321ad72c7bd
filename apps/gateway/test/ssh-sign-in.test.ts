import { randomBytes } from 'node:crypto';
import { type ApiClient, createDpopKey, createTokenHolder, discover, signInAsMachine } from '@weir/api';
import type { SshTarget } from '@weir/proto';
import { formatKeyLine } from '@weir/ssh-certificate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LiveSession } from '../src/dataplane/ports.ts';
import { openBrowser, signedInBrowser } from './fixture/browser.ts';
import { testPolicy } from './fixture/policy.ts';
import {
  addSshHost,
  certificateOf,
  newClientKey,
  newSecurityKey,
  openedBy,
  refusalOf,
  sshClient,
  sshPolicy,
} from './fixture/ssh-client.ts';
import { failure, startTestGateway, type TestGateway, until } from './fixture/test-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
  await (await gateway.as('paula')).applyPolicy({ text: `${testPolicy}\n---\n${sshPolicy}` });
  await addSshHost(gateway);
});
afterAll(() => gateway.close());

const admin = () => gateway.as('admin');
const events = async (action: string) => (await admin()).listAuditEvents({ action, limit: 1000 });
const isLive = (id: string) => gateway.gateway.capabilities.sessions.live.byId(id) !== undefined;
/** What conditions of policy read of the session. */
const factsOf = ({ id }: LiveSession) => gateway.gateway.capabilities.sessions.live.byId(id)?.opening.session;
const isEnded = (id: string) => until(() => !isLive(id));
/** A certificate of somebody who has just signed in, and the client that ends the sign-in. */
async function certified(user = 'alice') {
  const api = gateway.withToken(await gateway.signIn(user));
  const key = newClientKey();
  const { certificate } = await api.issueSshCertificate({ publicKey: key.line });
  return { api, key, certificate };
}

describe('a certificate', () => {
  test('is of the account, ends with the sign-in at the latest, and names it', async () => {
    const api = await gateway.as('alice');
    const { line } = newClientKey();
    const issued = await api.issueSshCertificate({ publicKey: line, seconds: 28_800 });
    expect(issued.principals).toEqual(['alice']);
    const read = certificateOf(issued.certificate);
    expect(read).toMatchObject({ keyId: 'weir:alice', principals: ['alice'], kind: 'user' });
    expect(String(read.serial)).toBe(issued.serial);
    const ends = Date.parse(issued.expiresAt);
    expect(ends).toBeLessThanOrEqual(Date.parse((await api.whoami()).expiresAt));
    expect(ends - gateway.now()).toBeLessThanOrEqual(28_800_000);
  });

  test.each([
    [
      'a certificate',
      async (api: ApiClient, line: string) => (await api.issueSshCertificate({ publicKey: line })).certificate,
    ],
    ['a private key', async () => '-----BEGIN OPENSSH PRIVATE KEY-----'],
    ['a key with options', async (_: ApiClient, line: string) => `cert-authority ${line}`],
  ])('is not made of %s', async (_, make) => {
    const api = await gateway.as('alice');
    const publicKey = await make(api, newClientKey().line);
    expect((await failure(api.issueSshCertificate({ publicKey }))).code).toBe('invalid_request');
  });

  test('lets its owner in, and the session is his', async () => {
    const { certificate, key } = await certified();
    const session = await openedBy(sshClient(gateway, 'alice').byCertificate(certificate, key));
    expect(session).toMatchObject({ via: 'native', principal: { name: 'alice' }, connection: { name: 'web' } });
    const [event] = (await events('ssh-signed-in')).slice(-1);
    expect(event).toMatchObject({
      actor: 'alice',
      detail: { connection: 'web', address: '127.0.0.1', after: { by: ['ssh-certificate'] } },
    });
  });

  test('knows the second factor that its sign-in has used since', async () => {
    const { certificate, key } = await certified();
    const at = new Date(gateway.now() - 30_000);
    await gateway.gateway.store.db.updateTable('oauth_grants').set({ mfa_at: at }).execute();
    const session = await openedBy(sshClient(gateway, 'alice').byCertificate(certificate, key));
    expect(factsOf(session)).toEqual({ mfaAtMs: at.getTime(), clientAddress: '127.0.0.1' });
  });

  test('lets nobody in under another name', async () => {
    const { certificate, key } = await certified();
    for (const user of ['bob', 'Alice', 'alice ', 'nobody', ''])
      expect(await refusalOf(sshClient(gateway, user).byCertificate(certificate, key))).toBe('refused');
  });

  test('is worth nothing without its key', async () => {
    const { certificate } = await certified();
    const stranger = newClientKey();
    expect(await refusalOf(sshClient(gateway, 'alice').byCertificate(certificate, stranger))).toBe(
      'its signature is wrong',
    );
  });

  test('is worth nothing when a byte of it was changed', async () => {
    const { certificate, key } = await certified();
    const { type, blob } = certificateOf(certificate);
    for (let at = 0; at < blob.length; at += 5) {
      const changed = Buffer.from(blob);
      changed[at] = (changed[at] ?? 0) ^ 4;
      const answer = sshClient(gateway, 'alice').byCertificate(formatKeyLine(type, changed), key);
      expect((await answer).kind, `byte ${at}`).toBe('refused');
    }
  });

  test('of the CAs for targets and for hosts lets nobody in', async () => {
    const { certificate, key } = await certified();
    const { key: held } = certificateOf(certificate);
    const { certificates = {} } = await gateway.dataPlane.controlPlane.sealTarget(
      { name: 'web', agent: 'local' },
      {
        ...({ protocol: 'ssh', host: 'h', port: 22, user: 'alice', hostKeys: [], auth: 'certificate' } as const),
        ...({ secret: { from: 'none' }, jumps: [], keepaliveSeconds: 0 } as const),
      } as SshTarget,
      { name: 'local', sealingKey: undefined, sshKey: held.blob },
      'test',
    );
    const line = `ssh-ed25519-cert-v01@openssh.com ${certificates['alice']}`;
    expect(await refusalOf(sshClient(gateway, 'alice').byCertificate(line, key))).toBe('refused');
  });

  test('stolen, lets nobody in after the sign-in was ended, and what it opened ends', async () => {
    const { api, certificate, key } = await certified();
    const session = await openedBy(sshClient(gateway, 'alice').byCertificate(certificate, key));
    await api.logout();
    await isEnded(session.id);
    expect(await refusalOf(sshClient(gateway, 'alice').byCertificate(certificate, key))).toBe('The sign-in was ended.');
    const [event] = (await events('login-failed')).slice(-1);
    expect(event).toMatchObject({ actor: 'alice', detail: { by: ['ssh-certificate'], why: 'The sign-in was ended.' } });
  });

  test('lets nobody in once the account is disabled, and again when it is not', async () => {
    await (await admin()).putUser('eve', { password: 'correct horse battery', groups: ['developers'] });
    const { certificate, key } = await certified('eve');
    const session = await openedBy(sshClient(gateway, 'eve').byCertificate(certificate, key));
    await (await admin()).putUser('eve', { disabled: true });
    await isEnded(session.id);
    expect((await sshClient(gateway, 'eve').byCertificate(certificate, key)).kind).toBe('refused');
    await (await admin()).deleteUser('eve');
    expect((await sshClient(gateway, 'eve').byCertificate(certificate, key)).kind).toBe('refused');
  });

  test('opens what policy allows its owner now, and nothing else', async () => {
    const { certificate, key } = await certified('bob');
    const refused = await failure(openedBy(sshClient(gateway, 'bob').byCertificate(certificate, key)));
    expect(refused.code).toBe('not_permitted');
    const mine = await certified('alice');
    const unknown = openedBy(sshClient(gateway, 'alice', 'no-such').byCertificate(mine.certificate, mine.key));
    expect((await failure(unknown)).code).toBe('not_found');
    const database = openedBy(sshClient(gateway, 'alice', 'shop').byCertificate(mine.certificate, mine.key));
    expect((await failure(database)).code).toBe('not_found');
  });

  test('of a service account lets the service in, within the bounds of its key', async () => {
    await (await admin()).putServiceAccount('deployer', { owner: 'alice', groups: ['developers'] });
    const certifiedBy = async (connections: string[]) => {
      const made = await (await admin()).createServiceKey('deployer', { label: 'ci', connections });
      const dpop = await createDpopKey();
      const metadata = await discover(gateway.gateway.addresses.api);
      const tokens = await signInAsMachine(metadata, { by: 'key', secret: made.key }, dpop);
      const holder = createTokenHolder({ key: dpop, tokens, renew: async (old) => old, now: gateway.now });
      const key = newClientKey();
      const { certificate } = await gateway.withToken(holder).issueSshCertificate({ publicKey: key.line });
      return { id: made.id, open: () => openedBy(sshClient(gateway, 'deployer').byCertificate(certificate, key)) };
    };
    const wide = await certifiedBy(['web']);
    const session = await wide.open();
    expect(session.principal).toMatchObject({ name: 'deployer', kind: 'service' });
    expect((await failure((await certifiedBy(['other'])).open())).code).toBe('not_permitted');
    await (await admin()).revokeServiceKey('deployer', wide.id);
    await isEnded(session.id);
    await expect(wide.open()).rejects.toThrow('The sign-in was ended.');
  });

  test('expires', async () => {
    const { certificate, key } = await certified();
    gateway.advance(3_700_000);
    gateway.forget('alice');
    gateway.forget('admin');
    expect((await sshClient(gateway, 'alice').byCertificate(certificate, key)).kind).toBe('refused');
  });
});

describe('a registered key', () => {
  const register = async (user = 'alice') => {
    const key = newClientKey();
    const api = gateway.withToken(await gateway.signIn(user));
    return { api, key, added: await api.addSshKey({ publicKey: key.line }) };
  };

  test('is listed with its use, and lets its owner in without a second factor', async () => {
    const { api, key, added } = await register();
    expect(added).toMatchObject({ label: 'laptop', type: 'ssh-ed25519', createdBy: 'alice', lastUsedAt: null });
    const session = await openedBy(sshClient(gateway, 'alice').byKey(key));
    expect(factsOf(session)).toEqual({ mfaAtMs: null, clientAddress: '127.0.0.1' });
    const used = (await api.listSshKeys()).find(({ id }) => id === added.id);
    expect(used).toMatchObject({ lastUsedFrom: '127.0.0.1', lastUsedAt: expect.any(String) });
    await api.removeSshKey(added.id);
    await isEnded(session.id);
    expect(await refusalOf(sshClient(gateway, 'alice').byKey(key))).toBe('refused');
  });

  test('is of one account', async () => {
    const { key } = await register();
    expect(await refusalOf(sshClient(gateway, 'dave').byKey(key))).toContain('another account');
    const dave = gateway.withToken(await gateway.signIn('dave'));
    expect((await failure(dave.addSshKey({ publicKey: key.line }))).code).toBe('conflict');
  });

  test('must sign what the client sent', async () => {
    const { key } = await register();
    const other = () => randomBytes(40);
    expect(await refusalOf(sshClient(gateway, 'alice').byKey(key, other))).toBe('its signature is wrong');
  });

  test('is asked about alike, whatever name a client gives', async () => {
    const kinds = new Set<string>();
    for (const user of ['alice', 'dave', 'nobody', 'admin']) {
      const client = sshClient(gateway, user);
      kinds.add(JSON.stringify(await client.none()));
      kinds.add((await client.byKey(newClientKey())).kind);
    }
    expect([...kinds].sort()).toEqual(
      ['refused', JSON.stringify({ kind: 'refused', methods: ['publickey', 'keyboard-interactive'] })].sort(),
    );
  });

  test('is added only right after a proof', async () => {
    const api = gateway.withToken(await gateway.signIn('alice'));
    gateway.advance(601_000);
    expect(await failure(api.addSshKey({ publicKey: newClientKey().line }))).toMatchObject({
      code: 'not_permitted',
      fix: expect.stringContaining('weir login'),
    });
  });

  test('is given by administrators to others, not to themselves', async () => {
    const api = gateway.withToken(await gateway.signIn('admin'));
    expect((await failure(api.addSshKeyOf('admin', { publicKey: newClientKey().line }))).code).toBe('not_permitted');
    const key = newClientKey();
    const { id } = await api.addSshKeyOf('dave', { publicKey: key.line, label: 'from the office' });
    expect((await api.listSshKeysOf('dave')).map(({ label }) => label)).toEqual(['from the office']);
    const session = await openedBy(sshClient(gateway, 'dave').byKey(key));
    await api.removeSshKeyOf('dave', id);
    await isEnded(session.id);
    expect((await failure(api.removeSshKeyOf('dave', id))).code).toBe('not_found');
  });

  test('lets nobody in whose account signs in elsewhere, or is disabled', async () => {
    const { key } = await register('dave');
    const { db } = gateway.gateway.store;
    await db.updateTable('users').set({ source: 'scim' }).where('name', '=', 'dave').execute();
    expect(await refusalOf(sshClient(gateway, 'dave').byKey(key))).toContain('identity provider');
    await db.updateTable('users').set({ source: 'local', disabled: true }).where('name', '=', 'dave').execute();
    expect(await refusalOf(sshClient(gateway, 'dave').byKey(key))).toContain('disabled');
    await db.updateTable('users').set({ disabled: false }).where('name', '=', 'dave').execute();
  });

  test('of a device must be touched, and its counter goes up', async () => {
    const key = newSecurityKey();
    const api = gateway.withToken(await gateway.signIn('alice'));
    const { id } = await api.addSshKey({ publicKey: key.line });
    const client = () => sshClient(gateway, 'alice');
    const session = await openedBy(client().bySecurityKey(key, 5, 7));
    // Whoever adds a key says himself what it asks for: it is no second factor.
    expect(factsOf(session)?.mfaAtMs).toBeNull();
    expect(await refusalOf(client().bySecurityKey(key, 4, 8))).toBe('nobody touched the security key');
    for (const counter of [7, 6, 0])
      expect(await refusalOf(client().bySecurityKey(key, 1, counter))).toContain('its counter went back');
    await openedBy(client().bySecurityKey(key, 1, 8));
    await api.removeSshKey(id);
  });

  test('is not for services', async () => {
    const api = gateway.withToken(await gateway.signIn('admin'));
    const refused = await failure(api.addSshKeyOf('deployer', { publicKey: newClientKey().line }));
    expect(refused.code).toBe('conflict');
  });
});

describe('a confirmation in the browser', () => {
  const ask = async (user = 'alice', address?: string) => {
    const client = sshClient(gateway, user, 'web', address === undefined ? {} : { address });
    const answer = await client.byBrowser();
    if (answer.kind !== 'ask') throw new Error(`not asked: ${JSON.stringify(answer)}`);
    const path = /\/ssh\/sign-in\/\S+/.exec(answer.question.instruction)?.[0] ?? '';
    const code = /code (\S+)/.exec(answer.question.instruction)?.[1] ?? '';
    return { client, path, code, responded: answer.respond([]) };
  };

  test('lets the client in that waits, once', async () => {
    const { path, code, responded } = await ask('alice', '203.0.113.9');
    const browser = await signedInBrowser(gateway, 'alice');
    const page = await browser.get(path);
    for (const text of [code, 'web', '203.0.113.9', 'OpenSSH_9.2p1', 'another address'])
      expect(page.text).toContain(text);
    expect((await browser.submit({ decision: 'confirm' })).text).toContain('Signed in');
    const session = await openedBy(responded);
    expect(session.principal.name).toBe('alice');
    expect(factsOf(session)).toEqual({ mfaAtMs: null, clientAddress: '203.0.113.9' });
    expect((await events('ssh-sign-in-confirmed')).at(-1)).toMatchObject({
      actor: 'alice',
      detail: { code, clientAddress: '203.0.113.9', connection: 'web' },
    });
    expect((await browser.get(path)).status).toBe(404);
  });

  test('knows the second factor of the browser’s sign-in', async () => {
    const browser = await signedInBrowser(gateway, 'alice');
    const at = new Date(gateway.now() - 30_000);
    await gateway.gateway.store.db.updateTable('browser_sessions').set({ mfa_at: at }).execute();
    const { path, responded } = await ask();
    expect((await browser.get(path)).text).toContain(at.toISOString());
    await browser.submit({ decision: 'confirm' });
    expect(factsOf(await openedBy(responded))?.mfaAtMs).toBe(at.getTime());
  });

  test('of a browser that signs out before the client goes on opens nothing', async () => {
    const browser = await signedInBrowser(gateway, 'alice');
    const { path, responded } = await ask();
    await browser.get(path);
    await browser.submit({ decision: 'confirm' });
    const answer = await responded;
    await browser.get('/signed-in');
    await browser.submit({});
    expect((await failure(openedBy(Promise.resolve(answer)))).code).toBe('not_permitted');
  });

  test('leads through the sign-in and back', async () => {
    const { path, responded } = await ask();
    const browser = openBrowser(gateway);
    expect((await browser.get(path)).path).toContain('/sign-in');
    const led = await browser.submit({ user: 'alice', password: 'correct horse battery' });
    expect(led.text).toContain('Yes, it is mine');
    await browser.submit({ decision: 'confirm' });
    expect((await responded).kind).toBe('accepted');
  });

  test('that is denied sends the client away', async () => {
    const { path, responded } = await ask();
    const browser = await signedInBrowser(gateway, 'alice');
    await browser.get(path);
    await browser.submit({ decision: 'deny' });
    expect(await refusalOf(responded)).toBe('rejected: The sign-in was denied in the browser.');
    expect((await events('ssh-sign-in-denied')).at(-1)).toMatchObject({ actor: 'alice' });
  });

  test('is for the account that the client named', async () => {
    const { path, client, responded } = await ask('alice');
    const browser = await signedInBrowser(gateway, 'dave');
    const page = await browser.get(path);
    expect(page.status).toBe(403);
    expect(page.text).not.toContain('Yes, it is mine');
    await browser.get('/signed-in');
    const forced = await browser.submit({ decision: 'confirm' });
    expect(forced.status).not.toBe(500);
    client.leave();
    expect((await responded).kind).toBe('refused');
  });

  test('needs a form of the page in this browser', async () => {
    const { path, client, responded } = await ask();
    const browser = await signedInBrowser(gateway, 'alice');
    await browser.get(path);
    for (const [fields, headers] of [
      [{ decision: 'confirm' }, {}],
      [{ decision: 'confirm', csrf: 'x' }, {}],
    ] as const) {
      expect((await browser.post(path, fields, headers)).status).toBe(403);
    }
    await browser.get(path);
    const foreign = await browser.submit({ decision: 'confirm' }, { origin: 'https://evil.example' });
    expect(foreign.status).toBe(403);
    client.leave();
    expect((await responded).kind).toBe('refused');
  });

  test('ends when the client goes, and after two minutes', async () => {
    const first = await ask();
    const browser = await signedInBrowser(gateway, 'alice');
    first.client.leave();
    expect(await refusalOf(first.responded)).toBe('nobody confirmed it in time');
    expect((await browser.get(first.path)).status).toBe(404);
    const second = await ask();
    await browser.get(second.path);
    gateway.advance(121_000);
    expect((await browser.submit({ decision: 'confirm' })).status).toBe(404);
    second.client.leave();
    expect((await second.responded).kind).toBe('refused');
  });

  test('is asked of names that do not exist, too', async () => {
    const { client, path, responded } = await ask('nobody-of-that-name');
    expect(path).toMatch(/^\/ssh\/sign-in\/[\w-]{32}$/);
    client.leave();
    await responded;
  });
});

describe('a password', () => {
  const opened = async (connection = 'web') => {
    gateway.forget('alice');
    return (await gateway.as('alice')).openSession({ connection });
  };

  test('of a session lets its client in', async () => {
    const { id, user, password } = await opened();
    const session = await openedBy(sshClient(gateway, user, null).byPassword(password));
    expect(session.id).toBe(id);
  });

  test.each([
    ['another password', async () => ({ ...(await opened()), password: 'x'.repeat(32) })],
    ['an account’s password', async () => ({ user: 'alice', password: 'correct horse battery' })],
    ['a session of a database', () => opened('shop')],
  ])('is refused: %s', async (_, make) => {
    const { user, password } = await make();
    expect(await refusalOf(sshClient(gateway, user, null).byPassword(password))).toContain('no password of a session');
  });

  test('is guessed thirty times a minute at most', async () => {
    const { user, password } = await opened();
    for (let count = 0; count < 30; count += 1) await sshClient(gateway, user, null).byPassword(`guess ${count}`);
    expect(await refusalOf(sshClient(gateway, user, null).byPassword(password))).toContain('Too many failed sign-ins');
    expect((await events('login-failed')).at(-1)).toMatchObject({ detail: { code: 'too_many_attempts' } });
  });

  test('opens a stream of weir connect, and so does the owner’s certificate alone', async () => {
    const { id, password } = await opened();
    const session = gateway.gateway.capabilities.sessions.live.byId(id)?.live;
    if (session === undefined) throw new Error('no session');
    const client = () => sshClient(gateway, 'whatever', 'web', { session, address: '192.0.2.1' });
    expect((await client().none()).kind).toBe('refused');
    expect((await openedBy(client().byPassword(password))).id).toBe(id);
    expect((await client().byBrowser()).kind).toBe('refused');
    const mine = await certified('alice');
    expect((await openedBy(client().byCertificate(mine.certificate, mine.key))).id).toBe(id);
    const other = await certified('dave');
    expect(await refusalOf(client().byCertificate(other.certificate, other.key))).toBe(
      'the session is of somebody else',
    );
  });
});

test('a client that names no connection is told so, whoever it is', async () => {
  for (const user of ['alice', 'nobody']) {
    const answer = await sshClient(gateway, user, null).byBrowser();
    expect(answer).toMatchObject({ kind: 'rejected', message: expect.stringContaining('USER+CONNECTION') });
  }
});
