import { Duplex } from 'node:stream';
import { createSecureContext } from 'node:tls';
import {
  createUpstreamLogin,
  encodeCancelRequest,
  encodeNegotiateProtocolVersion,
  encodeQuery,
  encodeSslRequest,
  encodeStartupMessage,
  makeScramVerifier,
} from '@weir/wire-postgres';
import { describe, expect, test } from 'vitest';
import type { ControlPlane, LiveSession } from '../src/dataplane/ports.ts';
import { createCancelKeys } from '../src/dataplane/postgres/cancel-keys.ts';
import { type AdmittedClient, createPostgresDoor } from '../src/dataplane/postgres/postgres-door.ts';

const session: LiveSession = {
  ...{ id: 'ses_1', agentName: 'local', plan: {}, via: 'native', expiresAtMs: Number.MAX_SAFE_INTEGER },
  principal: { id: 'p1', name: 'alice', kind: 'person', groups: [] },
  connection: { name: 'orders', protocol: 'postgres', labels: {} },
  target: {
    ...{ protocol: 'postgres', host: 'db', port: 5432, database: 'shop', user: 'app' },
    ...{ password: { from: 'none' }, tls: { mode: 'prefer' } },
  },
  verifier: makeScramVerifier('right', Buffer.alloc(16, 3), 4096),
};

/** A client's two directions in memory, with the address of a socket. */
class MemoryStream extends Duplex {
  readonly said: Buffer[] = [];
  remoteAddress = '127.0.0.1';
  setNoDelay(): this {
    return this;
  }
  override _read(): void {
    // The test pushes.
  }
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.said.push(chunk);
    this.emit('said');
    done();
  }
  constructor() {
    super();
    this.once('finish', () => this.emit('said'));
  }
  get text(): string {
    return Buffer.concat(this.said).toString('latin1');
  }
}

function createWorld() {
  const world: { current: LiveSession | null } = { current: session };
  const admitted: AdmittedClient[] = [];
  const refused: Parameters<ControlPlane['refused']>[0][] = [];
  const cancelKeys = createCancelKeys();
  const controlPlane = {
    findByLogin: (user: string) => (user === 'ses_1' ? session : null),
    current: () => world.current,
    refused: (event: (typeof refused)[number]) => void refused.push(event),
  } as unknown as ControlPlane;
  const door = createPostgresDoor({
    ...{ controlPlane, cancelKeys, requireTls: true },
    secureContext: () => createSecureContext({}),
    admit: (client) => void admitted.push(client),
  });
  const visit = (address = '127.0.0.1') => {
    const stream = new MemoryStream();
    stream.remoteAddress = address;
    door.native(stream as never);
    return stream;
  };
  return { world, admitted, refused, cancelKeys, door, visit };
}

const until = async (stream: MemoryStream, isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise<void>((resolve) => stream.once('said', resolve));
};

/** Goes the whole way of a sign-in, `cut` bytes at a time. @returns what the door said last. */
async function signIn(
  stream: MemoryStream,
  user: string,
  password: string,
  options: { parameters?: Record<string, string>; cut?: number; early?: Buffer; minor?: number } = {},
) {
  const { parameters = { database: 'shop' }, cut = 65_536, early, minor = 0 } = options;
  const login = createUpstreamLogin({ user, database: 'shop', password, parameters: {}, nonce: 'fixed-nonce' });
  const send = async (bytes: Buffer) => {
    for (let at = 0; at < bytes.length; at += cut) {
      stream.push(bytes.subarray(at, at + cut));
      if (cut < bytes.length) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  login.start();
  await send(encodeStartupMessage({ user, ...parameters }, minor));
  let seen = 0;
  for (;;) {
    await until(stream, () => stream.said.length > seen || stream.writableFinished);
    if (seen >= stream.said.length) return stream.said.at(-1)?.toString('latin1') ?? '';
    const bytes = stream.said[seen++] as Buffer;
    // Negotiation of the protocol's version is the client's affair.
    if (bytes[0] === 0x76) continue;
    if (bytes[0] === 0x45) return bytes.toString('latin1');
    const step = login.receive(bytes);
    if (step.kind !== 'need-more' || step.send === null) return bytes.toString('latin1');
    await send(seen === 2 && early ? Buffer.concat([step.send, early]) : step.send);
  }
}

describe('sign-in', () => {
  test.each([65_536, 7, 1])('succeeds when %d bytes come at a time', async (cut) => {
    const { admitted, visit } = createWorld();
    const stream = visit();
    await signIn(stream, 'ses_1', 'right', { cut, parameters: { database: 'shop', application_name: 'psql' } });
    expect(admitted).toMatchObject([
      { session: { id: 'ses_1' }, clientAddress: '127.0.0.1', parameters: { application_name: 'psql' } },
    ]);
    expect(admitted[0]?.parameters).not.toHaveProperty('user');
  });

  test.each([
    ['has ended is not entered', null, []],
    [
      'has other rules is entered under them',
      { ...session, plan: { version: 'new' } },
      [{ session: { plan: { version: 'new' } } }],
    ],
  ])('a session that meanwhile %s', async (_title, current, expected) => {
    const { world, admitted, refused, visit } = createWorld();
    const stream = visit();
    const done = signIn(stream, 'ses_1', 'right');
    await until(stream, () => stream.said.length > 0);
    world.current = current;
    await done;
    await new Promise((resolve) => setImmediate(resolve));
    expect(admitted).toMatchObject(expected);
    expect(admitted).toHaveLength(expected.length);
    expect(refused.map(({ code }) => code)).toEqual(current === null ? ['session_ended'] : []);
  });

  test('bytes behind the password are kept for the channel', async () => {
    const { admitted, visit } = createWorld();
    await signIn(visit(), 'ses_1', 'right', { early: encodeQuery('SELECT 1') });
    expect(admitted[0]?.early).toEqual(encodeQuery('SELECT 1'));
  });

  test('a wrong user and a wrong password get the same exchange', async () => {
    const { refused, admitted, visit } = createWorld();
    const [wrongPassword, wrongUser] = [visit(), visit()];
    const errors = [await signIn(wrongPassword, 'ses_1', 'wrong'), await signIn(wrongUser, 'ses_2', 'wrong')];
    expect(errors[0]).toBe(errors[1]);
    expect(errors[0]).toContain('28P01');
    const shape = (stream: MemoryStream) => stream.said.map((bytes) => [bytes[0], bytes.length]);
    expect(shape(wrongUser)).toEqual(shape(wrongPassword));
    expect(admitted).toEqual([]);
    expect(refused.map(({ what, code }) => [what, code])).toEqual([
      ['sign-in', 'wrong_password'],
      ['sign-in', 'wrong_password'],
    ]);
  });

  test('an unknown user gets the same salt each time', async () => {
    const { visit } = createWorld();
    const salt = async () => {
      const stream = visit();
      await signIn(stream, 'ses_2', 'x');
      return /s=([^,]+)/.exec(stream.text)?.[1];
    };
    expect(await salt()).toBe(await salt());
  });

  test.each([
    ['the target’s database', { database: 'shop' }, null],
    ['the connection’s name', { database: 'orders' }, null],
    ['another database', { database: 'other' }, '3D000'],
    ['no database, which means the user’s name', {}, '3D000'],
    ['another encoding', { database: 'shop', client_encoding: 'LATIN1' }, ''],
    ['another role by options', { database: 'shop', options: '-c role=postgres' }, ''],
    ['a preloaded library', { database: 'shop', local_preload_libraries: 'x' }, ''],
    ['replication', { database: 'shop', replication: 'database' }, ''],
  ])('%s', async (_what, parameters, code) => {
    const { admitted, visit } = createWorld();
    const stream = visit();
    const last = await signIn(stream, 'ses_1', 'right', { parameters: parameters as Record<string, string> });
    if (code === null) {
      expect(admitted).toHaveLength(1);
      return;
    }
    await until(stream, () => stream.writableFinished);
    expect(admitted).toEqual([]);
    expect(stream.text.slice(stream.text.lastIndexOf('E\0'))).toMatch(/SFATAL/);
    expect(last).toBeTruthy();
  });

  test.each([
    ['3.0', 0, {}, null, 0],
    ['3.2', 2, {}, null, 2],
    ['3.1, which no server knows and none refuses', 1, {}, null, 1],
    ['3.3', 3, {}, 2, 2],
    ['3.9999', 9999, {}, 2, 2],
    ['3.0 with options', 0, { '_pq_.future': 'x', '_pq_.other': 'y' }, 0, 0],
    ['3.2 with an option', 2, { '_pq_.future': 'x' }, 2, 2],
    ['3.9999 with an option', 9999, { '_pq_.test_protocol_negotiation': '' }, 2, 2],
  ])('protocol %s', async (_what, minor, options, negotiated, spoken) => {
    const { admitted, visit } = createWorld();
    const stream = visit();
    const parameters = { user: 'ses_1', database: 'shop', ...options };
    await signIn(stream, 'ses_1', 'right', { parameters, minor });
    const expected = negotiated === null ? null : encodeNegotiateProtocolVersion(negotiated, Object.keys(options));
    expect(stream.said[0]?.[0] === 0x76 ? stream.said[0] : null).toEqual(expected);
    expect(admitted).toMatchObject([{ minor: spoken }]);
  });

  test('a client elsewhere must use TLS', async () => {
    const { admitted, refused, visit } = createWorld();
    const stream = visit('203.0.113.9');
    stream.push(encodeStartupMessage({ user: 'ses_1', database: 'shop' }));
    await until(stream, () => stream.writableFinished);
    expect(stream.text).toContain('sslmode');
    expect(stream.text).not.toContain('SCRAM');
    expect(refused).toMatchObject([{ code: 'sign_in_required', clientAddress: '203.0.113.9' }]);
    expect(admitted).toEqual([]);
  });
});

describe('first messages', () => {
  const int32 = (...values: number[]) => {
    const bytes = Buffer.alloc(values.length * 4);
    values.forEach((value, i) => {
      bytes.writeInt32BE(value, i * 4);
    });
    return bytes;
  };
  const gssencRequest = int32(8, (1234 << 16) | 5680);
  test.each<[string, Buffer]>([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['SSH', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')],
    ['a length of 2 GB', int32(0x7fff_ffff, 3 << 16)],
    ['a negative length', int32(-1, 3 << 16)],
    ['a length of 0', int32(0, 0)],
    ['protocol 2', int32(16, 2 << 16, 0, 0)],
    ['zeros', Buffer.alloc(64)],
    ['a startup without end', Buffer.concat([int32(20, 3 << 16), Buffer.from('user\0alice\0x')])],
    ['TLS request with bytes behind it', Buffer.concat([encodeSslRequest(), encodeQuery('SELECT 1')])],
    ['GSS request with bytes behind it', Buffer.concat([gssencRequest, encodeQuery('SELECT 1')])],
    [
      'GSS request with the start-up behind it',
      Buffer.concat([gssencRequest, encodeStartupMessage({ user: 'ses_1' })]),
    ],
    ['more than a start-up may be', Buffer.concat([int32(30_000, 3 << 16), Buffer.alloc(29_992, 0x61)])],
  ])('%s is refused with a FATAL error, and the connection ends', async (_what, bytes) => {
    const { admitted, refused, visit } = createWorld();
    const stream = visit();
    stream.push(bytes);
    await until(stream, () => stream.writableFinished);
    expect(stream.text).toContain('SFATAL');
    expect(stream.text).not.toContain('SCRAM');
    expect(admitted).toEqual([]);
    expect(refused).toHaveLength(1);
    // What comes afterwards is read and thrown away, so that the client's own end is seen.
    stream.push(Buffer.from('more'));
    stream.push(null);
    await new Promise((resolve) => stream.once('close', resolve));
  });

  test('encryption by GSS is declined and the way goes on', async () => {
    const { admitted, visit } = createWorld();
    const stream = visit();
    stream.push(gssencRequest);
    await until(stream, () => stream.text === 'N');
    stream.said.length = 0;
    await signIn(stream, 'ses_1', 'right');
    expect(admitted).toHaveLength(1);
  });

  const sslRequest = encodeSslRequest();
  test.each<[string, Buffer[], boolean]>([
    ['GSS, then TLS', [gssencRequest, sslRequest], true],
    ['TLS, then GSS', [sslRequest, gssencRequest], true],
    ['GSS twice', [gssencRequest, gssencRequest], false],
    ['TLS twice', [sslRequest, sslRequest], false],
    ['GSS, TLS, GSS', [gssencRequest, sslRequest, gssencRequest], false],
    ['TLS, then a hello', [sslRequest, Buffer.from([0x16, 3, 1, 2, 0])], false],
    ['a hello', [Buffer.from([0x16, 3, 1, 2, 0])], false],
  ])('requests for encryption on a stream of weir connect: %s', async (_what, requests, isWelcome) => {
    const { admitted, door } = createWorld();
    const stream = new MemoryStream();
    door.connected(session, stream, '198.51.100.7');
    for (const [i, request] of requests.entries()) {
      stream.push(request);
      await until(stream, () => stream.text.length > i || stream.writableFinished);
    }
    if (!isWelcome) {
      await until(stream, () => stream.writableFinished);
      expect(stream.text).toMatch(/^N*E.*SFATAL/s);
      return;
    }
    expect(stream.text).toBe('NN');
    stream.said.length = 0;
    await signIn(stream, 'whoever', 'right');
    expect(admitted).toHaveLength(1);
  });

  test('a stream of weir connect declines TLS: it is encrypted already, and its session is fixed', async () => {
    const { admitted, door } = createWorld();
    const stream = new MemoryStream();
    door.connected(session, stream, '198.51.100.7');
    stream.push(encodeSslRequest());
    await until(stream, () => stream.text === 'N');
    stream.said.length = 0;
    await signIn(stream, 'whoever', 'right');
    expect(admitted).toMatchObject([{ clientAddress: '198.51.100.7' }]);
    const other = new MemoryStream();
    door.connected(session, other, '198.51.100.7');
    expect(await signIn(other, 'whoever', 'wrong')).toContain('28P01');
  });

  test('a client that goes before it has signed in is noted', async () => {
    const { refused, visit } = createWorld();
    const stream = visit();
    stream.push(encodeStartupMessage({ user: 'ses_1' }).subarray(0, 9));
    stream.push(null);
    await until(stream, () => stream.writableFinished);
    expect(refused).toMatchObject([{ code: 'protocol_violation' }]);
  });
});

describe('cancels', () => {
  test.each([
    ['the right key', 0, 0, 1],
    ['a wrong key', 0, 1, 0],
    ['the right key of protocol 3.2', 2, 0, 1],
    ['a wrong key of protocol 3.2', 2, 1, 0],
  ])('%s', async (_what, minor, flip, expected) => {
    const { cancelKeys, visit } = createWorld();
    let count = 0;
    const key = cancelKeys.issue(minor, () => {
      count += 1;
    });
    const stream = visit();
    const given = Buffer.from(key.secretKey);
    given[0] = (given[0] as number) ^ flip;
    stream.push(encodeCancelRequest(key.processId, given));
    await until(stream, () => stream.writableFinished);
    // The answer is the same: none.
    expect(stream.text).toBe('');
    expect(count).toBe(expected);
  });
});
