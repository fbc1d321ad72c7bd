import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type System, startSystem } from './fixture/system.ts';
import { waitFor } from './fixture/wait.ts';

vi.setConfig({ testTimeout: 120_000 });

/** How long a certificate lives here, s. */
const lifeSeconds = 15;

let system: System;
beforeAll(async () => {
  system = await startSystem({
    config: { agents: { certificateTtlSeconds: lifeSeconds } },
  });
});
afterAll(() => system?.stop());

const certificate = () => {
  const state = JSON.parse(readFileSync(join(system.dir, 'agent', 'agent.json'), 'utf8')) as { certificate: string };
  return new X509Certificate(state.certificate);
};
const hasEnded = () => Date.parse(certificate().validTo) < Date.now() || undefined;
const audit = async (action: string) => (await system.as('admin')).listAuditEvents({ action, limit: 1000 });
async function connect(): Promise<pg.Client> {
  const { dsn } = await system.dsn('alice');
  const client = new pg.Client({ connectionString: dsn.replace('sslmode=require', 'sslmode=no-verify') });
  await client.connect();
  return client;
}
const answer = async (client: pg.Client) => (await client.query('SELECT 42 AS n')).rows as unknown[];

test('a certificate is renewed before it ends, under a live session', async () => {
  const client = await connect();
  const { serialNumber, validTo } = certificate();
  expect(Date.parse(validTo) - Date.now()).toBeLessThan(lifeSeconds * 1_000);
  await waitFor(
    'the first certificate to be replaced',
    async () => certificate().serialNumber !== serialNumber || undefined,
    30_000,
  );
  await waitFor('the first certificate to end', async () => Date.parse(validTo) < Date.now() || undefined, 30_000);
  expect(await answer(client)).toEqual([{ n: 42 }]);
  await client.end();
  expect((await audit('agent-renewed')).length).toBeGreaterThan(0);
});

test('an agent that was away when its certificate ended comes back', async () => {
  await system.agent.kill('SIGKILL');
  await waitFor('its certificate to end', async () => hasEnded(), 30_000);
  const before = (await audit('agent-recovered')).length;
  await system.restart('agent');
  expect((await audit('agent-recovered')).length).toBe(before + 1);
  const client = await connect();
  expect(await answer(client)).toEqual([{ n: 42 }]);
  await client.end();
});

test('an agent whose certificate ends while the gateway is away comes back, too', async () => {
  await system.gateway.kill('SIGKILL');
  await waitFor('its certificate to end', async () => hasEnded(), 30_000);
  await system.restart('gateway');
  const client = await connect();
  expect(await answer(client)).toEqual([{ n: 42 }]);
  await client.end();
  expect((await (await system.as('admin')).listAgents())[0]?.locked).toBeNull();
});
