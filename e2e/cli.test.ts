import { cpSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApprovalRequest, Session } from '@weir/api';
import { freePort, hasCommand, runCommand, runPsql } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWeirCli, type RunningCli, type WeirCli } from './fixture/cli.ts';
import { driverOptions } from './fixture/drivers.ts';
import { type System, startSystem } from './fixture/system.ts';
import { root, waitFor } from './fixture/wait.ts';

interface Connected {
  readonly port: number;
  readonly dsn: string;
  readonly session: string;
}

describe('the command line, as scripts use it', () => {
  let system: System;
  let alice: WeirCli;
  let bob: WeirCli;
  let admin: WeirCli;
  const started: RunningCli[] = [];
  beforeAll(async () => {
    system = await startSystem({ customers: 100 });
    [alice, bob, admin] = (['alice', 'bob', 'admin'] as const).map((person) => createWeirCli(system, person)) as [
      WeirCli,
      WeirCli,
      WeirCli,
    ];
    for (const cli of [alice, bob, admin]) expect(await cli.login()).toMatchObject({ status: 0 });
  });
  afterAll(async () => {
    for (const cli of started) cli.kill('SIGKILL');
    await system?.stop();
  });

  const direct = async (sql: string): Promise<unknown[]> => {
    const client = new pg.Client(system.directUrl);
    await client.connect();
    const { rows } = await client.query({ text: sql, rowMode: 'array' });
    await client.end();
    return rows[0] as unknown[];
  };
  const connect = async (...args: string[]): Promise<Connected & { cli: RunningCli }> => {
    const cli = alice.start(['connect', 'demo-pg', '--json', ...args]);
    started.push(cli);
    return { ...(JSON.parse(await cli.line()) as Connected), cli };
  };
  const query = async (dsn: string, sql: string): Promise<unknown[][]> => {
    const client = new pg.Client(dsn);
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query({ text: sql, rowMode: 'array' })).rows as unknown[][];
    } finally {
      await client.end();
    }
  };

  it('signs in with a password on standard input and keeps the token to itself', async () => {
    const other = createWeirCli(system, 'alice', join(system.dir, 'cli-other'));
    const wrong = await other.login('not the password');
    expect(wrong).toMatchObject({ status: 4, stdout: '' });
    expect(wrong.stderr).toMatch(/^error: .+\n(why: .+\n)?fix: .+\ncode: wrong_password\n$/);
    const nobody = await other.run(['whoami']);
    expect(nobody).toMatchObject({ status: 4, stdout: '' });
    expect(nobody.stderr).toContain('weir login');

    expect(statSync(join(alice.home, 'profiles.json')).mode & 0o777).toBe(0o600);
    expect(await alice.json('whoami')).toMatchObject({ user: 'alice', groups: ['developers'], roles: [] });
    expect(await bob.json('whoami')).toMatchObject({ user: 'bob', roles: expect.arrayContaining(['approver']) });
    expect((await alice.run(['whoami'])).stdout).toContain('user\talice\n');
  });

  it('lists connections', async () => {
    expect(await alice.json('ls')).toMatchObject([
      { name: 'demo-pg', protocol: 'postgres', agentOnline: true, allowed: true, database: 'shop' },
    ]);
    const { stdout } = await alice.run(['ls']);
    expect(stdout.split('\n')[0]?.split('\t')[0]).toBe('name');
    expect(stdout.split('\n')[1]).toMatch(/^demo-pg\tpostgres\tshop\tdemo-agent \(online\)\t/);
    const unknown = await alice.run(['exec', 'demo-gp', 'select 1']);
    expect(unknown.status).toBe(2);
    expect(unknown.stderr).toContain('demo-pg');
  });

  it('runs SQL: TSV for pipes, JSON with types', async () => {
    const { status, stdout } = await alice.run([
      'exec',
      'demo-pg',
      'select id, name, email from customers where id = 7',
    ]);
    const [name, email] = await direct('select name, email from customers where id = 7');
    expect(status).toBe(0);
    expect(stdout).toMatch(new RegExp(`^id\tname\temail\n7\t${name}\t[^\n\t]+\n$`));
    expect(stdout).not.toContain(String(email));
    const typed = `select 1 as n, true as yes, null as nothing, '{"a":[1]}'::jsonb as doc, 1.50::numeric as price, 'a' as n`;
    expect(await alice.json('exec', 'demo-pg', typed)).toEqual([
      { n: 1, yes: true, nothing: null, doc: { a: [1] }, price: '1.50', n_2: 'a' },
    ]);
    const tricky = await alice.run(['exec', 'demo-pg', "select E'a\\tb\\nc\\\\d' as x", '--no-header']);
    expect(tricky.stdout.split('\n')).toHaveLength(2);
    expect((await alice.run(['exec', 'demo-pg', '-'], 'select 40 + 2 as n')).stdout).toBe('n\n42\n');
    const file = join(system.dir, 'two.sql');
    writeFileSync(file, 'select 1 as a; select 2 as b;');
    expect((await alice.run(['exec', 'demo-pg', '--file', file, '--json'])).stdout).toBe('[{"a":1}]\n[{"b":2}]\n');
    const many = await alice.run(['exec', 'demo-pg', 'select n from generate_series(1, 20000) n', '--no-header']);
    expect(many.stdout.trim().split('\n')).toHaveLength(20_000);
  });

  it('tells by its exit status what happened', async () => {
    const ended = async (sql: string) => {
      const { status, stdout, stderr } = await alice.run(['exec', 'demo-pg', sql]);
      expect(stdout, sql).toBe('');
      expect(stderr, sql).toMatch(/^error: /m);
      return { status, stderr };
    };
    expect(await ended('drop table orders')).toMatchObject({ status: 5, stderr: expect.stringContaining('no-ddl') });
    expect(await ended('delete from orders')).toMatchObject({ status: 5 });
    const pending = await ended('delete from orders where id = 3');
    expect(pending).toMatchObject({ status: 6, stderr: expect.stringMatching(/req_\w+[\s\S]*code: approval_pending/) });
    expect(await ended('select 1 / 0')).toMatchObject({ status: 8, stderr: expect.stringContaining('22012') });
    expect(await ended('select 1 from nowhere')).toMatchObject({ status: 8, stderr: expect.stringContaining('42P01') });
    expect(await ended('selec 1')).toMatchObject({ status: 8, stderr: expect.stringContaining('42601') });
    expect((await alice.run(['exec', 'demo-pg'])).status).toBe(2);
    expect((await alice.run(['exec'])).status).toBe(2);
    expect((await alice.run(['frobnicate'])).status).toBe(2);

    const elsewhere = createWeirCli(system, 'alice', join(system.dir, 'cli-elsewhere'));
    const gateway = `http://127.0.0.1:${await freePort()}`;
    const away = await elsewhere.run(['login', '--gateway', gateway, '--user', 'alice', '--password-stdin'], 'x\n');
    expect(away).toMatchObject({ status: 7, stdout: '', stderr: expect.stringContaining('code: gateway_unavailable') });
  });

  it('waits for another person with --wait, and runs a refused statement once when it is sent again', async () => {
    const waiting = alice.start(['exec', 'demo-pg', 'delete from orders where id = 5', '--wait', '--json']);
    started.push(waiting);
    const id = await waitFor('the request', () => /(req_\w+)/.exec(waiting.stderr)?.[1]);
    const own = await alice.run(['requests', 'approve', id, '--reason', 'please']);
    expect(own).toMatchObject({ status: 5, stdout: '' });
    expect(own.stderr).toMatch(/code: (self_approval|not_permitted)/);
    const listed = await bob.json<ApprovalRequest[]>('requests', 'ls', '--state', 'pending');
    expect(listed.find((request) => request.id === id)).toMatchObject({
      ...{ principal: 'alice', connection: 'demo-pg', rule: 'delete-needs-approval', mode: 'wait' },
      statement: 'delete from orders where id = 5',
    });
    const shown = (await bob.run(['requests', 'show', id])).stdout;
    expect(shown).toContain('delete from orders where id = 5');
    expect(shown).toMatch(/estimated rows\s+about 1\n/);
    expect((await alice.run(['requests', 'show', id])).stdout).not.toContain('estimated rows');
    expect(waiting.stdout).toBe('');
    expect(await bob.run(['requests', 'approve', id, '--reason', 'ticket 1'])).toMatchObject({ status: 0 });
    expect(await waiting.ended).toBe(0);
    expect(await direct('select count(*)::int from orders where id = 5')).toEqual([0]);

    const refused = await alice.run(['exec', 'demo-pg', 'delete from orders where id = 6']);
    const second = /(req_\w+)/.exec(refused.stderr)?.[1] as string;
    expect((await bob.run(['requests', 'approve', second])).status).toBe(0);
    expect((await alice.run(['requests', 'wait', second])).status).toBe(0);
    expect((await alice.run(['exec', 'demo-pg', 'delete from orders where id = 6'])).status).toBe(0);
    expect((await alice.run(['exec', 'demo-pg', 'delete from orders where id = 6'])).status).toBe(6);

    const denied = await alice.run(['exec', 'demo-pg', 'delete from orders where id = 8']);
    const third = /(req_\w+)/.exec(denied.stderr)?.[1] as string;
    expect((await bob.run(['requests', 'deny', third, '--reason', 'not on Fridays'])).status).toBe(0);
    const told = await alice.run(['requests', 'wait', third]);
    expect(told).toMatchObject({ status: 5, stderr: expect.stringContaining('not on Fridays') });
    expect((await bob.run(['requests', 'approve', third])).status).toBe(2);
    expect(await direct('select count(*)::int from orders where id = 8')).toEqual([1]);
  });

  it('ends a waiting exec by Ctrl-C with status 3 and withdraws the request', async () => {
    const waiting = alice.start(['exec', 'demo-pg', 'delete from orders where id = 9', '--wait']);
    started.push(waiting);
    const id = await waitFor('the request', () => /(req_\w+)/.exec(waiting.stderr)?.[1]);
    waiting.kill('SIGINT');
    expect(await waiting.ended).toBe(3);
    await waitFor('the withdrawal', async () =>
      (await bob.json<ApprovalRequest>('requests', 'show', id)).state === 'withdrawn' ? true : undefined,
    );
  });

  it('gives a local port to any client that knows the password, and ends with Ctrl-C', async () => {
    const { port, dsn, session, cli } = await connect('--port', String(await freePort()));
    expect(dsn).toContain(`@127.0.0.1:${port}/shop`);
    expect(cli.stdout.trim().split('\n')).toHaveLength(1);
    expect(await query(dsn, 'select 41 + 1')).toEqual([[42]]);

    const stranger = new URL(dsn);
    stranger.password = 'guessed-password-1234';
    await expect(query(stranger.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
    stranger.password = '';
    await expect(query(stranger.href, 'select 1')).rejects.toThrow();

    expect((await alice.json<Session[]>('sessions', 'ls', '--state', 'active')).map(({ id }) => id)).toContain(session);
    const taken = await alice.run(['connect', 'demo-pg', '--port', String(port), '--json']);
    expect(taken).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('taken') });

    const open = new pg.Client(dsn);
    const cut = new Promise<Error>((resolve) => open.on('error', resolve));
    await open.connect();
    cli.kill('SIGINT');
    expect(await cli.ended).toBe(0);
    expect((await cut).message).not.toBe('');
    await expect(query(dsn, 'select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(await alice.json('sessions', 'show', session)).toMatchObject({ state: 'ended' });
    expect((await alice.json<Session[]>('sessions', 'ls', '--state', 'active')).map(({ id }) => id)).not.toContain(
      session,
    );
  });

  it('runs a client with PG* and passes its exit status', async () => {
    const node = (script: string) => alice.run(['connect', 'demo-pg', '--', process.execPath, '-e', script]);
    expect(await node('process.exit(3)')).toMatchObject({ status: 3 });
    const shown = await node(
      'const {PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD} = process.env; console.log(JSON.stringify({PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD}))',
    );
    expect(shown).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(shown.stdout)).toMatchObject({
      PGHOST: '127.0.0.1',
      PGDATABASE: 'shop',
      PGUSER: expect.stringMatching(/^alice~/),
      PGPASSWORD: expect.stringMatching(/.{16,}/),
    });
    expect(await node('process.kill(process.pid, "SIGTERM")')).toMatchObject({ status: 143 });
    expect(await alice.run(['connect', 'demo-pg', '--', 'no-such-program'])).toMatchObject({ status: 2 });
    await waitFor('no session of alice', async () =>
      (await alice.json<Session[]>('sessions', 'ls', '--state', 'active')).length === 0 ? true : undefined,
    );
  });

  it('shows, plays and kills sessions; members see only their own', async () => {
    const { dsn, session, cli } = await connect('--port', '0');
    const [email] = await direct('select email from customers where id = 3');
    await query(dsn, 'select id, email from customers where id = 3');
    await expect(query(dsn, 'drop table orders')).rejects.toMatchObject({ code: '42501' });
    const played = await waitFor('the statements', async () => {
      const { stdout } = await alice.run(['sessions', 'play', session]);
      return stdout.includes('drop table orders') ? stdout : undefined;
    });
    expect(played).toContain('no-ddl');
    expect(played).not.toContain(String(email));
    const lines = (await alice.run(['sessions', 'play', session, '--json'])).stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).event.event)).toEqual(
      expect.arrayContaining(['session-opened', 'channel-opened', 'statement', 'result', 'channel-closed']),
    );
    expect(await alice.json('sessions', 'show', session)).toMatchObject({ statements: 2, denied: 1, state: 'active' });

    const { id: foreign } = await system.dsn('admin');
    for (const command of ['show', 'play', 'kill']) {
      expect(await alice.run(['sessions', command, foreign]), command).toMatchObject({ status: 2, stdout: '' });
    }
    const seen = await alice.json<Session[]>('sessions', 'ls');
    expect(new Set(seen.map(({ principal }) => principal))).toEqual(new Set(['alice']));
    expect((await bob.json<Session[]>('sessions', 'ls')).map(({ id }) => id)).toContain(foreign);
    expect((await bob.run(['sessions', 'kill', session])).status).toBe(5);

    expect((await admin.run(['sessions', 'kill', session, '--reason', 'wrong database'])).status).toBe(0);
    expect(await cli.ended).toBe(5);
    expect(cli.stderr).toContain('wrong database');
    expect(await alice.json('sessions', 'show', session)).toMatchObject({
      state: 'ended',
      endReason: expect.stringContaining('wrong database'),
    });
  });

  it('lints and applies policy', async () => {
    const demo = join(root, 'apps/demo/policy/shop.yaml');
    const wrong = join(system.dir, 'wrong.yaml');
    writeFileSync(
      wrong,
      'apiVersion: weir.dev/v1\nkind: Guardrail\nmetadata:\n  name: x\nspec:\n  match:\n    kinds: [droop]\n',
    );
    const linted = await alice.run(['policy', 'lint', wrong]);
    expect(linted.status).toBe(2);
    expect(linted.stdout).toMatch(/wrong\.yaml:7/);
    expect((await alice.run(['policy', 'lint', demo])).status).toBe(0);
    expect((await admin.run(['policy', 'apply', wrong])).status).toBe(2);
    expect((await alice.run(['policy', 'apply', demo])).status).toBe(5);

    const extra = join(system.dir, 'extra.yaml');
    writeFileSync(
      extra,
      'apiVersion: weir.dev/v1\nkind: Masking\nmetadata: { name: names }\nspec:\n  columns: [public.customers.name]\n  transform: redact\n',
    );
    const [name] = await direct('select name from customers where id = 2');
    const sql = 'select name from customers where id = 2';
    expect((await alice.run(['exec', 'demo-pg', sql])).stdout).toContain(String(name));
    expect((await admin.run(['policy', 'apply', demo, extra])).status).toBe(0);
    expect((await alice.run(['exec', 'demo-pg', sql])).stdout).not.toContain(String(name));
    expect((await admin.run(['policy', 'show'])).stdout).toContain('name: names');
    expect((await admin.run(['policy', 'apply', demo])).status).toBe(0);
    expect((await alice.run(['exec', 'demo-pg', sql])).stdout).toContain(String(name));
  });

  it('applies files, but nothing over a change that came between plan and apply', async () => {
    const { value: demo } = await (await system.as('admin')).getConnection('demo-pg');
    const file = join(system.dir, 'orders.yaml');
    const orders = (labels: object) => {
      const { name: _name, ...spec } = { ...demo, labels };
      const document = { apiVersion: 'weir.dev/v1', kind: 'Connection', metadata: { name: 'orders' }, spec };
      writeFileSync(file, JSON.stringify(document));
    };
    orders({ by: 'git' });
    expect((await admin.run(['apply', '-f', file, '--yes'])).status).toBe(0);
    orders({ by: 'git', more: 'yes' });
    const other = await system.as('admin');
    // The command waits before its first change until the test says go.
    const hook = join(system.dir, 'wait.mjs');
    const [reached, go] = [join(system.dir, 'reached'), join(system.dir, 'go')];
    writeFileSync(
      hook,
      `import { existsSync, writeFileSync } from 'node:fs';
       const { fetch } = globalThis;
       globalThis.fetch = async (input, init) => {
         if (init?.method === 'PUT') writeFileSync(${JSON.stringify(reached)}, '');
         while (init?.method === 'PUT' && !existsSync(${JSON.stringify(go)})) await new Promise((done) => setTimeout(done, 20));
         return fetch(input, init);
       };`,
    );
    const program = join(root, 'apps/cli/dist/main.js');
    const running = runCommand(process.execPath, ['--import', hook, program, 'apply', '-f', file, '--yes'], {
      env: { ...process.env, WEIR_HOME: admin.home },
    });
    await waitFor('the command to reach its change', () => (existsSync(reached) ? true : undefined));
    await other.putConnection({ ...demo, name: 'orders', labels: { by: 'hand' } });
    writeFileSync(go, '');
    const run = await running;
    expect(run.status).toBe(2);
    expect(run.stderr).toContain('labels.more: (not set) -> "yes"');
    expect(run.stderr).toContain('code: precondition_failed');
    expect(run.stderr).toMatch(/why: admin changed it last, at .*: labels\.by\./);
    expect((await other.getConnection('orders')).value.labels).toEqual({ by: 'hand' });
    await other.deleteConnection('orders');
  });

  it('gives credentials for the native listener', async () => {
    const { dsn, session, jdbc, service } = await alice.json<Record<string, string>>('credentials', 'pg', 'demo-pg');
    const client = new pg.Client(driverOptions(system, dsn as string));
    await client.connect();
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await client.end();
    expect(jdbc).toMatch(/^jdbc:postgresql:/);
    expect(service).toMatch(/^\[demo-pg\]\nhost=/);
    expect((await alice.run(['sessions', 'kill', session as string])).status).toBe(0);
    await expect(new pg.Client(driverOptions(system, dsn as string)).connect()).rejects.toMatchObject({
      code: '28P01',
    });
  });

  it('adds, tests and removes connections', async () => {
    const { hostname, port } = new URL(system.directUrl);
    const add = (name: string, targetPort: string, database = 'shop') => {
      const flags = { name, agent: 'demo-agent', label: 'env=demo', host: hostname, database, 'db-user': 'shop_app' };
      const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
      const password = ['--password-file', join(system.dir, 'target-password')];
      return admin.run(['connections', 'add', ...args, '--target-port', targetPort, ...password]);
    };
    expect((await add('second', port)).status).toBe(0);
    expect(await admin.run(['connections', 'test', 'second'])).toMatchObject({ status: 0 });
    expect((await alice.run(['exec', 'second', 'select 1 as one', '--json'])).stdout).toBe('[{"one":1}]\n');
    expect((await add('broken', String(await freePort()))).status).toBe(0);
    const tested = await admin.run(['connections', 'test', 'broken']);
    expect(tested).toMatchObject({ status: 7, stderr: expect.stringContaining('code: target_unavailable') });
    expect((await alice.run(['exec', 'broken', 'select 1'])).status).toBe(7);
    expect((await alice.run(['connections', 'rm', 'second'])).status).toBe(5);
    for (const name of ['second', 'broken']) expect((await admin.run(['connections', 'rm', name])).status).toBe(0);
    expect((await alice.run(['exec', 'second', 'select 1'])).status).toBe(2);
  });

  it('reports the state of things', async () => {
    expect(await admin.json('status')).toMatchObject({
      agents: [{ name: 'demo-agent', online: true }],
      journal: { healthy: true },
    });
    expect((await alice.run(['doctor'])).status).toBe(0);
    expect(await alice.json('doctor')).toMatchObject({ ok: true });
    const health = await fetch(`${system.api}/healthz`);
    expect(health.status).toBe(200);
    expect((await alice.run(['audit', 'verify'])).status).toBe(5);
  });

  it('ends the sign-in with logout, and with it all copies of its tokens', async () => {
    const other = createWeirCli(system, 'bob', join(system.dir, 'cli-bob-2'));
    await other.login();
    const copy = join(system.dir, 'cli-bob-2-copy');
    cpSync(other.home, copy, { recursive: true });
    const thief = createWeirCli(system, 'bob', copy);
    expect((await thief.run(['whoami'])).status).toBe(0);
    expect((await other.run(['logout'])).status).toBe(0);
    expect((await thief.run(['whoami'])).status).toBe(4);
    expect((await other.run(['whoami'])).status).toBe(4);
    expect((await bob.run(['whoami'])).status).toBe(0);
  });

  lane(
    'psql',
    () => hasCommand('psql'),
    'install the PostgreSQL client (psql)',
  )('with psql', () => {
    it('through the local port and by weir connect NAME -- psql', async () => {
      const { dsn, cli } = await connect('--port', '0');
      expect(await runPsql(dsn, 'select 41 + 1')).toMatchObject({ status: 0, stdout: '42\n', stderr: '' });
      const own = new URL(dsn);
      own.password = '';
      const without = await runCommand('psql', ['-X', '-w', '-d', own.href, '-c', 'select 1']);
      expect(without.status).toBe(2);
      cli.kill('SIGINT');
      expect(await cli.ended).toBe(0);

      const ran = await alice.run(['connect', 'demo-pg', '--', 'psql', '-XAtc', 'select 41 + 1']);
      expect(ran).toMatchObject({ status: 0, stdout: '42\n', stderr: '' });
      const failed = await alice.run([
        'connect',
        'demo-pg',
        '--',
        'psql',
        '-XAt',
        '-v',
        'ON_ERROR_STOP=1',
        '-c',
        'select x',
      ]);
      expect(failed.status).toBe(1);
    });
  });
});
