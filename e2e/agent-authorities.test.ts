import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { spawnNode } from './fixture/children.ts';
import { createWeirCli } from './fixture/cli.ts';
import { knock } from './fixture/knock.ts';
import { type System, startSystem } from './fixture/system.ts';
import { root, waitFor } from './fixture/wait.ts';

vi.setConfig({ testTimeout: 120_000 });

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system?.stop());

interface State {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  readonly tunnelAddress: string;
}
const admin = () => system.as('admin');
const stateOf = (folder = 'agent') => JSON.parse(readFileSync(join(system.dir, folder, 'agent.json'), 'utf8')) as State;
const count = (pem: string) => pem.split('BEGIN CERTIFICATE').length - 1;
const known = () => readFileSync(system.caFile, 'utf8');
const audit = async (action: string) => (await admin()).listAuditEvents({ action, limit: 1000 });
const oldIsDropped = () => waitFor('the old CA to be dropped', async () => count(known()) === 1 || undefined, 60_000);
async function session(): Promise<pg.Client> {
  const { dsn } = await system.dsn('alice');
  const url = new URL(dsn);
  for (const name of [...url.searchParams.keys()]) url.searchParams.delete(name);
  // The certificate of the listener is of a CA of the file, whichever it is now.
  const client = new pg.Client({ connectionString: url.href, ssl: { ca: known() } });
  await client.connect();
  return client;
}
const answer = async (client: pg.Client) => (await client.query('SELECT 42 AS n')).rows as unknown[];
async function enrol(token: string, folder: string): Promise<void> {
  const program = join(root, 'apps/agent/dist/main.js');
  const state = join(system.dir, folder);
  await spawnNode([program, 'enrol', '--token', token, '--state', state], { log: `${state}.log` }).succeeded();
}

test('the CA is replaced under a live session, and everything follows', async () => {
  const client = await session();
  const before = stateOf();
  const { token } = await (await admin()).createJoinToken({ agent: 'from-before' });
  const cli = createWeirCli(system, 'admin');
  await cli.login();
  const rotated = await cli.run(['agents', 'ca', 'rotate', '--overlap', '25s']);
  expect(rotated).toMatchObject({ status: 0, stderr: expect.stringContaining('The old one is dropped at') });
  expect((await cli.run(['agent', 'ca', 'ls'])).stdout).toMatch(/leaving.*\n.*current/);

  // Who knows only the old one still finds the gateway.
  await enrol(token, 'from-before');
  // Told while it is connected, and with a certificate of the new CA soon after.
  await waitFor('the agent to know both', async () => count(stateOf().ca) === 2 || undefined, 5_000);
  await waitFor('the agent to renew', async () => stateOf().certificate !== before.certificate || undefined, 15_000);
  const [newest = ''] = stateOf().ca.split(/(?<=-----END CERTIFICATE-----\n)/);
  expect(new X509Certificate(stateOf().certificate).checkIssued(new X509Certificate(newest))).toBe(true);
  const later = (await (await admin()).createJoinToken({ agent: 'from-overlap' })).token;

  await oldIsDropped();
  expect(await answer(client)).toEqual([{ n: 42 }]);
  await client.end();
  await enrol(later, 'from-overlap');
  await waitFor('the agent to drop the old one', async () => count(stateOf().ca) === 1 || undefined, 5_000);
  await system.agent.stop();
  await system.restart('agent');
  const again = await session();
  expect(await answer(again)).toEqual([{ n: 42 }]);
  await again.end();
  expect((await audit('ca-dropped')).at(-1)).toMatchObject({ detail: { agentsLeftBehind: [] } });

  // The certificate from before is worth nothing now.
  expect(await knock(before.tunnelAddress, before)).toBe(0);
  const refused = await waitFor('the refusal to be noted', async () =>
    (await audit('agent-refused')).find(
      ({ detail }) => detail['serial'] === new X509Certificate(before.certificate).serialNumber,
    ),
  );
  expect(refused.detail['reason']).toMatch(/SELF_SIGNED|ISSUER|VERIFY/);
});

test('an agent that was away for all of the overlap is told to enrol anew', async () => {
  await system.agent.kill('SIGKILL');
  await (await admin()).rotateAuthority({ overlapSeconds: 10 });
  await oldIsDropped();
  expect((await audit('ca-dropped')).at(-1)).toMatchObject({
    detail: { agentsLeftBehind: expect.arrayContaining(['demo-agent']) },
  });
  const folder = join(system.dir, 'agent');
  const left = spawnNode([join(root, 'apps/agent/dist/main.js'), 'run', '--state', folder], { log: `${folder}-2.log` });
  await waitFor(
    'the agent to say why',
    async () =>
      /while the gateway's CA was replaced must be enrolled anew/.test(readFileSync(`${folder}-2.log`, 'utf8')) ||
      undefined,
    30_000,
  );
  await left.stop();
  await enrol((await (await admin()).createJoinToken({ agent: 'demo-agent' })).token, 'agent');
  await system.restart('agent');
  const client = await session();
  expect(await answer(client)).toEqual([{ n: 42 }]);
  await client.end();
});
