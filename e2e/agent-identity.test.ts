import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type RunningChild, spawnNode } from './fixture/children.ts';
import { type System, startSystem } from './fixture/system.ts';
import { root, waitFor } from './fixture/wait.ts';

// A refused agent tries again at growing intervals.
vi.setConfig({ testTimeout: 120_000 });
let system: System;
const copies: RunningChild[] = [];
beforeAll(async () => {
  system = await startSystem();
});
afterEach(async () => {
  for (const copy of copies.splice(0)) await copy.stop();
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
const answers = async () => expect(await ask((await system.dsn('alice')).dsn, 'SELECT 42 AS n')).toEqual([{ n: 42 }]);

const state = () => join(system.dir, 'agent');
/** Copies the agent's disk as it is now. */
function copyDisk(name: string): string {
  const folder = join(system.dir, name);
  rmSync(folder, { recursive: true, force: true });
  cpSync(state(), folder, { recursive: true });
  return folder;
}
function startCopy(folder: string): RunningChild {
  const copy = spawnNode([join(root, 'apps/agent/dist/main.js'), 'run', '--state', folder], { log: `${folder}.log` });
  copies.push(copy);
  return copy;
}
const agent = async () => (await (await system.as('admin')).listAgents()).find(({ name }) => name === 'demo-agent');
const lockedFor = (what: string) => waitFor(what, async () => (await agent())?.locked ?? undefined, 60_000);
const unlock = async () => {
  await (await system.as('admin')).unlockAgent('demo-agent');
  await system.agentOnline();
};
/** The agent has stored the nonce of this connection: what was copied before is old. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 500));

test('an agent that is killed again and again is never locked', async () => {
  for (let life = 0; life < 15; life++) {
    await system.agent.kill('SIGKILL');
    await system.restart('agent');
    if (life % 3 === 0) await settled();
  }
  expect((await agent())?.locked).toBeNull();
  await answers();
});

test('a copy that runs beside the agent locks both at once, and ends the sessions', async () => {
  await settled();
  const { dsn, id } = await system.dsn('alice');
  await ask(dsn, 'SELECT 1');
  const startedMs = performance.now();
  const copy = startCopy(copyDisk('copy-beside'));
  const lock = await lockedFor('the copy to be noticed');
  expect(performance.now() - startedMs).toBeLessThan(60_000);
  expect(lock.reason).toContain('two processes hold its identity');
  const ended = await waitFor('the session to end', async () => {
    const session = await (await system.as('admin')).showSession(id);
    return session.state === 'ended' ? session : undefined;
  });
  expect(ended.endReason).toContain('its agent was locked');
  expect((await agent())?.online).toBe(false);
  await expect(ask(dsn, 'SELECT 1')).rejects.toThrow();
  await expect(system.dsn('alice')).rejects.toThrow('not connected');
  const [event] = (await (await system.as('admin')).listAuditEvents({ action: 'agent-locked', limit: 1000 })).slice(-1);
  expect(event).toMatchObject({ subject: 'demo-agent', detail: { holders: [expect.anything(), expect.anything()] } });

  await copy.stop();
  await unlock();
  await answers();
});

test('a copy that runs while the agent is away is noticed when the agent comes back', async () => {
  await settled();
  const folder = copyDisk('copy-away');
  await system.agent.stop();
  const copy = startCopy(folder);
  await system.agentOnline();
  await settled();
  await copy.stop();
  const back = startCopy(state());
  expect((await lockedFor('the copied agent to be noticed')).reason).toContain('old nonce');
  await back.stop();
  await (await system.as('admin')).unlockAgent('demo-agent');
  await system.restart('agent');
});

test('an old copy of the disk gets in at no time', async () => {
  await settled();
  const folder = copyDisk('copy-old');
  await system.agent.stop();
  await system.restart('agent');
  await settled();
  await system.agent.stop();
  startCopy(folder);
  expect((await lockedFor('the old copy to be noticed')).reason).toContain('old nonce');
  await copies[0]?.stop();
  await (await system.as('admin')).unlockAgent('demo-agent');
  await system.restart('agent');
  await answers();
});
