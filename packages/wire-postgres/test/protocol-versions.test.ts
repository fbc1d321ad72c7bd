import { connect } from 'node:net';
import { hasPostgres15 } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createUpstreamLogin,
  encodeAuthenticationOk,
  encodeBackendKeyData,
  encodeErrorResponse,
  encodeNegotiateProtocolVersion,
  encodeReadyForQuery,
  encodeStartupMessage,
  encodeTerminate,
  parseFirstMessage,
} from '../src/index.ts';
import { rawMessage } from './backend-messages.ts';
import { type RealServer, startRealServer } from './real-server.ts';

/** Everything that a server says to a start-up, up to ReadyForQuery or its error, message by message. */
function greetingOf(server: RealServer, startup: Buffer): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const messages: Buffer[] = [];
    let rest: Buffer = Buffer.alloc(0);
    const socket = connect(server.socketPath, () => socket.write(startup));
    socket.on('error', reject);
    socket.on('close', () => resolve(messages));
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 5 && rest.length >= 1 + rest.readInt32BE(1)) {
        const message = rest.subarray(0, 1 + rest.readInt32BE(1));
        messages.push(message);
        rest = rest.subarray(message.length);
        if ('ZE'.includes(String.fromCharCode(message[0] as number))) socket.end(encodeTerminate());
      }
    });
  });
}
const startupOf = (minor: number, options: readonly string[]) => {
  const named = Object.fromEntries(options.map((name) => [name, '']));
  return encodeStartupMessage({ user: 'postgres', database: 'postgres', ...named }, minor);
};
const cases: [number, string[]][] = [
  [0, []],
  [0, ['_pq_.future']],
  [1, []],
  [2, []],
  [2, ['_pq_.future', '_pq_.other']],
  [3, []],
  [9999, ['_pq_.test_protocol_negotiation']],
];

describe('PostgreSQL 18', () => {
  let server: RealServer;
  beforeAll(async () => {
    server = await startRealServer();
  });
  afterAll(() => server.stop());

  it.each(cases)('negotiates 3.%d with options %j as this gate does', async (minor, options) => {
    const startup = startupOf(minor, options);
    const messages = await greetingOf(server, startup);
    const parsed = parseFirstMessage(startup);
    if (parsed.kind !== 'startup') throw new Error(parsed.kind);
    const ours = encodeNegotiateProtocolVersion(parsed.spokenMinor, parsed.protocolOptions);
    const negotiation = messages.filter((message) => message[0] === 0x76);
    expect(negotiation).toEqual(parsed.needsNegotiation ? [ours] : []);
    const key = messages.find((message) => message[0] === 0x4b);
    expect(key?.length).toBe(parsed.spokenMinor < 2 ? 13 : 41);
  });
});

lane(
  'postgresql-15',
  hasPostgres15,
  "Debian's PostgreSQL 15 is not installed",
)('PostgreSQL 15', () => {
  let server: RealServer;
  beforeAll(async () => {
    server = await startRealServer({ version: '15' });
  });
  afterAll(() => server.stop());

  it('is asked for 3.2 and spoken to by 3.0', async () => {
    const login = createUpstreamLogin({ user: 'postgres', database: 'postgres', password: null, parameters: {} });
    const messages = await greetingOf(server, login.start());
    expect(messages[0]).toEqual(encodeNegotiateProtocolVersion(0, []));
    const step = login.receive(Buffer.concat(messages));
    expect(step).toMatchObject({ kind: 'ready', minor: 0 });
    expect(step.kind === 'ready' && step.secretKey?.length).toBe(4);
  });
});

describe('sign-in at a target that negotiates', () => {
  const login = (minor?: number) =>
    createUpstreamLogin({
      ...{ user: 'u', database: 'd', password: null, parameters: {} },
      ...(minor === undefined ? {} : { minor }),
    });
  const greeting = (keyBytes: number) =>
    Buffer.concat([
      encodeAuthenticationOk(),
      encodeBackendKeyData(7, Buffer.alloc(keyBytes, 1)),
      encodeReadyForQuery('I'),
    ]);

  it.each([
    ['nothing said, 4 bytes', null, 4, 2],
    ['nothing said, 32 bytes', null, 32, 2],
    ['nothing said, 256 bytes', null, 256, 2],
    ['down to 3.0', encodeNegotiateProtocolVersion(0, []), 4, 0],
  ])('%s', (_what, negotiation, keyBytes, minor) => {
    const step = login().receive(Buffer.concat([negotiation ?? Buffer.alloc(0), greeting(keyBytes)]));
    expect(step).toMatchObject({ kind: 'ready', minor, processId: 7 });
    expect(step.kind === 'ready' && step.secretKey?.length).toBe(keyBytes);
  });

  it.each<[string, number | undefined, Buffer]>([
    ['a key of 3 bytes', undefined, greeting(3)],
    ['a key of 257 bytes', undefined, greeting(257)],
    ['a long key in protocol 3.0', 0, greeting(32)],
    [
      'a long key behind a negotiation',
      undefined,
      Buffer.concat([encodeNegotiateProtocolVersion(0, []), greeting(32)]),
    ],
    ['a newer version than asked', undefined, encodeNegotiateProtocolVersion(3, [])],
    ['the version that was asked', undefined, encodeNegotiateProtocolVersion(2, [])],
    ['a negotiation of 3.0', 0, encodeNegotiateProtocolVersion(0, [])],
    ['an option that nobody sent', undefined, encodeNegotiateProtocolVersion(0, ['_pq_.x'])],
    ['two negotiations', undefined, Buffer.concat([1, 0].map((minor) => encodeNegotiateProtocolVersion(minor, [])))],
    ['a late one', undefined, Buffer.concat([encodeAuthenticationOk(), encodeNegotiateProtocolVersion(0, [])])],
    ['protocol 2', undefined, rawMessage('v', Buffer.from([0, 2, 0, 0, 0, 0, 0, 0]))],
    ['bytes behind its end', undefined, rawMessage('v', Buffer.from([0, 3, 0, 0, 0, 0, 0, 0, 1]))],
  ])('%s is a failure', (_what, minor, bytes) => {
    expect(login(minor).receive(bytes)).toMatchObject({ kind: 'failed', error: { S: 'FATAL' } });
  });

  it.each([
    ['unsupported frontend protocol 3.2: server supports 1.0 to 3.0', 2, true],
    ['unsupported protocol version', 2, true],
    ['unsupported frontend protocol 3.0', 0, false],
    ['no pg_hba.conf entry for host', 2, false],
    ['password authentication failed for user "u"', 2, false],
  ])('the refusal %j of 3.%d may be of the version: %s', (M, minor, isVersionRefused) => {
    const step = login(minor).receive(encodeErrorResponse({ S: 'FATAL', C: '0A000', M }));
    expect(step).toMatchObject({ kind: 'failed', isVersionRefused });
  });
});
