import type { ApiClient, Grant } from '@weir/api';
import { hasCommand, runCommand } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectPg, type LivePg, livePg, readDirectly } from './fixture/drivers.ts';
import { grantedPolicy } from './fixture/granted-policy.ts';
import { type System, startSystem } from './fixture/system.ts';
import { waitFor } from './fixture/wait.ts';

/** What somebody gets who wants more than he was approved or granted, by real drivers, agents and servers; and what the audit log says. */

let system: System;
let alice: ApiClient;
let bob: ApiClient;
let agentEnv: Record<string, string> = {};
const clients: pg.Client[] = [];
beforeAll(async () => {
  system = await startSystem({ customers: 200, policy: grantedPolicy(), agentEnv: () => agentEnv });
  [alice, bob] = [await system.as('alice'), await system.as('bob')];
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => undefined)));
});
afterAll(() => system?.stop());

const grant = async (seconds = 3600): Promise<Grant> => {
  const asked = await alice.newAccessRequest({ connection: 'demo-pg', seconds, reason: 'repair' });
  const decided = await bob.decideAccessRequest(asked.id, { decision: 'approve' });
  return alice.showGrant(decided.grant ?? '');
};
const connect = async (): Promise<pg.Client> => {
  const client = await connectPg(system, (await system.dsn('alice')).dsn);
  clients.push(client);
  return client;
};
const told = async (subject: string): Promise<string[]> =>
  (await (await system.as('admin')).listAuditEvents({ limit: 1000 }))
    .filter((event) => event.subject === subject)
    .map(({ action }) => action);
const direct = async (sql: string) => {
  const client = new pg.Client(system.directUrl);
  await client.connect();
  await client.query(sql).finally(() => client.end());
};
/** What a statement that needs approval is answered: the id of its request, or the number of rows that it changed. */
const send = async (client: pg.Client, query: pg.QueryConfig): Promise<string | number> =>
  client.query(query).then(
    ({ rowCount }) => rowCount ?? -1,
    (error: Error) => /request (req_\w+)/.exec(error.message)?.[1] ?? error.message,
  );

describe('an approved statement', () => {
  let given: Grant;
  beforeAll(async () => {
    given = await grant();
  });
  afterAll(async () => {
    await alice.revokeGrant(given.id);
  });
  const approved: pg.QueryConfig = { text: 'delete from orders where id = $1', values: [11] };

  it.each<[string, (client: pg.Client) => Promise<pg.QueryConfig>]>([
    ['with another value', async () => ({ ...approved, values: [12] })],
    ['with another text', async () => ({ ...approved, text: 'delete from orders where id <> $1' })],
    ['with a comment more', async () => ({ ...approved, text: `${approved.text} -- or more` })],
    [
      'with another search path',
      async (client) => {
        await client.query('set search_path = public, pg_catalog');
        return approved;
      },
    ],
  ])('%s is another one, and does not run', async (_what, change) => {
    const client = await connect();
    const before = await readDirectly(system, 'select count(*)::int from orders');
    const first = String(await send(client, approved));
    expect(first).toMatch(/^req_/);
    expect((await bob.decideRequest(first, { decision: 'approve' })).state).toBe('approved');
    const second = await send(client, await change(client));
    expect(second).toMatch(/^req_/);
    expect(second).not.toBe(first);
    expect((await bob.showRequest(String(second))).state).toBe('pending');
    expect(await told(first)).not.toContain('request-used');
    await bob.decideRequest(String(second), { decision: 'deny' });
    expect(await readDirectly(system, 'select count(*)::int from orders')).toBe(before);
    // What was approved still is, once: used up here, so that the next case begins anew.
    const clean = await connect();
    await clean.query('begin');
    expect(await send(clean, approved)).toBe(1);
    await clean.query('rollback');
    expect(await told(first)).toContain('request-used');
    expect(await send(await connect(), approved)).toMatch(/^req_/);
  });

  it('does not run on a table that took the place of the approved one, not even a moment after', async () => {
    const client = await connect();
    const first = String(await send(client, approved));
    await bob.decideRequest(first, { decision: 'approve' });
    await direct(
      'alter table orders rename to orders_kept; create table orders as select * from orders_kept; grant all on orders to shop_app',
    );
    try {
      const answer = await send(client, approved);
      expect(answer).toMatch(/^req_|would now do something else than what was approved/);
      expect(answer).not.toBe(first);
      expect(await readDirectly(system, 'select count(*)::int from orders where id = 11')).toBe(1);
    } finally {
      await direct('drop table orders; alter table orders_kept rename to orders');
    }
  });
});

describe('a grant', () => {
  const one = async ({ client }: LivePg) => (await client.query('select 1 as one')).rows[0]?.one;

  it('that is revoked while a statement runs: the server stops, and the client is told why', async () => {
    const { id } = await grant();
    const live = await livePg(system, (await system.dsn('alice')).dsn);
    const answer = live.client.query("select pg_sleep(600), 'revoke-me'").catch((error: Error) => error);
    const running = () =>
      readDirectly(
        system,
        "select count(*)::int from pg_stat_activity where query like '%revoke-me%' and state = 'active' and pid <> pg_backend_pid()",
      );
    await waitFor('the statement to run', async () => ((await running()) === 1 ? true : undefined));
    await bob.revokeGrant(id, { reason: 'enough' });
    expect(await answer).toMatchObject({ code: '57P01', message: expect.stringContaining('revoked by bob') });
    await waitFor('the server to stop', async () => ((await running()) === 0 ? true : undefined));
    expect(await told(id)).toEqual(expect.arrayContaining(['grant-given', 'grant-revoked']));
  });

  lane(
    'faketime',
    () => hasCommand('faketime'),
    'needs faketime (Debian: apt-get install faketime)',
  )('of an agent whose clock is wrong', () => {
    const withClock = async (offset: string | null) => {
      const { stdout } = await runCommand('faketime', ['-f', '+0', 'printenv', 'LD_PRELOAD'], {});
      const fake = { LD_PRELOAD: stdout.trim(), FAKETIME: offset ?? '', FAKETIME_DONT_FAKE_MONOTONIC: '1' };
      agentEnv = offset === null ? {} : fake;
      await system.agent.stop();
      await waitFor('the agent to be away', async () =>
        (await (await system.as('admin')).listAgents()).some(({ online }) => online) ? undefined : true,
      );
      await system.restart('agent');
    };
    afterAll(() => withClock(null));

    it.each([
      ['ten minutes ahead', '+600', 600],
      ['ten minutes behind', '-600', -600],
    ])('%s: it ends when the gateway says', async (_how, offset, seconds) => {
      await withClock(offset);
      const lines = system.agent.logText().trim().split('\n');
      const { time } = JSON.parse(lines.at(-1) ?? '{}') as { time: string };
      expect(Math.abs(Date.parse(time) - Date.now() - seconds * 1000)).toBeLessThan(60_000);
      const given = await grant(6);
      const live = await livePg(system, (await system.dsn('alice')).dsn);
      expect(await one(live)).toBe(1);
      expect(await live.lost).toMatchObject({ code: '57P01', message: expect.stringContaining('has ended') });
      expect(Math.abs(Date.now() - Date.parse(given.until))).toBeLessThan(120_000);
      await expect(system.dsn('alice')).rejects.toMatchObject({ code: 'not_permitted' });
      await waitFor('the log', async () => ((await told(given.id)).includes('grant-ended') ? true : undefined));
    });
  });
});
