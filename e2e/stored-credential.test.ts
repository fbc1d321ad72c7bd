import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type System, startSystem } from './fixture/system.ts';

/** The password of a role at the target: the gateway keeps it, the agent uses it, and it is found nowhere in clear. */
const planted = 'planted-password-91c4';
let system: System;

beforeAll(async () => {
  system = await startSystem();
  const client = new pg.Client({ connectionString: system.directUrl });
  await client.connect();
  await client.query(`CREATE ROLE kept LOGIN PASSWORD '${planted}'; GRANT SELECT ON customers TO kept`);
  await client.end();
  const admin = await system.as('admin');
  const { hostname, port, pathname } = new URL(system.directUrl);
  const target: Parameters<typeof admin.putConnection>[0]['target'] = {
    protocol: 'postgres',
    host: hostname,
    port: Number(port),
    database: pathname.slice(1),
    user: 'kept',
    password: { from: 'stored' },
    tls: { mode: 'prefer' },
  };
  await admin.putConnection({ name: 'kept', agent: 'demo-agent', labels: { env: 'demo' }, target });
});
afterAll(() => system?.stop());

const ask = async (dsn: string, sql: string) => {
  const client = new pg.Client({ connectionString: dsn.replace('sslmode=require', 'sslmode=no-verify') });
  await client.connect();
  try {
    return (await client.query(sql)).rows as unknown[];
  } finally {
    await client.end();
  }
};

test('a stored password opens the target, also after it was changed, and is refused without one', async () => {
  const admin = await system.as('admin');
  const { dsn } = await system.dsn('alice', 'kept');
  await expect(ask(dsn, 'SELECT 1')).rejects.toThrow(/No password is stored for kept/);

  await admin.putCredential('kept', { password: planted });
  expect(await admin.testConnection('kept')).toMatchObject({ ok: true });
  expect(await ask(dsn, 'SELECT current_user, count(*)::int AS n FROM customers')).toEqual([
    { current_user: 'kept', n: 200 },
  ]);

  await admin.putCredential('kept', { password: 'wrong' });
  await expect(ask(dsn, 'SELECT 1')).rejects.toThrow(/kept|sign|password/i);
  await admin.putCredential('kept', { password: planted });
  await system.agent.stop();
  await system.restart('agent');
  expect(await ask((await system.dsn('alice', 'kept')).dsn, 'SELECT id FROM customers WHERE id = 7')).toEqual([
    { id: 7 },
  ]);
});

test('no file of gateway or agent holds it: store, journal, recordings, logs, state', async () => {
  const { id, dsn } = await system.dsn('alice', 'kept');
  await ask(dsn, 'SELECT id FROM customers LIMIT 1');
  await (await system.as('admin')).killSession(id);
  // Then everything that was held in memory is on the disk, and nothing moves any more.
  await system.agent.stop();
  await system.gateway.stop();
  const files = readdirSync(system.dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  expect(files.some((file) => file.includes('journal'))).toBe(true);
  expect(files.some((file) => /base\/\d+\/\d+$/.test(file))).toBe(true);
  const forms = [planted, Buffer.from(planted).toString('base64').slice(0, 24), Buffer.from(planted).toString('hex')];
  expect(files.filter((file) => forms.some((form) => readFileSync(file).includes(form)))).toEqual([]);
});
