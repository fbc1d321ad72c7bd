import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { PostgresTarget } from '@weir/proto';
import { createTemporaryFolder } from '@weir/testkit';
import { encodeErrorResponse, encodeQuery } from '@weir/wire-postgres';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type DialOptions, dialPostgres, TargetRefusal } from '../src/targets/postgres.ts';
import { createServerCertificate, type ServerCertificate } from './fixture/server-certificate.ts';
import { startTargetServer, type TargetServer } from './fixture/target-server.ts';
import { createMiddle } from './fixture/tls-middle.ts';

const folder = createTemporaryFolder('weir-dial');
let server: TargetServer;
let certificate: ServerCertificate;
const caFile = join(folder.path, 'ca.pem');
const otherCaFile = join(folder.path, 'other-ca.pem');

beforeAll(async () => {
  server = await startTargetServer();
  await server.sql("CREATE ROLE app LOGIN PASSWORD 'right'; CREATE ROLE old LOGIN");
  await server.sql("SET password_encryption = md5; ALTER ROLE old PASSWORD 'right'");
  certificate = await createServerCertificate([{ type: 'dns', value: 'localhost' }]);
  writeFileSync(caFile, certificate.ca);
  writeFileSync(otherCaFile, (await createServerCertificate([])).ca);
});
afterAll(async () => {
  await server.stop();
  folder.remove();
});

/** Dials, asks the server one question about the connection, and hangs up. */
async function dial(more: Partial<PostgresTarget> = {}, options: Partial<DialOptions> = {}) {
  const steps: string[] = [];
  const dialled = await dialPostgres(server.target(more), {
    ...{ password: 'right', parameters: { application_name: 'weir:alice' }, timeoutMs: 10_000 },
    onStep: ({ name, ok }) => void steps.push(`${name} ${ok}`),
    ...options,
  });
  const answer = await new Promise<string>((resolve) => {
    let text = '';
    dialled.socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
      if (text.includes('Z\0\0\0\x05')) resolve(text);
    });
    dialled.socket.resume();
    dialled.socket.write(
      encodeQuery(
        "SELECT application_name || '/' || current_setting('client_encoding') || '/' || ssl FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE pid = pg_backend_pid()",
      ),
    );
  });
  dialled.socket.destroy();
  return { ...dialled, steps, answer };
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: Error & { code?: string; fields?: Record<string, string> }) => error,
  );

describe('sign-in without TLS', () => {
  test.each([
    ['trust', 'app', null],
    ['scram-sha-256', 'app', 'right'],
    ['md5', 'old', 'right'],
    ['md5', 'app', 'right'],
  ])('%s as %s', async (method, user, password) => {
    await server.setRules([`host all all all ${method}`]);
    const { ready, isEncrypted, steps, answer } = await dial({ user }, { password });
    expect(ready).toMatchObject({ kind: 'ready', status: 'I' });
    expect(ready.parameterStatus.get('server_version')).toMatch(/^18/);
    expect(isEncrypted).toBe(false);
    expect(steps).toEqual(['connect true', 'tls true', 'sign-in true']);
    expect(answer).toContain('weir:alice/UTF8/false');
  });

  test('the password is not sent in clear', async () => {
    await server.setRules(['host all all all password']);
    const error = await failure(dial());
    expect(error).toBeInstanceOf(TargetRefusal);
    expect(error.message).toMatch(/clear text/);
  });

  test.each([
    ['a wrong password', { user: 'app' }, { password: 'wrong' }, '28P01'],
    ['no password', { user: 'app' }, { password: null }, '08001'],
    ['an unknown user', { user: 'nobody' }, {}, '28P01'],
    ['an unknown database', { database: 'nowhere' }, {}, '3D000'],
  ])('%s is the target’s own refusal', async (_what, target, options, code) => {
    await server.setRules(['host all all all scram-sha-256']);
    const steps: string[] = [];
    const error = await failure(
      dial(target, { ...options, onStep: ({ name, ok }) => void steps.push(`${name} ${ok}`) }),
    );
    expect(error).toBeInstanceOf(TargetRefusal);
    expect(error.fields?.['C']).toBe(code);
    expect(JSON.stringify(error.fields)).not.toContain('wrong');
    expect(steps).toEqual(['connect true', 'tls true', 'sign-in false']);
  });

  test('a server without TLS: prefer goes on, require does not', async () => {
    await server.setRules(['host all all all scram-sha-256']);
    expect((await dial({ tls: { mode: 'prefer' } })).isEncrypted).toBe(false);
    const error = await failure(dial({ tls: { mode: 'require' } }));
    expect(error).toMatchObject({ code: 'target_unavailable', message: expect.stringContaining('does not offer TLS') });
  });
});

describe('with TLS', () => {
  beforeAll(() => server.setCertificate(certificate));

  test.each<[string, PostgresTarget['tls'], string]>([
    ['prefer', { mode: 'prefer' }, '127.0.0.1'],
    ['require, whatever the certificate says', { mode: 'require' }, '127.0.0.1'],
    ['verify-ca, whatever the name', { mode: 'verify-ca', caFile }, '127.0.0.1'],
    ['verify-full', { mode: 'verify-full', caFile }, 'localhost'],
  ])('%s', async (_what, tls, host) => {
    // The password must come by SCRAM with channel binding or not at all: a connection without TLS has no line here.
    await server.setRules(['hostssl all all all scram-sha-256']);
    const { isEncrypted, answer } = await dial({ tls, host });
    expect(isEncrypted).toBe(true);
    expect(answer).toContain('/true');
  });

  test.each<[string, PostgresTarget['tls'], string]>([
    ['verify-ca with another authority', { mode: 'verify-ca', caFile: otherCaFile }, 'localhost'],
    ['verify-ca with the system’s authorities', { mode: 'verify-ca' }, 'localhost'],
    ['verify-full with another authority', { mode: 'verify-full', caFile: otherCaFile }, 'localhost'],
    ['verify-full under another name', { mode: 'verify-full', caFile }, '127.0.0.1'],
    [
      'verify-full with a CA file that is not there',
      { mode: 'verify-full', caFile: join(folder.path, 'none') },
      'localhost',
    ],
  ])('%s fails before anything is said', async (_what, tls, host) => {
    const steps: string[] = [];
    const error = await failure(dial({ tls, host }, { onStep: ({ name, ok }) => void steps.push(`${name} ${ok}`) }));
    expect(error).toMatchObject({ code: 'target_unavailable' });
    expect(steps).toEqual(['connect true', 'tls false']);
  });

  test.each(['password', 'md5', 'scram-sha-256', 'trust'])('%s under TLS', async (method) => {
    await server.setRules([`hostssl all all all ${method}`]);
    expect((await dial({ tls: { mode: 'require' } })).ready.kind).toBe('ready');
  });

  test.each(['SHA-256', 'SHA-384'] as const)(
    'SCRAM-SHA-256-PLUS binds to a certificate signed with %s',
    async (hash) => {
      await server.setCertificate(await createServerCertificate([{ type: 'dns', value: 'localhost' }], hash));
      await server.setRules(['hostssl all all all scram-sha-256']);
      expect((await dial({ tls: { mode: 'require' } })).ready.kind).toBe('ready');
      await server.setCertificate(certificate);
    },
  );

  test('a peer in the middle with another certificate learns nothing and gets nowhere', async () => {
    await server.setRules(['hostssl all all all scram-sha-256']);
    const middle = await createMiddle(server.port, await createServerCertificate([]));
    const error = await failure(dial({ port: middle.port, tls: { mode: 'require' } }));
    await middle.close();
    expect(error).toBeInstanceOf(TargetRefusal);
    expect(error.message).toMatch(/channel binding/i);
  });
});

test('a peer that refuses protocol 3.2 is asked for 3.0 on another connection', async () => {
  await server.setRules(['host all all all scram-sha-256']);
  const asked: number[] = [];
  const old = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (startup: Buffer) => {
      const minor = startup.readInt32BE(4) & 0xffff;
      asked.push(minor);
      const M = 'unsupported frontend protocol 3.2: server supports 2.0 to 3.0';
      if (minor > 0) return socket.end(encodeErrorResponse({ S: 'FATAL', C: '0A000', M }));
      const upstream = connect(server.port, '127.0.0.1');
      upstream.on('error', () => socket.destroy());
      upstream.write(startup);
      socket.pipe(upstream).pipe(socket);
    });
  });
  await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve));
  const port = (old.address() as AddressInfo).port;
  const { ready, steps } = await dial({ port, tls: { mode: 'disable' } });
  expect(ready).toMatchObject({ kind: 'ready', minor: 0 });
  expect(ready.secretKey).toHaveLength(4);
  expect(steps).toEqual(['connect true', 'tls true', 'sign-in true']);
  expect(asked).toEqual([2, 0]);
  old.close();
});

describe('peers that are no PostgreSQL', () => {
  let listener: Server;
  const sockets = new Set<Socket>();
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  async function peer(behave: (socket: Socket, chunk: Buffer | null) => void): Promise<number> {
    listener = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      behave(socket, null);
      socket.on('data', (chunk: Buffer) => behave(socket, chunk));
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return (listener.address() as AddressInfo).port;
  }
  const onFirstBytes = (answer: (socket: Socket) => void) => (socket: Socket, chunk: Buffer | null) => {
    if (chunk !== null) answer(socket);
  };

  test.each<[string, PostgresTarget['tls']['mode'], (socket: Socket, chunk: Buffer | null) => void, RegExp]>([
    ['answers HTTP', 'disable', onFirstBytes((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')), /./],
    [
      'answers the TLS request with HTTP',
      'require',
      onFirstBytes((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
      /something else/,
    ],
    ['says more behind S', 'require', onFirstBytes((socket) => socket.write('Sxx')), /something else/],
    [
      'greets first, as MySQL and SSH do',
      'require',
      (socket) => void socket.write('SSH-2.0-OpenSSH_9.2\r\n'),
      /something else/,
    ],
    ['closes at once', 'disable', (socket) => socket.destroy(), /closed|ECONNRESET|EPIPE/],
    ['closes at the TLS request', 'prefer', onFirstBytes((socket) => socket.destroy()), /closed|ECONNRESET/],
    ['resets at the TLS request', 'require', onFirstBytes((socket) => socket.resetAndDestroy()), /closed|ECONNRESET/],
    ['says S and closes', 'require', onFirstBytes((socket) => socket.end('S')), /TLS failed|closed/],
    [
      'says S and resets',
      'require',
      onFirstBytes((socket) => {
        socket.write('S');
        setImmediate(() => socket.resetAndDestroy());
      }),
      /TLS failed|closed|ECONNRESET/,
    ],
    [
      'says S and then nonsense',
      'require',
      (socket, chunk) => void (chunk !== null && socket.write(chunk.length === 8 ? 'S' : 'nonsense')),
      /TLS failed/,
    ],
  ])('one that %s', async (_what, mode, behave, message) => {
    const port = await peer(behave);
    const error = await failure(dial({ port, tls: { mode } }));
    expect(error.message).toMatch(message);
    expect(error instanceof TargetRefusal || error.code === 'target_unavailable').toBe(true);
  });

  test.each<[string, PostgresTarget['tls']['mode'], (socket: Socket, chunk: Buffer | null) => void]>([
    ['without TLS', 'disable', () => undefined],
    ['at the TLS request', 'require', () => undefined],
    ['inside the TLS handshake', 'require', (socket, chunk) => void (chunk?.length === 8 && socket.write('S'))],
  ])('one that is silent %s is given up', async (_what, mode, behave) => {
    const port = await peer(behave);
    const error = await failure(dial({ port, tls: { mode } }, { timeoutMs: 300 }));
    expect(error).toMatchObject({ code: 'target_unavailable', message: expect.stringContaining('300 ms') });
  });

  test('one that resets while the CA file is read', async () => {
    const port = await peer((socket) => socket.resetAndDestroy());
    const error = await failure(dial({ port, tls: { mode: 'verify-ca', caFile } }));
    expect(error).toMatchObject({ code: 'target_unavailable' });
  });

  test('a port where nobody listens', async () => {
    const port = await peer(() => undefined);
    await new Promise((resolve) => listener.close(resolve));
    expect(await failure(dial({ port }))).toMatchObject({
      code: 'target_unavailable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test('a name that nobody has', async () => {
    expect(await failure(dial({ host: 'no-such-host.invalid' }))).toMatchObject({ code: 'target_unavailable' });
  });

  test('a socket path where nothing is', async () => {
    expect(await failure(dial({ host: folder.path }))).toMatchObject({ code: 'target_unavailable' });
  });
});
