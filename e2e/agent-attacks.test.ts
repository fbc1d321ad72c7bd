import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startWorkloadIssuer, type WorkloadIssuer } from '@weir/testkit';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type RunningChild, spawnNode } from './fixture/children.ts';
import { knock, type ShownIdentity } from './fixture/knock.ts';
import { type System, startSystem } from './fixture/system.ts';
import { altered, createTestAuthority, type Forgery, type TestAuthority } from './fixture/test-authority.ts';
import { root, waitFor } from './fixture/wait.ts';

vi.setConfig({ testTimeout: 120_000 });
const dayMs = 86_400_000;
const program = join(root, 'apps/agent/dist/main.js');

let system: System;
let issuer: WorkloadIssuer;
/** The gateway's own CA, whose key the attacker has in the worst rows. */
let own: TestAuthority;
let other: TestAuthority;
const started: RunningChild[] = [];
beforeAll(async () => {
  [own, other, issuer] = await Promise.all([createTestAuthority(), createTestAuthority(), startWorkloadIssuer()]);
  system = await startSystem({
    prepare: (stateDir) => {
      const folder = join(stateDir, 'ca');
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'ca.key'), own.key);
      writeFileSync(join(folder, 'ca.crt'), own.certificate);
    },
    config: {
      agents: {
        platforms: [
          {
            ...{ name: 'runners', type: 'oidc', pool: 'demo-agent', issuer: issuer.url, audience: 'weir-agents' },
            claims: { sub: 'agent-of-demo' },
          },
        ],
      },
    },
  });
});
afterEach(async () => {
  for (const child of started.splice(0)) await child.stop();
});
afterAll(async () => {
  await system?.stop();
  await issuer?.close();
});

interface State extends Required<ShownIdentity> {
  readonly agentId: string;
  readonly tunnelAddress: string;
  readonly frontAddress: string;
  readonly ca: string;
  readonly pool: string;
}
const folderOf = (name: string) => join(system.dir, name);
const stateOf = (name = 'agent') => JSON.parse(readFileSync(join(folderOf(name), 'agent.json'), 'utf8')) as State;
const admin = () => system.as('admin');
const refusals = async () => (await admin()).listAuditEvents({ action: 'agent-refused', limit: 1000 });
const agents = async () => (await admin()).listAgents();

async function enrol(name: string, args: readonly string[]): Promise<RunningChild> {
  const child = spawnNode([program, 'enrol', '--state', folderOf(name), ...args], { log: `${folderOf(name)}.log` });
  await child.succeeded();
  return child;
}
function run(name: string): RunningChild {
  const child = spawnNode([program, 'run', '--state', folderOf(name)], { log: `${folderOf(name)}.log` });
  started.push(child);
  return child;
}
const tokenOf = async (request: { agent?: string; pool?: string; uses?: number }) =>
  (await (await admin()).createJoinToken(request)).token;
const isOnline = (pool: string, count: number) =>
  waitFor(`${count} agents of ${pool}`, async () => {
    const online = (await agents()).filter((agent) => agent.pool === pool && agent.online);
    return online.length === count || undefined;
  });
async function answers(): Promise<void> {
  const { dsn } = await system.dsn('alice');
  const client = new pg.Client({ connectionString: dsn.replace('sslmode=require', 'sslmode=no-verify') });
  await client.connect();
  expect((await client.query('SELECT 42 AS n')).rows).toEqual([{ n: 42 }]);
  await client.end();
}

const certificates: [string, RegExp, () => Promise<ShownIdentity>][] = [
  ['no certificate', /./, async () => ({})],
  ['an expired one', /CERT_HAS_EXPIRED/, () => forge(own, { beginsMs: -2 * dayMs, endsMs: -dayMs })],
  ['one that is not yet valid', /CERT_NOT_YET_VALID/, () => forge(own, { beginsMs: dayMs, endsMs: 2 * dayMs })],
  ['one of another CA', /ISSUER|SELF_SIGNED|VERIFY|SIGNATURE/, () => forge(other, {})],
  ['one for servers', /PURPOSE/, () => forge(own, { usage: 'servers' })],
  [
    'one with an altered pool',
    /SIGNATURE/,
    async () => {
      const { certificate, key } = stateOf();
      return { key, certificate: altered(certificate, 'weir://pool/demo-agent', 'weir://pool/admin-pool') };
    },
  ],
  [
    'one with an altered agent',
    /SIGNATURE/,
    async () => {
      const { certificate, key, agentId } = stateOf();
      return { key, certificate: altered(certificate, agentId, `${agentId.slice(0, -1)}#`) };
    },
  ],
];
function forge(authority: TestAuthority, change: Partial<Forgery>) {
  return authority.issue({ names: [`agent/${stateOf().agentId}`, 'pool/demo-agent'], ...change });
}

describe('a client certificate gets nowhere:', () => {
  test.each(certificates)('%s', async (_what, reason, make) => {
    const before = (await refusals()).length;
    expect(await knock(stateOf().tunnelAddress, await make())).toBe(0);
    const event = await waitFor('the refusal to be noted', async () => (await refusals())[before]);
    expect(event.detail['reason']).toMatch(reason);
    expect(event.detail['address']).toMatch(/^127\.0\.0\.1:/);
    expect((await agents()).map(({ locked }) => locked)).toEqual([null]);
  });

  test('and the agent itself goes on', answers);
});

/** Starts an agent with what an attacker changed on its disk, and waits until it is refused. */
async function refused(name: string, change: Partial<State>): Promise<string> {
  const before = (await refusals()).length;
  mkdirSync(folderOf(name), { recursive: true });
  writeFileSync(join(folderOf(name), 'agent.json'), JSON.stringify({ agentName: 'x', ...stateOf(), ...change }));
  run(name);
  const event = await waitFor('the refusal to be noted', async () => (await refusals())[before], 30_000);
  return String(event.detail['reason']);
}

describe('an agent of another pool', () => {
  test('does not serve what is not its own, even when nobody else does', async () => {
    await enrol('lab', ['--token', await tokenOf({ pool: 'lab' })]);
    run('lab');
    await isOnline('lab', 1);
    await system.agent.stop();
    await isOnline('demo-agent', 0);
    await expect(system.dsn('alice')).rejects.toThrow('not connected');
    await system.restart('agent');
    await isOnline('demo-agent', 1);
    await answers();
  });

  test('is refused when it says that it serves another pool', async () => {
    await enrol('liar', ['--token', await tokenOf({ pool: 'lab' })]);
    expect(await refused('liar-2', { ...stateOf('liar'), pool: 'demo-agent' })).toBe('it claims another pool');
    const events = await refusals();
    expect(events.at(-1)).toMatchObject({ detail: { claimed: 'demo-agent', pool: 'lab' } });
    await answers();
  });

  test('is refused with a certificate of another pool, even one that the CA signed', async () => {
    await enrol('forger', ['--token', await tokenOf({ pool: 'lab' })]);
    const { agentId } = stateOf('forger');
    const forged = await own.issue({ names: [`agent/${agentId}`, 'pool/demo-agent'] });
    expect(await refused('forger-2', { ...stateOf('forger'), ...forged, pool: 'demo-agent' })).toBe('another pool');
    await answers();
  });

  test('is not let in by a token of another pool', async () => {
    const token = await tokenOf({ pool: 'lab' });
    await expect(enrol('wrong', ['--token', token, '--pool', 'demo-agent'])).rejects.toThrow('not for the pool');
    const event = (await (await admin()).listAuditEvents({ action: 'enrolment-refused', limit: 1000 })).at(-1);
    expect(event).toMatchObject({ detail: { reason: 'token of another pool', claimed: 'demo-agent', pool: 'lab' } });
    // It was not used up by this.
    await enrol('right', ['--token', token, '--pool', 'lab']);
  });

  test('an identity that the gateway never gave is unknown', async () => {
    const forged = await own.issue({ names: ['agent/agt_never-given', 'pool/demo-agent'] });
    expect(await refused('stranger', { ...forged, agentId: 'agt_never-given' })).toBe('unknown agent');
  });
});

test('agents of a pool share its sessions, by join token and by token of the platform; one that is locked takes only its own along', async () => {
  await enrol('second', ['--token', await tokenOf({ pool: 'demo-agent', uses: 2 })]);
  const tokenFile = join(system.dir, 'platform-token');
  writeFileSync(tokenFile, await issuer.sign({ sub: 'agent-of-demo', aud: 'weir-agents' }));
  const pin = (await (await admin()).listAuthorities())[0]?.id ?? '';
  const { frontAddress } = stateOf();
  await enrol('third', ['--platform-token-file', tokenFile, '--gateway', frontAddress, '--ca-pin', pin]);
  run('second');
  run('third');
  await isOnline('demo-agent', 3);

  await system.agent.stop();
  await isOnline('demo-agent', 2);
  const sessions = await Promise.all([1, 2, 3, 4].map(() => system.dsn('alice')));
  const clients = sessions.map(({ dsn }) => new pg.Client(dsn.replace('sslmode=require', 'sslmode=no-verify')));
  const ended = clients.map(() => false);
  for (const [index, client] of clients.entries()) {
    client.on('error', () => {
      ended[index] = true;
    });
    await client.connect();
  }
  // The one with the fewest channels serves: two each.
  const served = (await agents()).filter(({ pool, online }) => pool === 'demo-agent' && online);
  expect(served.map(({ channels }) => channels)).toEqual([2, 2]);
  await (await admin()).lockAgent(served[0]?.name ?? '', { reason: 'stolen' });
  await waitFor('its sessions to end', async () => ended.filter(Boolean).length === 2 || undefined);
  for (const [index, client] of clients.entries()) {
    if (ended[index] === true) continue;
    expect((await client.query('SELECT 42 AS n')).rows).toEqual([{ n: 42 }]);
    await client.end();
  }
  await answers();
  await system.restart('agent');
});
