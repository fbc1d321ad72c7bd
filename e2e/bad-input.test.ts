import { connect, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { driverOptions } from './fixture/drivers.ts';
import { type System, startSystem } from './fixture/system.ts';
import { waitFor } from './fixture/wait.ts';

/** Sends bytes to a port and collects the answer until the other side closes or is silent. */
function talk(port: number, pieces: readonly Buffer[], quietMs = 400): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const answer: Buffer[] = [];
    const socket: Socket = connect({ host: '127.0.0.1', port });
    const done = () => {
      socket.destroy();
      resolve(Buffer.concat(answer));
    };
    let quiet = setTimeout(done, 5_000);
    socket.on('connect', () => {
      for (const piece of pieces) socket.write(piece);
      clearTimeout(quiet);
      quiet = setTimeout(done, quietMs);
    });
    socket.on('data', (chunk) => answer.push(chunk));
    socket.on('close', done);
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? done() : reject(error)));
  });
}

function startupMessage(parameters: Record<string, string>): Buffer {
  const body = Buffer.from(`${Object.entries(parameters).flat().join('\0')}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + body.length, 0);
  head.writeInt32BE(196_608, 4);
  return Buffer.concat([head, body]);
}

describe('bad input', () => {
  let system: System;
  let port: number;
  beforeAll(async () => {
    system = await startSystem({ customers: 50 });
    port = Number(new URL((await system.dsn('alice')).dsn).port);
  });
  afterAll(() => system?.stop());

  const connectWith = async (change: (url: URL) => void) => {
    const url = new URL((await system.dsn('alice')).dsn);
    change(url);
    const client = new pg.Client(driverOptions(system, url.href));
    await client.connect();
    await client.end();
  };
  const stillServes = async () => {
    const client = new pg.Client(driverOptions(system, (await system.dsn('alice')).dsn));
    await client.connect();
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await client.end();
  };
  const audited = (action: RegExp) =>
    waitFor(`an audit event ${action}`, async () =>
      (await (await system.as('admin')).listAuditEvents({ limit: 200 })).find((event) =>
        action.test(JSON.stringify(event)),
      ),
    );

  it('a wrong password is refused in the protocol and audited', async () => {
    await expect(
      connectWith((url) => {
        url.password = 'wrong-password';
      }),
    ).rejects.toMatchObject({ code: '28P01' });
    await expect(
      connectWith((url) => {
        url.username = 'nobody';
      }),
    ).rejects.toMatchObject({ code: '28P01' });
    await audited(/wrong_password/);
    await stillServes();
  });

  it('another database and a forbidden start-up parameter say what is wrong', async () => {
    await expect(
      connectWith((url) => {
        url.pathname = '/postgres';
      }),
    ).rejects.toMatchObject({ code: '3D000', message: expect.stringContaining('postgres') });
    await expect(
      connectWith((url) => {
        url.searchParams.set('options', '-c role=postgres');
      }),
    ).rejects.toMatchObject({ message: expect.stringContaining('role') });
    await stillServes();
  });

  it('an unknown connection is an error of the API', async () => {
    await expect(
      (await system.as('alice')).openSession({ connection: 'nowhere', via: 'native' }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/not_found|not_permitted/) });
  });

  it.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['garbage', Buffer.from('\xff\xfe\xfd\xfc'.repeat(20), 'latin1')],
    ['a length of 1 GB', Buffer.from([0x40, 0, 0, 0, 0, 3, 0, 0])],
    ['a length below its own size', Buffer.from([0, 0, 0, 2, 0, 3, 0, 0])],
    ['protocol 2', Buffer.from([0, 0, 0, 12, 0, 2, 0, 0, 0, 0, 0, 0])],
    ['start-up without end', startupMessage({ user: 'x' }).subarray(0, 11)],
    ['bytes behind SSLRequest', Buffer.from([0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f, 1, 2, 3, 4])],
  ])('%s as first bytes gets an error or the end, and takes nothing down', async (_name, bytes) => {
    const answer = await talk(port, [bytes]);
    if (answer.length > 0 && answer[0] !== 0x53) expect(answer.toString('latin1', 0, 1)).toBe('E');
    await stillServes();
  });

  it('a start-up message cut at every byte harms nobody', async () => {
    const startup = startupMessage({ user: 'alice', database: 'shop' });
    await Promise.all(Array.from({ length: startup.length }, (_, cut) => talk(port, [startup.subarray(0, cut)], 50)));
    await stillServes();
  });

  it('an unparsable statement, NUL and oversize are denied and the connection goes on', async () => {
    const client = new pg.Client(driverOptions(system, (await system.dsn('alice')).dsn));
    await client.connect();
    await expect(client.query('selec 1')).rejects.toMatchObject({ code: '42601', position: '1' });
    await expect(client.query(`select '${'x'.repeat(1_200_000)}'`)).rejects.toMatchObject({
      code: expect.any(String),
      message: expect.stringMatching(/large|long|bytes|limit/i),
    });
    await expect(client.query(`select ${'1+'.repeat(20_000)}1`))
      .rejects.toMatchObject({ code: expect.any(String) })
      .catch(() => undefined);
    expect((await client.query('select 2 as two')).rows).toEqual([{ two: 2 }]);
    await client.end();
    await stillServes();
  });

  it('a policy file with an error names the place', async () => {
    await expect(
      (await system.as('admin')).applyPolicy({ text: 'apiVersion: weir.dev/v1\nkind: Acces\n' }),
    ).rejects.toMatchObject({ code: 'policy_invalid', message: expect.stringMatching(/Access|2:/) });
  });

  it('an unreachable target and a wrong target password are told to the client', async () => {
    const admin = await system.as('admin');
    const { hostname, port: targetPort } = new URL(system.target.adminUrl);
    const spec = { agent: 'demo-agent', labels: { env: 'demo' } };
    const target = {
      protocol: 'postgres',
      host: hostname,
      port: Number(targetPort),
      database: 'shop',
      user: 'shop_app',
      password: { from: 'none' },
      tls: { mode: 'prefer' },
    } as const;
    await admin.putConnection({ name: 'dead', ...spec, target: { ...target, port: 1 } });
    await admin.putConnection({ name: 'no-password', ...spec, target });
    for (const [name, pattern] of [
      ['dead', /cannot be reached|ECONNREFUSED/],
      ['no-password', /password/],
    ] as const) {
      const { dsn } = await system.dsn('alice', name);
      const client = new pg.Client(driverOptions(system, dsn));
      await expect(client.connect()).rejects.toThrow(pattern);
      const test = await admin.testConnection(name);
      expect(test.ok).toBe(false);
    }
    expect((await admin.testConnection('demo-pg')).ok).toBe(true);
    await stillServes();
  });

  it('a target that goes away in the middle of a statement ends that session alone with a clear error', async () => {
    const client = new pg.Client(driverOptions(system, (await system.dsn('alice')).dsn));
    client.on('error', () => undefined);
    await client.connect();
    const running = expect(client.query('select pg_sleep(30)')).rejects.toMatchObject({
      code: expect.stringMatching(/57P01|08006/),
    });
    const admin = new pg.Client(system.directUrl);
    await admin.connect();
    await waitFor('the backend', async () => {
      const { rows } = await admin.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(30)%' and application_name like 'weir:%'",
      );
      return rows.length > 0 ? true : undefined;
    });
    await admin.end();
    await running;
    await stillServes();
  });
});
