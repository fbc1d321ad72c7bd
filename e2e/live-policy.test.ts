import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ApiClient, createApiClient, holdPasswordSignIn, type PutUserRequest } from '@weir/api';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { denyOrders } from './fixture/closed-orders.ts';
import { type LivePg, livePg, readDirectly } from './fixture/drivers.ts';
import { type Person, type System, startSystem } from './fixture/system.ts';
import { root, waitFor } from './fixture/wait.ts';

const demo = readFileSync(join(root, 'apps/demo/policy/shop.yaml'), 'utf8');
const maskNames = `apiVersion: weir.dev/v1
kind: Masking
metadata: { name: names }
spec:
  columns: [public.customers.name]
  transform: redact
  exempt: { groups: [admins] }
`;

describe('changes reach live sessions', () => {
  let system: System;
  let admin: ApiClient;
  const open: LivePg[] = [];
  beforeAll(async () => {
    system = await startSystem({ customers: 100 });
    admin = await system.as('admin');
  });
  afterEach(async () => {
    for (const { client } of open.splice(0)) await client.end().catch(() => undefined);
    await admin.applyPolicy({ text: demo });
  });
  afterAll(() => system?.stop());

  const apply = (...more: string[]) => admin.applyPolicy({ text: [demo, ...more].join('\n---\n') });
  const direct = (sql: string) => readDirectly(system, sql);
  const connected = async (dsn: string): Promise<LivePg> => {
    const live = await livePg(system, dsn);
    open.push(live);
    return live;
  };
  const live = async (person: Person) => {
    const { dsn, id } = await system.dsn(person);
    return { ...(await connected(dsn)), dsn, id };
  };
  /** An account of its own, with a session and a connection. */
  const person = async (name: string, groups: string[]) => {
    await admin.putUser(name, { password: 'a-password-of-its-own', groups });
    const account = { user: name, password: 'a-password-of-its-own' };
    const authorizer = await holdPasswordSignIn(system.api, account);
    const api = createApiClient({ baseUrl: system.api, authorizer });
    const session = await api.openSession({ connection: 'demo-pg', via: 'native' });
    const change = (body: PutUserRequest) => admin.putUser(name, body);
    return { ...(await connected(session.native.dsn)), api, id: session.id, dsn: session.native.dsn, change };
  };
  const nameOf7 = 'select name from customers where id = 7';
  const first = async ({ client }: LivePg, text: string): Promise<unknown> =>
    (await client.query({ text, rowMode: 'array' })).rows[0]?.[0];

  it('masks the next answer on the same connection, prepared statements and cursors, too', async () => {
    const alice = await live('alice');
    const bystander = await live('admin');
    const name = await direct(nameOf7);
    const prepared = async () =>
      (await alice.client.query({ name: 'p', text: 'select name from customers where id = $1', values: [7] })).rows[0]
        ?.name;
    expect(await first(alice, nameOf7)).toBe(name);
    expect(await prepared()).toBe(name);
    await alice.client.query('begin');
    await alice.client.query('declare c cursor for select name from customers order by id');
    const before = await first(alice, 'fetch 1 from c');
    expect(before).toBe(await direct('select name from customers order by id limit 1'));

    await apply(maskNames);
    const second = await direct('select name from customers order by id offset 1 limit 1');
    const fetched = await first(alice, 'fetch 1 from c').catch((error: Error) => error.message);
    expect(fetched).not.toContain(String(second));
    await alice.client.query('rollback');
    expect(await first(alice, nameOf7)).not.toContain(String(name));
    expect(await prepared().catch((error: Error) => error.message)).not.toContain(String(name));
    expect(await first(bystander, nameOf7)).toBe(name);

    await apply();
    expect(await first(alice, nameOf7)).toBe(name);
  });

  it('denies the next statement on the same connection', async () => {
    const alice = await live('alice');
    expect(await first(alice, 'select count(*)::int from orders')).toBeGreaterThan(0);
    await apply(denyOrders);
    await expect(first(alice, 'select count(*) from orders')).rejects.toMatchObject({
      code: '42501',
      message: expect.stringContaining('the orders are being migrated'),
    });
    expect(await first(alice, 'select 1')).toBe(1);
    await apply();
    expect(await first(alice, 'select count(*)::int from orders')).toBeGreaterThan(0);
  });

  it('judges an approved statement again by the rules of the moment when it would run', async () => {
    const { dsn } = await system.dsn('alice');
    const alice = await connected(`${dsn}&application_name=psql`);
    const bob = await system.as('bob');
    const outcome = alice.client.query('delete from orders where id = 11').then(
      () => 'ran',
      (error: Error) => error.message,
    );
    const request = await waitFor('the request', async () => (await bob.listRequests({ state: 'pending' }))[0]);
    await apply(denyOrders);
    await bob.decideRequest(request.id, { decision: 'approve', reason: '' }).catch(() => undefined);
    expect(await outcome).not.toBe('ran');
    expect(await direct('select count(*)::int from orders where id = 11')).toBe(1);
  });

  it('ends sessions whose access is gone, with the reason', async () => {
    const alice = await live('alice');
    const bystander = await live('admin');
    const busy = await connected(alice.dsn);
    const outcome = busy.client.query('select pg_sleep(60)').catch((error: Error) => error);
    await waitFor('the statement to run', async () =>
      (await direct(
        "select count(*)::int from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'",
      )) === 1
        ? true
        : undefined,
    );
    await admin.applyPolicy({ text: demo.replace('groups: [developers, security]', 'groups: [security]') });
    expect(await alice.lost).toMatchObject({ code: '57P01', message: expect.stringContaining('policy') });
    expect(await outcome).toMatchObject({ code: '57P01' });
    await expect(connected(alice.dsn)).rejects.toMatchObject({ code: '28P01' });
    await expect(system.dsn('alice')).rejects.toMatchObject({ code: 'not_permitted' });
    expect(await admin.showSession(alice.id)).toMatchObject({ state: 'ended' });
    await waitFor('the statement to be gone from the target', async () =>
      (await direct(
        "select count(*)::int from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'",
      )) === 0
        ? true
        : undefined,
    );
    expect(await first(bystander, 'select 1')).toBe(1);
  });

  it('follows the groups of an account', async () => {
    const carol = await person('carol', ['developers']);
    const email = await direct('select email from customers where id = 7');
    const sql = 'select email from customers where id = 7';
    expect(await first(carol, sql)).not.toBe(email);
    await carol.change({ groups: ['admins'] });
    expect(await first(carol, sql)).toBe(email);
    await carol.change({ groups: ['developers'] });
    expect(await first(carol, sql)).not.toBe(email);
    await carol.change({ groups: [] });
    expect(await carol.lost).toMatchObject({ code: '57P01', message: expect.stringContaining('account changed') });
    await expect(carol.api.openSession({ connection: 'demo-pg' })).rejects.toMatchObject({ code: 'not_permitted' });
  });

  it('ends everything of a disabled account', async () => {
    const dave = await person('dave', ['developers']);
    expect(await first(dave, 'select 1')).toBe(1);
    await dave.change({ disabled: true });
    expect(await dave.lost).toMatchObject({ code: '57P01', message: expect.stringContaining('disabled') });
    await expect(dave.api.whoami()).rejects.toMatchObject({ code: 'sign_in_required' });
    await expect(connected(dave.dsn)).rejects.toMatchObject({ code: '28P01' });
    await dave.change({ disabled: false });
    await expect(dave.api.whoami()).rejects.toMatchObject({ code: 'sign_in_required' });
  });

  it('ends what a sign-in has opened when it is ended, and nothing that another one has', async () => {
    const erna = await person('erna', ['developers']);
    const account = { user: 'erna', password: 'a-password-of-its-own' };
    const other = createApiClient({ baseUrl: system.api, authorizer: await holdPasswordSignIn(system.api, account) });
    const kept = await connected((await other.openSession({ connection: 'demo-pg', via: 'native' })).native.dsn);
    await erna.api.logout();
    expect(await erna.lost).toMatchObject({
      code: '57P01',
      message: expect.stringContaining('sign-in that opened it'),
    });
    await expect(connected(erna.dsn)).rejects.toMatchObject({ code: '28P01' });
    expect(await first(kept, 'select 1')).toBe(1);
  });

  it('ends sessions of a connection that is deleted', async () => {
    const spec = {
      name: 'short-lived',
      agent: 'demo-agent',
      labels: { env: 'demo' },
      target: {
        protocol: 'postgres' as const,
        host: new URL(system.directUrl).hostname,
        port: Number(new URL(system.directUrl).port),
        database: 'shop',
        user: 'shop_app',
        password: { from: 'file' as const, path: join(system.dir, 'target-password') },
      },
    };
    await admin.putConnection(spec);
    const alice = await connected((await system.dsn('alice', 'short-lived')).dsn);
    const moved = await connected((await system.dsn('alice')).dsn);
    expect(await first(alice, 'select 1')).toBe(1);
    await admin.deleteConnection('short-lived');
    expect(await alice.lost).toMatchObject({ code: '57P01', message: expect.stringContaining('deleted') });
    expect(await first(moved, 'select 1')).toBe(1);
  });

  it('cuts a revoked agent off for good', async () => {
    const alice = await live('alice');
    expect(await first(alice, 'select 1')).toBe(1);
    await admin.revokeAgent('demo-agent');
    expect(await alice.lost).toMatchObject({ code: '08006' });
    await expect(system.dsn('alice')).rejects.toMatchObject({ code: 'agent_unavailable' });
    // The same certificate does not open the door again, from a fresh process either.
    await system.agent.stop();
    const refusals = () => system.agent.logText().match(/does not accept this agent/g)?.length ?? 0;
    const before = refusals();
    system.restart('agent').catch(() => undefined);
    await waitFor('the refusal', () => (refusals() > before ? true : undefined));
    expect((await admin.listAgents()).some(({ online }) => online)).toBe(false);
  }, 120_000);
});

describe('a session whose time is over', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ customers: 20, sessionTtlSeconds: 10 });
  });
  afterAll(() => system?.stop());

  it('ends its connections with 57P01 and takes no new ones', async () => {
    const { dsn, id } = await system.dsn('alice');
    const idle = await livePg(system, dsn);
    const busy = await livePg(system, dsn);
    const outcome = busy.client.query('select pg_sleep(60)').catch((error: Error) => error);
    expect(await idle.lost).toMatchObject({ code: '57P01', message: expect.stringContaining('expired') });
    expect(await outcome).toMatchObject({ code: '57P01' });
    await expect(livePg(system, dsn)).rejects.toMatchObject({ code: '28P01' });
    // Nobody can use it any more at that moment; the store follows.
    const alice = await system.as('alice');
    const shown = await waitFor('the end in the store', async () => {
      const session = await alice.showSession(id);
      return session.state === 'ended' ? session : undefined;
    });
    expect(shown.endReason).toBe('the session has expired');
  });
});
