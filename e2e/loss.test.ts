import { join } from 'node:path';
import type { ApiClient } from '@weir/api';
import { type EmbeddedPostgres, prepareInstallation, startEmbeddedPostgres } from '@weir/embedded-postgres';
import { createTemporaryFolder, hasCommand, runPsql } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createWeirCli } from './fixture/cli.ts';
import { type LivePg, livePg, readDirectly } from './fixture/drivers.ts';
import { type System, startSystem } from './fixture/system.ts';
import { waitFor } from './fixture/wait.ts';

/** A server that a test may stop and start again: same data, same port. */
async function startRestartableServer() {
  const folder = createTemporaryFolder('weir-loss', 0o711);
  const password = 'target-password-1';
  const start = (port?: number) =>
    startEmbeddedPostgres({
      stateDir: folder.path,
      home: join(folder.path, 'home'),
      role: 'test',
      password,
      isDurable: false,
      installation: prepareInstallation(folder.path),
      ...(port !== undefined && { port }),
    });
  const state: { server: EmbeddedPostgres } = { server: await start() };
  return {
    ...state.server,
    password,
    stop: () => state.server.stop(),
    async startAgain() {
      state.server = await start(state.server.port);
    },
    async remove() {
      await state.server.stop();
      folder.remove();
    },
  };
}

describe('when a part is lost', () => {
  let target: Awaited<ReturnType<typeof startRestartableServer>>;
  let system: System;
  const open: LivePg[] = [];
  beforeAll(async () => {
    target = await startRestartableServer();
    system = await startSystem({ customers: 100, target });
  });
  afterEach(async () => {
    for (const { client } of open.splice(0)) await client.end().catch(() => undefined);
  });
  afterAll(async () => {
    await system?.stop();
    await target?.remove();
  });

  const direct = (sql: string) => readDirectly(system, sql);
  const connected = async (dsn: string): Promise<LivePg> => {
    const live = await livePg(system, dsn);
    open.push(live);
    return live;
  };
  /** Starts a statement and waits until the target runs it. @returns what the client was told in the end */
  const running = async ({ client }: LivePg, sql: string): Promise<{ outcome: Promise<Error & { code?: string }> }> => {
    const outcome = client.query(sql).then(
      () => new Error('the statement ended'),
      (error: Error) => error,
    );
    await waitFor('the statement to run', async () => ((await backends(sql)) > 0 ? true : undefined));
    return { outcome };
  };
  const backends = async (sql: string): Promise<number> =>
    Number(await direct(`select count(*) from pg_stat_activity where query = '${sql}' and state = 'active'`));
  const works = async (dsn?: string) => {
    const { client } = await livePg(system, dsn ?? (await system.dsn('alice')).dsn);
    expect((await client.query('select 41 + 1 as n')).rows).toEqual([{ n: 42 }]);
    await client.end();
  };
  const channels = async (): Promise<number> =>
    (await (await system.as('admin')).listAgents()).reduce((sum, agent) => sum + agent.channels, 0);
  const noChannelIsLeft = () =>
    waitFor('all channels and their backends to be gone', async () => {
      const upstream = await direct("select count(*)::int from pg_stat_activity where application_name like 'weir:%'");
      return upstream === 0 && (await channels()) === 0 ? true : undefined;
    });

  it('agent killed: clients read an error at once, and new connections work when it is back', async () => {
    const { dsn } = await system.dsn('alice');
    const idle = await connected(dsn);
    const busy = await connected(dsn);
    const { outcome } = await running(busy, 'select pg_sleep(5)');
    const cli = createWeirCli(system, 'alice');
    await cli.login();
    const tunnelled = cli.start(['connect', 'demo-pg', '--port', '0', '--json']);
    const local = new pg.Client((JSON.parse(await tunnelled.line()) as { dsn: string }).dsn);
    const localLost = new Promise<Error>((resolve) => local.on('error', resolve));
    await local.connect();

    await system.agent.kill('SIGKILL');
    for (const loss of [await idle.lost, await outcome, await localLost]) {
      expect(loss).toMatchObject({ code: '08006', severity: 'FATAL' });
      expect(loss.message).toMatch(/agent/i);
    }
    const admin = await system.as('admin');
    expect((await admin.listAgents()).map(({ online }) => online)).toEqual([false]);
    // The session is still there: its channel says why it cannot be opened.
    await expect(connected(dsn)).rejects.toMatchObject({ code: '08006' });
    await expect(system.dsn('alice')).rejects.toMatchObject({ code: 'agent_unavailable' });
    expect((await cli.run(['exec', 'demo-pg', 'select 1'])).status).toBe(7);

    await system.restart('agent');
    await works(dsn);
    await works();
    tunnelled.kill('SIGINT');
    expect(await tunnelled.ended).toBe(0);
    await noChannelIsLeft();
  });

  it('gateway killed: connections close, the agent comes back by itself, old passwords are dead', async () => {
    const { dsn, id } = await system.dsn('alice');
    const idle = await connected(dsn);
    const busy = await connected(dsn);
    const { outcome } = await running(busy, 'select pg_sleep(6)');
    const agent = system.agent.pid;
    await system.gateway.kill('SIGKILL');
    expect(await idle.lost).toBeInstanceOf(Error);
    expect(await outcome).toBeInstanceOf(Error);
    await waitFor('the statement to be gone from the target', async () =>
      (await backends('select pg_sleep(6)')) === 0 ? true : undefined,
    );

    await system.restart('gateway');
    expect(system.agent.pid).toBe(agent);
    system.agent.assertRunning();
    await expect(connected(dsn)).rejects.toMatchObject({ code: '28P01' });
    await works();
    expect(await (await system.as('alice')).showSession(id)).toMatchObject({
      state: 'ended',
      recording: 'sealed',
      endReason: expect.stringContaining('gateway'),
    });
    await noChannelIsLeft();
  }, 60_000);

  it('agent frozen: the gateway notices the silence, ends its channels and takes it back later', async () => {
    const { dsn } = await system.dsn('alice');
    const idle = await connected(dsn);
    const busy = await connected(dsn);
    const { outcome } = await running(busy, 'select pg_sleep(40)');
    process.kill(system.agent.pid, 'SIGSTOP');
    try {
      for (const loss of [await idle.lost, await outcome])
        expect(loss).toMatchObject({ code: '08006', message: expect.stringMatching(/agent/i) });
      await expect(system.dsn('alice')).rejects.toMatchObject({ code: 'agent_unavailable' });
      expect((await fetch(`${system.api}/healthz`)).status).toBe(200);
    } finally {
      process.kill(system.agent.pid, 'SIGCONT');
    }
    await system.agentOnline();
    await works(dsn);
    await works();
    await noChannelIsLeft();
  }, 90_000);

  it('target stopped: clear errors, and everything works when it is back', async () => {
    const { dsn } = await system.dsn('alice');
    const idle = await connected(dsn);
    const busy = await connected(dsn);
    const { outcome } = await running(busy, 'select pg_sleep(30)');
    await target.stop();
    for (const loss of [await idle.lost, await outcome]) {
      expect(loss.code).toMatch(/^(57P0[1-3]|08006)$/);
      expect(loss.message).not.toBe('');
    }
    await expect(connected(dsn)).rejects.toMatchObject({
      code: '08001',
      message: expect.stringMatching(/target|refused/i),
    });
    const tested = await (await system.as('admin')).testConnection('demo-pg');
    expect(tested).toMatchObject({ ok: false });

    await target.startAgain();
    await works(dsn);
    await works();
    await noChannelIsLeft();
  });

  it('client gone in the middle of a result or of a statement: nothing of it is left', async () => {
    const { dsn } = await system.dsn('alice');
    const vanish = ({ client }: LivePg) =>
      (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    const big = await connected(dsn);
    const rows = "select repeat('x', 1000) from generate_series(1, 2000000)";
    big.client.query(rows).catch(() => undefined);
    await waitFor('rows to flow', async () =>
      (await direct(
        `select count(*) from pg_stat_activity where query like 'select repeat(%' and state = 'active' and application_name like 'weir:%'`,
      )) === '1'
        ? true
        : undefined,
    );
    vanish(big);

    const stalled = await connected(dsn);
    (stalled.client as unknown as { connection: { stream: { pause(): void } } }).connection.stream.pause();
    stalled.client.query(rows).catch(() => undefined);
    await waitFor('rows to wait', async () =>
      (await direct(
        `select count(*) from pg_stat_activity where wait_event = 'ClientWrite' and application_name like 'weir:%'`,
      )) === '1'
        ? true
        : undefined,
    );
    vanish(stalled);

    const sleeping = await connected(dsn);
    await running(sleeping, 'select pg_sleep(50)');
    vanish(sleeping);

    const inTransaction = await connected(dsn);
    await inTransaction.client.query('begin');
    await inTransaction.client.query('lock table orders in access exclusive mode').catch(() => undefined);
    vanish(inTransaction);
    await noChannelIsLeft();
    await works(dsn);
  });

  it('client gone while its statement waits for approval: the request is withdrawn and never runs', async () => {
    const { dsn } = await system.dsn('alice');
    const alice = await connected(`${dsn}&application_name=psql`);
    const bob: ApiClient = await system.as('bob');
    alice.client.query('delete from orders where id = 12').catch(() => undefined);
    const request = await waitFor('the request', async () => (await bob.listRequests({ state: 'pending' }))[0]);
    (alice.client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    await waitFor('the withdrawal', async () =>
      (await bob.showRequest(request.id)).state === 'withdrawn' ? true : undefined,
    );
    await expect(bob.decideRequest(request.id, { decision: 'approve', reason: '' })).rejects.toMatchObject({
      code: 'conflict',
    });
    await noChannelIsLeft();
    expect(await direct('select count(*)::int from orders where id = 12')).toBe(1);
  });

  it('agent lost while a statement waits for approval: the request is withdrawn', async () => {
    const { dsn } = await system.dsn('alice');
    const alice = await connected(`${dsn}&application_name=psql`);
    const bob = await system.as('bob');
    const outcome = alice.client.query('delete from orders where id = 13').catch((error: Error) => error);
    const request = await waitFor('the request', async () => (await bob.listRequests({ state: 'pending' }))[0]);
    await system.agent.kill('SIGKILL');
    expect(await outcome).toMatchObject({ code: '08006' });
    await waitFor('the withdrawal', async () =>
      (await bob.showRequest(request.id)).state === 'withdrawn' ? true : undefined,
    );
    await system.restart('agent');
    expect(await direct('select count(*)::int from orders where id = 13')).toBe(1);
  });

  lane(
    'psql',
    () => hasCommand('psql'),
    'install the PostgreSQL client (psql)',
  )('with psql', () => {
    it('prints the reason when the agent dies under a statement', async () => {
      const { dsn } = await system.dsn('alice');
      const result = runPsql(dsn, 'select pg_sleep(7);');
      await waitFor('the statement to run', async () =>
        (await backends('select pg_sleep(7);')) > 0 ? true : undefined,
      );
      await system.agent.kill('SIGKILL');
      const { status, stderr } = await result;
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/FATAL: .*agent/i);
      await system.restart('agent');
      expect((await runPsql(dsn, 'select 41 + 1')).stdout).toBe('42\n');
    });
  });
});
