import { readFile, stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findAuditBreak } from '../src/store/audit.ts';
import { testPolicy } from './fixture/policy.ts';
import { askAs, failure, startTestGateway, type TestGateway, until } from './fixture/test-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway((config) => ({ ...config, sessions: { ttlSeconds: 1 } }));
});
afterAll(() => gateway.close());

describe('a running gateway', () => {
  test('tells its addresses in a file for its owner', async () => {
    const { runtimeFile } = gateway.config;
    expect((await stat(runtimeFile)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(runtimeFile, 'utf8'))).toEqual({
      pid: process.pid,
      api: gateway.gateway.addresses.api,
      front: '127.0.0.1:7001',
      tunnel: '127.0.0.1:7002',
      postgres: { host: '127.0.0.1', port: 7003 },
      ssh: { host: '127.0.0.1', port: 7022 },
      caFile: gateway.gateway.addresses.caFile,
    });
    expect(await gateway.anonymous().healthz()).toEqual({ ok: true });
  });

  test('shows its state', async () => {
    const status = await (await gateway.as('alice')).status();
    expect(status).toMatchObject({ version: '0.1.0', journal: { healthy: true } });
    expect(status.policyVersion).toMatch(/^\d+-[0-9a-f]{8}$/);
  });

  test('ends sessions when their time is over', async () => {
    const { id, user } = await gateway.openSession();
    const alice = await gateway.as('alice');
    await until(async () => (await alice.showSession(id)).state === 'ended');
    expect(gateway.dataPlane.killed.get(id)).toBe('the session has expired');
    expect(gateway.dataPlane.controlPlane.findByLogin(user)).toBeNull();
  });

  test('does not let anybody in whose time is over, whatever its timers do', async () => {
    const { user } = await gateway.openSession();
    expect(gateway.dataPlane.controlPlane.findByLogin(user)?.principal.name).toBe('alice');
    gateway.advance(2000);
    expect(gateway.dataPlane.controlPlane.findByLogin(user)).toBeNull();
    gateway.advance(-2000);
  });

  test('refuses a second one on the same state', async () => {
    const { startGateway } = await import('../src/gateway.ts');
    const { silentLog } = await import('../src/log/create-log.ts');
    const second = startGateway({
      config: gateway.config,
      log: silentLog,
      startDataPlane: () => expect.fail('started'),
    });
    expect((await failure(second)).code).toBe('conflict');
  });
});

describe('the policy', () => {
  test('is refused as a whole when it has an error, which is named by its place', async () => {
    const admin = await gateway.as('admin');
    const before = await admin.getPolicy();
    for (const text of ['kind: [', testPolicy.replace('groups: [developers]', 'group: [developers]'), '', '---\n---']) {
      expect((await failure(admin.applyPolicy({ text }))).code).toBe('policy_invalid');
    }
    const error = await failure(admin.applyPolicy({ text: testPolicy.replace('spec:', 'spek:') }));
    expect(error.message).toMatch(/policy:\d+:\d+/);
    expect(await admin.getPolicy()).toEqual(before);
    const refused = await admin.listAuditEvents({ action: 'policy-refused', limit: 1000 });
    expect(refused.length).toBeGreaterThanOrEqual(5);
    expect(refused.at(-1)).toMatchObject({ actor: 'admin', detail: { message: error.message } });
  });

  test('that gives jobs a role is for those who may give roles', async () => {
    const [admin, editor] = [await gateway.as('admin'), await gateway.as('paula')];
    const before = (await admin.getPolicy()).text;
    const withRoles = (roles: string, name = 'deploys') => `${testPolicy}---
apiVersion: weir.dev/v1
kind: WorkloadTrust
metadata: { name: ${name} }
spec:
  issuer: https://ci.example.com
  audience: weir
  claims: { repository: acme/shop }
  identity: ci-shop
${roles}`;
    const text = withRoles('  roles: [auditor]');
    expect(await failure(editor.applyPolicy({ text }))).toMatchObject({
      code: 'not_permitted',
      message: 'The rule deploys gives jobs the role auditor.',
    });
    const [refused] = (await admin.listAuditEvents({ action: 'policy-refused', limit: 1000 })).slice(-1);
    expect(refused).toMatchObject({
      actor: 'paula',
      detail: { message: 'The rule deploys gives jobs the role auditor.' },
    });
    await editor.applyPolicy({ text: withRoles('  groups: [developers]') });
    await admin.applyPolicy({ text });
    await editor.applyPolicy({ text });
    for (const other of [withRoles('  roles: [admin]'), withRoles('  roles: [auditor]', 'another')]) {
      expect((await failure(editor.applyPolicy({ text: other }))).code).toBe('not_permitted');
    }
    await admin.applyPolicy({ text: before });
  });

  test('gets a new version each time, also from several at once', async () => {
    const admin = await gateway.as('admin');
    const texts = [1, 2, 3, 4].map((n) => `${testPolicy}# ${n}\n`);
    const applied = await Promise.all(texts.map((text) => admin.applyPolicy({ text })));
    expect(new Set(applied.map((set) => set.version)).size).toBe(4);
    const newest = await admin.getPolicy();
    expect(newest.appliedBy).toBe('admin');
    expect((await admin.status()).policyVersion).toBe(newest.version);
  });
});

describe('the audit log', () => {
  test('is a chain in which every change shows', async () => {
    const { audit } = repositories();
    await Promise.all(Array.from({ length: 50 }, (_unused, n) => audit.append([entry(`burst-${n}`)])));
    const rows = await audit.list({ after: '0', limit: 10_000 });
    expect(rows.length).toBeGreaterThan(50);
    expect(findAuditBreak(rows)).toBeNull();
    const changes: ((row: (typeof rows)[number]) => (typeof rows)[number])[] = [
      (row) => ({ ...row, actor: `${row.actor}x` }),
      (row) => ({ ...row, detail: '{}x' }),
      (row) => ({ ...row, at: new Date(row.at.getTime() + 1) }),
      (row) => ({ ...row, actor: row.actor + row.action[0], action: row.action.slice(1) }),
    ];
    for (const change of changes) {
      expect(findAuditBreak(rows.map((row, index) => (index === 7 ? change(row) : row)))).toBe('8');
    }
    expect(findAuditBreak(rows.filter((_row, index) => index !== 7))).toBe('9');
  });

  test('cannot be changed in the store', async () => {
    const { sql } = await import('kysely');
    for (const statement of [
      'UPDATE audit_events SET actor = $$x$$',
      'DELETE FROM audit_events',
      'TRUNCATE audit_events',
    ]) {
      await expect(sql.raw(statement).execute(store())).rejects.toThrow('append-only');
    }
  });

  test('is read page by page', async () => {
    const admin = await gateway.as('admin');
    const all = await admin.listAuditEvents({ limit: 1000 });
    const first = await admin.listAuditEvents({ limit: 3 });
    const second = await admin.listAuditEvents({ limit: 3, after: first.at(-1)?.id });
    expect([...first, ...second].map((event) => event.id)).toEqual(all.slice(0, 6).map((event) => event.id));
    const logins = await admin.listAuditEvents({ action: 'login', actor: 'admin' });
    expect(logins.length).toBeGreaterThan(0);
    expect(logins.every((event) => event.action === 'login' && event.actor === 'admin')).toBe(true);
  });
});

describe('after a crash', () => {
  test('sessions are ended, waiting requests withdrawn, tokens and retry requests stay', async () => {
    const token = await gateway.signIn('alice');
    const { id } = await gateway.openSession();
    const waiting = await askAs(gateway, id).answer(1);
    const retry = await askAs(gateway, id, { mode: 'retry' }).answer(1);
    await gateway.restart({ crash: true });
    const alice = gateway.withToken(token);
    expect(await alice.showSession(id)).toMatchObject({
      state: 'ended',
      endReason: 'the gateway stopped without ending it',
      recording: 'sealed',
    });
    expect((await alice.showRequest(waiting.requestId)).state).toBe('withdrawn');
    expect((await alice.showRequest(retry.requestId)).state).toBe('pending');
    expect((await alice.listConnections()).map(({ name }) => name)).toEqual(['shop']);
    expect(findAuditBreak(await repositories().audit.list({ after: '0', limit: 10_000 }))).toBeNull();
  });

  test('a clean stop seals all recordings and removes the runtime file', async () => {
    const { id } = await gateway.openSession();
    await gateway.gateway.close();
    await expect(stat(gateway.config.runtimeFile)).rejects.toThrow('ENOENT');
    await gateway.restart();
    expect(await (await gateway.as('alice')).showSession(id)).toMatchObject({
      endReason: 'the gateway stopped',
      recording: 'sealed',
    });
  });
});

function entry(subject: string) {
  return { at: new Date(), actor: 'test', action: 'test', subject, detail: '{"ü":1}' };
}
function repositories() {
  return gateway.gateway.repositories;
}
function store() {
  return gateway.gateway.store.db;
}
