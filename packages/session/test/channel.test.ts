import { frameKind } from '@weir/tunnel';
import {
  encodeBind,
  encodeClose,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodeQuery,
  encodeSync,
} from '@weir/wire-postgres';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openRawClient } from './fixture/raw-client.ts';
import { startTargetServer, type TargetServer } from './fixture/target-server.ts';
import { planOf, startTestRuntime, type TestChannel, type TestRuntime } from './fixture/test-runtime.ts';

const policy = `
apiVersion: weir.dev/v1
kind: Access
metadata: { name: everyone }
spec: { who: { principals: ['*'] }, connections: { names: ['*'] } }
---
apiVersion: weir.dev/v1
kind: Masking
metadata: { name: email }
spec: { columns: ['*.*.email'], transform: redact }
---
apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: no-delete }
spec: { match: { kinds: [delete] }, action: deny, reason: rows stay }
---
apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: second-person }
spec:
  match: { tables: ['public.payments'], effects: [update] }
  action: require-approval
  approval: { approvers: { groups: [leads] }, mode: auto, timeout: 30m }
`;
const withoutRules = policy.split('---')[0] ?? '';

let server: TargetServer;
let world: TestRuntime;
const clients: pg.Client[] = [];

beforeAll(async () => {
  server = await startTargetServer();
  await server.sql(`
    CREATE ROLE app LOGIN PASSWORD 'right';
    CREATE TABLE users (id int PRIMARY KEY, email text, name text);
    INSERT INTO users SELECT i, 'user' || i || '@example.com', 'User ' || i FROM generate_series(1, 3) i;
    CREATE TABLE payments (id int, amount int);
    INSERT INTO payments VALUES (1, 10);
    GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
    GRANT CREATE ON SCHEMA public TO app;
    GRANT pg_signal_backend TO app;`);
});
afterAll(() => server.stop());
beforeEach(async () => {
  world = await startTestRuntime(server.target({ password: { from: 'env', name: 'right' } }), policy);
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => undefined)));
  await world.close();
  expect(world.lane.problems).toEqual([]);
});

async function connect(
  applicationName = 'psql',
): Promise<{ client: pg.Client; channel: TestChannel; ended: Promise<Error | null> }> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: world.port,
    user: 'alice',
    database: 'postgres',
    application_name: applicationName,
  });
  const ended = new Promise<Error | null>((resolve) => {
    client.on('error', resolve);
    client.on('end', () => resolve(null));
  });
  await client.connect();
  clients.push(client);
  const channel = world.channels.at(-1);
  if (channel === undefined) throw new Error('no channel');
  return { client, channel, ended };
}

const refusal = (promise: Promise<unknown>): Promise<{ code?: string; message: string; hint?: string }> =>
  promise.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: Error) => error,
  );

describe('statements', () => {
  test('answers are masked in text and in binary, plain and prepared', async () => {
    const { client } = await connect();
    const { rows } = await client.query('SELECT * FROM users ORDER BY id LIMIT 1');
    expect(rows).toEqual([{ id: 1, email: expect.not.stringContaining('user1@'), name: 'User 1' }]);
    for (let i = 0; i < 2; i += 1) {
      const prepared = await client.query({
        name: 'by-id',
        text: 'SELECT id, upper(email) AS e FROM users WHERE id = $1',
        values: [2],
      });
      expect(prepared.rows).toEqual([{ id: 2, e: expect.not.stringContaining('USER2@') }]);
    }
    const binary = await client.query({
      text: 'SELECT email FROM users WHERE id = $1',
      values: [3],
      binary: true,
    } as pg.QueryConfig);
    expect(JSON.stringify(binary.rows)).not.toContain('user3@');
  });

  test('every answer depends on the records before it, and the records tell what happened', async () => {
    const { client, channel } = await connect('psql');
    await client.query('SELECT id, email FROM users ORDER BY id');
    const result = await channel.event((event) => event.event === 'result');
    expect(channel.events[0]).toMatchObject({
      event: 'channel-opened',
      applicationName: 'psql',
      serverVersion: expect.stringMatching(/^18/),
    });
    expect(channel.events[1]).toMatchObject({
      event: 'statement',
      statement: 1,
      text: 'SELECT id, email FROM users ORDER BY id',
      action: 'allow',
    });
    expect(result).toMatchObject({ tag: 'SELECT 3', rows: 3, columns: ['id', 'email'] });
    expect(JSON.stringify(result)).not.toContain('@example.com');
    let recorded = 0;
    let judged = 0;
    for (const entry of channel.order) {
      const [what, number] = entry.split(' ');
      if (what === 'record') {
        expect(Number(number)).toBe(++recorded);
        if (channel.events[recorded - 1]?.event === 'statement') judged = recorded;
      } else {
        expect(Number(number)).toBeGreaterThanOrEqual(judged);
        expect(Number(number)).toBeLessThanOrEqual(recorded);
      }
    }
    // The statement’s own record was sent before any row of it.
    expect(channel.order.indexOf('record 2')).toBeLessThan(channel.order.indexOf('answer 2'));
  });

  test('a denial is an error like the server’s, and the connection goes on', async () => {
    const { client, channel } = await connect();
    const error = await refusal(client.query('DELETE FROM users'));
    expect(error).toMatchObject({ code: '42501', message: expect.stringContaining('rows stay') });
    expect((await client.query('SELECT count(*)::int AS n FROM users')).rows).toEqual([{ n: 3 }]);
    expect(channel.events).toContainEqual(expect.objectContaining({ action: 'deny', rule: 'no-delete' }));
  });

  test('the target sees who it is', async () => {
    const { client } = await connect('psql');
    expect((await client.query("SELECT current_setting('application_name') AS a")).rows).toEqual([
      { a: 'weir:alice psql' },
    ]);
  });

  test('an unknown table fails as the server would fail it', async () => {
    const { client } = await connect();
    expect(await refusal(client.query('SELECT * FROM nowhere'))).toMatchObject({ code: '42P01' });
  });

  test('errors of the server tell no protected value', async () => {
    const { client } = await connect();
    const error = await refusal(client.query('SELECT email::int FROM users'));
    expect(error).toMatchObject({ code: '22P02' });
    expect(JSON.stringify({ ...error, m: error.message })).not.toContain('@example.com');
  });

  test('COPY TO STDOUT is masked', async () => {
    const client = await openRawClient(world.port);
    const lines = await client.say(encodeQuery('COPY (SELECT id, email, name FROM users ORDER BY id) TO STDOUT'));
    const data = lines.filter((line) => line.startsWith('d'));
    expect(data).toHaveLength(3);
    expect(data[0]).toMatch(/^d "1\\t.*\\tUser 1\\n"$/);
    expect(data.join()).not.toContain('@example.com');
    client.socket.destroy();
  });

  test('what the client sends before its target is signed in is not lost', async () => {
    const { connect: connectTcp } = await import('node:net');
    const { encodeStartupMessage } = await import('@weir/wire-postgres');
    const socket = connectTcp(world.port, '127.0.0.1');
    const text = await new Promise<string>((resolve) => {
      let said = '';
      socket.on('data', (chunk: Buffer) => {
        said += chunk.toString('latin1');
        if (said.includes('SELECT 1\0')) resolve(said);
      });
      socket.write(Buffer.concat([encodeStartupMessage({ user: 'alice' }), encodeQuery("SELECT 'early bird'")]));
    });
    expect(text).toContain('early bird');
    socket.destroy();
  });
});

describe('what a connection alone sees', () => {
  test('temporary tables: their columns are followed', async () => {
    const { client } = await connect();
    await client.query('CREATE TEMP TABLE mine (id int, email text, note text)');
    await client.query("INSERT INTO mine VALUES (1, 'eve@example.com', 'plain')");
    const { rows } = await client.query('SELECT * FROM mine');
    expect(rows).toEqual([{ id: 1, email: expect.not.stringContaining('eve@'), note: 'plain' }]);
    await client.query('DROP TABLE mine');
    expect(await refusal(client.query('SELECT * FROM mine'))).toMatchObject({ code: '42P01' });
  });

  test('tables of an open transaction, and their end with it', async () => {
    const { client } = await connect();
    await client.query('BEGIN');
    await client.query('CREATE TABLE passing (email text, note text)');
    await client.query("INSERT INTO passing VALUES ('eve@example.com', 'plain')");
    expect((await client.query('SELECT note, email AS e FROM passing')).rows).toEqual([
      { note: 'plain', e: expect.not.stringContaining('eve@') },
    ]);
    await client.query('ROLLBACK');
    expect(await refusal(client.query('SELECT * FROM passing'))).toMatchObject({ code: '42P01' });
  });

  test('a search path that ends with its transaction', async () => {
    await server.sql(
      "CREATE SCHEMA hr; CREATE TABLE hr.users (email int, name text); INSERT INTO hr.users VALUES (7, 'hr'); GRANT ALL ON SCHEMA hr TO app; GRANT ALL ON hr.users TO app",
    );
    const { client } = await connect();
    await client.query('BEGIN');
    await client.query('SET LOCAL search_path = hr');
    expect((await client.query('SELECT name FROM users')).rows).toEqual([{ name: 'hr' }]);
    await client.query('COMMIT');
    expect((await client.query('SELECT name FROM users WHERE id = 1')).rows).toEqual([{ name: 'User 1' }]);
  });

  test('BEGIN leaves room for SET TRANSACTION', async () => {
    const { client } = await connect();
    await client.query('SELECT 1');
    await client.query('BEGIN');
    await client.query('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE');
    await client.query('COMMIT');
  });

  test('a failed transaction takes its end and nothing else', async () => {
    const { client } = await connect();
    await client.query('BEGIN');
    await refusal(client.query('SELECT 1/0'));
    expect(await refusal(client.query('SELECT email FROM users'))).toMatchObject({ code: '25P02' });
    await client.query('ROLLBACK');
    expect((await client.query('SELECT count(*)::int AS n FROM users')).rows).toEqual([{ n: 3 }]);
  });
});

describe('names that SQL and the protocol share', () => {
  const shown = (lines: readonly string[]) => lines.filter((line) => /^[DE]/.test(line)).join('\n');

  test('a statement that Parse named in place of PREPARE’s is not delivered as PREPARE’s', async () => {
    const client = await openRawClient(world.port);
    await client.say(encodeQuery('PREPARE p AS SELECT upper(name) FROM users'));
    expect(shown(await client.say(encodeQuery('EXECUTE p')))).toContain('D USER 1');
    await client.say(encodeClose('S', 'p'), encodeParse('p', 'SELECT upper(email) FROM users'), encodeSync());
    const lines = await client.say(encodeQuery('EXECUTE p'));
    expect(shown(lines)).toMatch(/^E 42501/);
    expect(shown(lines)).not.toContain('@EXAMPLE.COM');
    client.socket.destroy();
  });

  test('a portal that Bind named in place of DECLARE’s is not delivered as DECLARE’s', async () => {
    const client = await openRawClient(world.port);
    await client.say(encodeQuery('BEGIN'));
    await client.say(encodeQuery('DECLARE c CURSOR FOR SELECT upper(name) FROM users'));
    await client.say(
      encodeClose('P', 'c'),
      encodeParse('', 'SELECT upper(email) FROM users'),
      encodeBind('c', ''),
      encodeSync(),
    );
    const lines = await client.say(encodeQuery('FETCH ALL FROM c'));
    expect(shown(lines)).not.toContain('@EXAMPLE.COM');
    client.socket.destroy();
  });

  test('a cursor that ended with its transaction leaves its name to the next', async () => {
    const client = await openRawClient(world.port);
    await client.say(encodeQuery('BEGIN'));
    await client.say(encodeQuery('DECLARE c CURSOR FOR SELECT upper(name) FROM users'));
    await client.say(encodeQuery('ROLLBACK'));
    await client.say(encodeQuery('BEGIN'));
    await client.say(
      encodeParse('s', 'SELECT upper(email) FROM users'),
      encodeBind('c', 's'),
      encodeDescribe('P', 'c'),
      encodeExecute('c', 1),
      encodeSync(),
    );
    const lines = await client.say(encodeQuery('FETCH ALL FROM c'));
    expect(shown(lines)).not.toContain('@EXAMPLE.COM');
    client.socket.destroy();
  });
});

describe('one pipeline, one transaction', () => {
  const execute = (text: string) => [
    encodeParse('', text),
    encodeBind('', ''),
    encodeDescribe('P', ''),
    encodeExecute(''),
  ];

  test('a view that was replaced in it is followed to its new columns', async () => {
    await server.sql('CREATE VIEW public.people AS SELECT id, name FROM users; ALTER VIEW people OWNER TO app');
    const client = await openRawClient(world.port);
    expect(await client.say(encodeQuery('SELECT upper(name) FROM people'))).toContain('D USER 1');
    const lines = await client.say(
      ...execute('CREATE OR REPLACE VIEW people AS SELECT id, email AS name FROM users'),
      ...execute('SELECT upper(name) FROM people'),
      encodeSync(),
    );
    expect(lines).toContain('C CREATE VIEW');
    expect(lines.join()).not.toContain('@EXAMPLE.COM');
    client.socket.destroy();
  });

  test('what a pipeline changed and then undid does not count behind it', async () => {
    await server.sql(
      "CREATE SCHEMA clear; CREATE TABLE clear.contacts (name text); INSERT INTO clear.contacts VALUES ('clear'); GRANT USAGE ON SCHEMA clear TO app; GRANT SELECT ON clear.contacts TO app; CREATE VIEW public.contacts AS SELECT email AS name FROM users; GRANT SELECT ON public.contacts TO app",
    );
    const client = await openRawClient(world.port);
    await client.say(encodeQuery('SELECT upper(name) FROM contacts'));
    const undone = [
      ...execute('SET search_path = clear'),
      ...execute('SELECT upper(name) FROM contacts'),
      ...execute('SELECT 1/0'),
      encodeSync(),
    ];
    // The next statement comes in the same packet, before the server has said that the pipeline failed.
    const lines = await client.say(...undone, encodeQuery('SELECT upper(name) FROM contacts'));
    lines.push(...(await client.say(encodeQuery('SELECT upper(name) FROM contacts'))));
    expect(lines.join()).toContain('22012');
    expect(lines).toContain('C SELECT 3');
    expect(lines.join()).not.toContain('@EXAMPLE.COM');
    const replaced = [
      ...execute('CREATE OR REPLACE VIEW people AS SELECT id, name FROM users'),
      ...execute('SELECT upper(name) FROM people'),
      ...execute('SELECT 1/0'),
      encodeSync(),
    ];
    await client.say(encodeQuery('CREATE OR REPLACE VIEW people AS SELECT id, email AS name FROM users'));
    expect(await client.say(...replaced)).toContain('D USER 1');
    expect((await client.say(encodeQuery('SELECT upper(name) FROM people'))).join()).not.toContain('@EXAMPLE.COM');
    client.socket.destroy();
  });

  test('what comes behind the end of a failed transaction is judged as it will be then', async () => {
    const client = await openRawClient(world.port);
    await client.say(encodeQuery('BEGIN'));
    await client.say(encodeQuery('SET search_path = clear'));
    expect(await client.say(encodeQuery('SELECT upper(name) FROM contacts'))).toContain('D CLEAR');
    await client.say(encodeQuery('SELECT 1/0'));
    const lines = await client.say(encodeQuery('ROLLBACK'), encodeQuery('SELECT upper(name) FROM contacts'));
    lines.push(...(await client.say(encodeQuery('SELECT 1'))));
    expect(lines).toContain('C ROLLBACK');
    expect(lines.join()).not.toContain('@EXAMPLE.COM');
    client.socket.destroy();
  });

  test('a failed transaction that changed something ends by the extended protocol, too', async () => {
    const { client } = await connect();
    await client.query('BEGIN');
    await client.query('CREATE TABLE half (id int)');
    await refusal(client.query('SELECT 1/0'));
    await client.query({ text: 'ROLLBACK', values: [], name: 'back' });
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test('a search path that was set in it counts for what follows', async () => {
    await server.sql(
      'CREATE SCHEMA mix; CREATE VIEW mix.people AS SELECT id, email AS name FROM public.users; GRANT USAGE ON SCHEMA mix TO app; GRANT SELECT ON mix.people TO app',
    );
    const client = await openRawClient(world.port);
    await client.say(encodeQuery('SELECT upper(name) FROM people'));
    const lines = await client.say(
      ...execute('SET search_path = mix'),
      ...execute('SELECT upper(name) FROM people'),
      encodeSync(),
    );
    expect(lines).toContain('C SET');
    expect(lines.join()).not.toContain('@EXAMPLE.COM');
    client.socket.destroy();
  });
});

describe('approvals', () => {
  test('a statement waits, tells so, and runs once somebody approved', async () => {
    const { client, channel } = await connect();
    const notices: string[] = [];
    client.on('notice', (notice) => void notices.push(notice.message ?? ''));
    const answer = client.query('UPDATE payments SET amount = amount + 1 WHERE id = 1');
    const ask = await channel.asked();
    expect(ask).toMatchObject({
      mode: 'wait',
      rule: 'second-person',
      approvers: ['leads'],
      database: 'postgres',
      tables: ['public.payments'],
    });
    channel.decide({ state: 'pending' });
    await channel.event((event) => event['code'] === 'approval-asked');
    channel.decide({ state: 'approved' });
    expect((await answer).rowCount).toBe(1);
    expect(notices.join()).toContain('req-1');
    expect(channel.events).toContainEqual(
      expect.objectContaining({ event: 'statement', approval: { requestId: 'req-1', state: 'approved', by: 'bob' } }),
    );
  });

  test('a program is refused with the request’s id', async () => {
    const { client, channel } = await connect('nightly-job');
    const answer = refusal(client.query('UPDATE payments SET amount = 0 WHERE id = 1'));
    expect((await channel.asked()).mode).toBe('retry');
    channel.decide({ state: 'pending' });
    expect(await answer).toMatchObject({ message: expect.stringContaining('req-1') });
  });

  test('a table that was replaced meanwhile is not what was approved', async () => {
    const { client, channel } = await connect();
    const answer = refusal(client.query('UPDATE payments SET amount = 0 WHERE id = 1'));
    await channel.asked();
    await server.sql(
      'ALTER TABLE payments RENAME TO payments_old; CREATE TABLE payments (id int, amount int); GRANT ALL ON payments TO app',
    );
    // A change past Weir is noticed when the shared catalog is confirmed again.
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    channel.decide({ state: 'approved' });
    expect(await answer).toMatchObject({ message: expect.stringContaining('something else than what was approved') });
  });

  test('a cancel withdraws it', async () => {
    const { client, channel } = await connect();
    const answer = refusal(client.query('UPDATE payments SET amount = 0 WHERE id = 1'));
    await channel.asked();
    channel.lane.send(frameKind.cancel, Buffer.alloc(0));
    expect(await answer).toMatchObject({ code: '57014' });
    expect(channel.withdrawn).toEqual([1]);
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});

describe('cancels and ends', () => {
  const running = async (marker: string) => {
    for (;;) {
      const rows = await server.sql(
        `SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%${marker}%' AND usename = 'app'`,
      );
      if (rows.length > 0) return rows[0]?.['pid'] as number;
    }
  };
  const stopped = async (pid: number) => {
    while ((await server.sql(`SELECT FROM pg_stat_activity WHERE pid = ${pid} AND state = 'active'`)).length > 0);
  };

  test('a cancel stops what runs', async () => {
    const { client, channel } = await connect();
    const answer = refusal(client.query('SELECT pg_sleep(600) /* cancel-me */'));
    await running('cancel-me');
    channel.lane.send(frameKind.cancel, Buffer.alloc(0));
    expect(await answer).toMatchObject({ code: '57014' });
    expect(channel.events).toContainEqual(expect.objectContaining({ event: 'note', code: 'cancelled' }));
  });

  test('a kill ends the client with a reason, and what runs at the server', async () => {
    const { client, ended } = await connect();
    const answer = refusal(client.query('SELECT pg_sleep(600) /* kill-me */'));
    const pid = await running('kill-me');
    world.runtime.kill('ses_1', 'access was withdrawn');
    expect(await answer).toMatchObject({ code: '57P01', message: 'access was withdrawn' });
    await ended;
    await stopped(pid);
    expect(world.runtime.channelCount).toBe(0);
  });

  test('a new plan counts for statements that were prepared before', async () => {
    world.policy = withoutRules;
    const { client } = await connect();
    const named = { name: 'all', text: 'SELECT upper(email) AS e FROM users ORDER BY id' };
    expect((await client.query(named)).rows[0]).toEqual({ e: 'USER1@EXAMPLE.COM' });
    world.runtime.replacePlan('ses_1', Buffer.from(JSON.stringify(planOf(policy))));
    expect(JSON.stringify((await client.query(named)).rows)).not.toContain('@EXAMPLE.COM');
    expect(await refusal(client.query('DELETE FROM users'))).toMatchObject({ code: '42501' });
  });

  test('a plan that is not understood is not taken', () => {
    expect(() => world.runtime.replacePlan('ses_1', Buffer.from('{"format":99}'))).toThrow(/plan is not understood/);
  });

  test('a target that ends the connection ends the client’s', async () => {
    const { client, ended, channel } = await connect();
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    await server.sql(`SELECT pg_terminate_backend(${rows[0].pid})`);
    expect(await ended).not.toBeNull();
    expect(await channel.event((event) => event.event === 'channel-closed')).toMatchObject({
      reason: expect.stringMatching(/terminating connection/),
    });
  });

  test('a client that goes leaves nothing behind', async () => {
    const { client, channel } = await connect();
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    await client.end();
    await channel.ended;
    expect(channel.events.at(-1)).toMatchObject({ event: 'channel-closed' });
    expect(world.runtime.channelCount).toBe(0);
    while ((await server.sql(`SELECT FROM pg_stat_activity WHERE pid = ${rows[0].pid}`)).length > 0);
  });

  test('a gateway that resets the channel leaves nothing behind', async () => {
    const { client, channel } = await connect();
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    channel.lane.reset();
    while ((await server.sql(`SELECT FROM pg_stat_activity WHERE pid = ${rows[0].pid}`)).length > 0);
    expect(world.runtime.channelCount).toBe(0);
  });
});

describe('channels that cannot begin', () => {
  test('a target that refuses the sign-in', async () => {
    world.target = server.target({ password: { from: 'env', name: 'wrong' } });
    expect(await refusal(connect())).toMatchObject({
      code: '28P01',
      message: expect.stringContaining('the target refused'),
    });
    expect(world.runtime.channelCount).toBe(0);
  });

  test('a target that is not there', async () => {
    world.target = server.target({ port: 1 });
    expect(await refusal(connect())).toMatchObject({ message: expect.stringContaining('cannot be reached') });
  });

  test('a plan that is not understood', () => {
    const channel = world.lane.gateway;
    const faults: unknown[] = [];
    return new Promise<void>((resolve) => {
      channel.open(Buffer.from(JSON.stringify({ sessionId: 's', target: server.target(), plan: { format: 99 } })), {
        ...{
          onData: () => undefined,
          onFrame: () => undefined,
          onWritable: () => undefined,
          onHalfClose: () => undefined,
        },
        onReset(fault) {
          faults.push(fault);
          resolve();
        },
      });
    }).then(() => expect(faults).toMatchObject([{ code: 'policy_invalid' }]));
  });

  test('a client that gives up during the dial', async () => {
    const { createServer } = await import('node:net');
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    world.target = server.target({ port: (silent.address() as { port: number }).port });
    const pending = connect().catch(() => undefined);
    while (world.runtime.channelCount === 0) await new Promise((resolve) => setImmediate(resolve));
    const channel = world.channels.at(-1);
    channel?.lane.halfClose();
    await channel?.ended;
    expect(world.runtime.channelCount).toBe(0);
    await pending;
    silent.close();
  });

  test('a test of the connection says how far it gets', async () => {
    const test = (target: object) => world.runtime.test(Buffer.from(JSON.stringify(target)));
    const good = await test(server.target({ password: { from: 'env', name: 'right' } }));
    expect(good).toMatchObject({ ok: true });
    expect(good.steps.map(({ name }) => name)).toEqual(['credential', 'connect', 'tls', 'sign-in', 'server']);
    const bad = await test(server.target({ password: { from: 'env', name: 'wrong' } }));
    expect(bad.ok).toBe(false);
    expect(bad.steps.at(-1)).toMatchObject({ name: 'sign-in', ok: false });
  });
});
