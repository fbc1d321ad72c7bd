import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConnectionSpecRequest, routes } from '@weir/api';
import { secretOf } from '@weir/proto';
import { compactDecrypt } from 'jose';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { GatewayConfig } from '../src/config/config-schema.ts';
import { targetOf } from '../src/connections/target.ts';
import { failure, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

/** Found nowhere but with the agent. */
const planted = 'planted-secret-7f3a';
const agentKeys = generateKeyPairSync('x25519');
const sealingKey = agentKeys.publicKey.export({ type: 'spki', format: 'der' });
const spec = (change: Partial<ConnectionSpecRequest['target']> = {}, agent = 'local'): ConnectionSpecRequest => ({
  name: 'orders',
  agent,
  target: {
    ...{ protocol: 'postgres', host: 'db.internal', port: 5432, database: 'orders', user: 'weir' },
    ...{ password: { from: 'stored' }, tls: { mode: 'verify-full' } },
    ...change,
  },
});

let gateway: TestGateway;
let config: GatewayConfig;
beforeAll(async () => {
  gateway = await startTestGateway((given) => {
    config = given;
    return given;
  });
});
afterAll(() => gateway.close());
beforeEach(async () => {
  const admin = await gateway.as('admin');
  await admin.putConnection(spec());
  await admin.putCredential('orders', { password: planted });
});

/** The target as the agent `local` gets it for the session ses_1. */
async function sealed(key: Uint8Array | undefined = sealingKey) {
  const connection = await gateway.gateway.capabilities.connections.find('orders');
  return gateway.dataPlane.controlPlane.sealTarget(
    connection,
    targetOf(connection),
    { name: connection.agent, sealingKey: key },
    'ses_1',
  );
}
async function opened(key: KeyObject = agentKeys.privateKey) {
  const password = secretOf(await sealed());
  if (password.from !== 'sealed') throw new Error(`the password is ${password.from}`);
  const { plaintext, protectedHeader } = await compactDecrypt(password.jwe, key);
  return { password: Buffer.from(plaintext).toString(), header: protectedHeader };
}

describe('a stored password', () => {
  test('reaches the agent sealed to its key, for one session', async () => {
    expect(await opened()).toEqual({
      password: planted,
      header: expect.objectContaining({ alg: 'ECDH-ES', enc: 'A256GCM', 'weir-use': 'ses_1' }),
    });
    await expect(opened(generateKeyPairSync('x25519').privateKey)).rejects.toThrow();
    expect(secretOf(await sealed())).not.toEqual(secretOf(await sealed()));
  });

  test('is replaced, and can be forgotten', async () => {
    const admin = await gateway.as('admin');
    await admin.putCredential('orders', { password: 'newer' });
    expect((await opened()).password).toBe('newer');
    await admin.deleteCredential('orders');
    expect(await failure(sealed())).toMatchObject({
      code: 'target_unavailable',
      fix: expect.stringContaining('orders'),
    });
  });

  test('goes with its connection', async () => {
    const admin = await gateway.as('admin');
    await admin.deleteConnection('orders');
    await admin.putConnection(spec());
    expect((await failure(sealed())).message).toBe('No password is stored for orders.');
  });

  test.each<[string, ConnectionSpecRequest]>([
    ['another host', spec({ host: 'attacker.example' })],
    ['another port', spec({ port: 5433 })],
    ['another role', spec({ user: 'postgres' })],
    ['weaker TLS', spec({ tls: { mode: 'prefer' } })],
    ['another CA', spec({ tls: { mode: 'verify-full', caFile: '/tmp/ca.pem' } })],
    ['another agent', spec({}, 'elsewhere')],
  ])('is of no use for %s', async (_what, changed) => {
    await (await gateway.as('admin')).putConnection(changed);
    const error = await failure(sealed());
    expect(error).toMatchObject({
      code: 'target_unavailable',
      message: 'The stored password of orders cannot be used.',
    });
    // Given back what it was stored for, it works again.
    await (await gateway.as('admin')).putConnection(spec());
    expect((await opened()).password).toBe(planted);
  });

  test('a changed row of the store opens for nobody', async () => {
    await sql`UPDATE credentials SET content = content || '\\x00'::bytea`.execute(gateway.gateway.store.db);
    expect((await failure(sealed())).code).toBe('target_unavailable');
  });

  test.each<[string, Uint8Array | undefined]>([
    ['no key', new Uint8Array()],
    ['a key of another kind', generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' })],
    ['no key at all', Buffer.from('not a key')],
  ])('an agent with %s gets none', async (_what, key) => {
    expect(await failure(sealed(key))).toMatchObject({ code: 'agent_unavailable', fix: 'Update the agent.' });
  });

  test('is for connections that say so', async () => {
    const admin = await gateway.as('admin');
    const error = await failure(admin.putCredential('shop', { password: 'x' }));
    expect(error).toMatchObject({ code: 'invalid_request', why: 'Its reference is "none".' });
    expect((await failure(admin.putCredential('nowhere', { password: 'x' }))).code).toBe('not_found');
  });

  test('each change is in the audit log, with the place and without the password', async () => {
    await (await gateway.as('admin')).deleteCredential('orders');
    const events = await (await gateway.as('admin')).listAuditEvents({ limit: 1000 });
    const about = events.filter(({ action }) => action.startsWith('credential-')).slice(-2);
    expect(about).toMatchObject([
      { actor: 'admin', action: 'credential-stored', subject: 'orders', detail: { host: 'db.internal', user: 'weir' } },
      { actor: 'admin', action: 'credential-deleted', subject: 'orders' },
    ]);
  });
});

test('nothing that the gateway stores, answers or logs shows a stored password', async () => {
  const admin = await gateway.as('admin');
  await opened();
  const shown: [where: string, text: string][] = [['the log', gateway.logLines.join('')]];
  const { db } = gateway.gateway.store;
  const tables = await sql<{ name: string }>`SELECT relname AS name FROM pg_class WHERE relkind = 'r'
    AND relnamespace = 'public'::regnamespace`.execute(db);
  for (const { name } of tables.rows) {
    const { rows } = await sql<{ row: string }>`SELECT ${sql.ref('t')}::text AS row FROM ${sql.table(name)} t`.execute(
      db,
    );
    shown.push([`table ${name}`, rows.map(({ row }) => row).join('\n')]);
  }
  const token = await gateway.signIn('admin', 'correct horse battery');
  for (const [name, route] of Object.entries(routes).filter(([, text]) => text.startsWith('GET '))) {
    const path = route
      .slice(4)
      .replace(':name', 'orders')
      .replace(/:[a-z]+/, 'no-such-thing');
    const url = gateway.gateway.addresses.api + path;
    const answer = await fetch(url, { headers: await token.authorize('GET', url) });
    expect(answer.status, name).not.toBe(401);
    shown.push([name, await answer.text()]);
  }
  shown.push(['the answer to a change', JSON.stringify(await admin.putConnection(spec()))]);
  for (const entry of readdirSync(config.stateDir, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) shown.push([entry.name, readFileSync(join(entry.parentPath, entry.name), 'latin1')]);
  }
  expect(shown.length).toBeGreaterThan(20);
  const forms = [planted, Buffer.from(planted).toString('base64').slice(0, 20), Buffer.from(planted).toString('hex')];
  expect(shown.filter(([, text]) => forms.some((form) => text.includes(form))).map(([where]) => where)).toEqual([]);
});

test('a new key-encryption key takes over; the one before still opens what it wrapped', async () => {
  const file = (name: string, content: string) => {
    const path = join(config.stateDir, name);
    writeFileSync(path, content);
    return { from: 'file', path } as const;
  };
  const first = file('first.kek', randomBytes(32).toString('base64'));
  const second = file('second.kek', randomBytes(32).toString('base64'));
  const { loadKeyProvider } = await import('../src/credentials/load-key-provider.ts');
  const before = await loadKeyProvider(config.stateDir, { encryption: first, previous: [] });
  const wrapped = await before.wrap(Buffer.alloc(32, 7), 'a');
  const after = await loadKeyProvider(config.stateDir, { encryption: second, previous: [first] });
  expect(after.keyId).not.toBe(before.keyId);
  expect(await after.unwrap(before.keyId, wrapped, 'a')).toEqual(Buffer.alloc(32, 7));
  expect((await failure(after.unwrap(before.keyId, wrapped, 'b'))).code).toBe('evidence_broken');
  const alone = await loadKeyProvider(config.stateDir, { encryption: second, previous: [] });
  expect((await failure(alone.unwrap(before.keyId, wrapped, 'a'))).fix).toContain('keys.previous');
  for (const text of ['', 'short', randomBytes(31).toString('base64')]) {
    const broken = loadKeyProvider(config.stateDir, { encryption: file('broken.kek', text), previous: [] });
    expect((await failure(broken)).code).toBe('invalid_request');
  }
});
