import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls';
import {
  createUpstreamLogin,
  encodeCancelRequest,
  encodeQuery,
  encodeSslRequest,
  encodeStartupMessage,
  makeScramVerifier,
} from '@weir/wire-postgres';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createCertificateAuthority } from '../src/agents/certificate-authority.ts';
import type { ControlPlane, LiveSession } from '../src/dataplane/ports.ts';
import { createCancelKeys } from '../src/dataplane/postgres/cancel-keys.ts';
import { type AdmittedClient, createPostgresDoor } from '../src/dataplane/postgres/postgres-door.ts';

const session = {
  ...{ id: 'ses_1', connection: { name: 'orders' }, target: { protocol: 'postgres', database: 'shop' } },
  verifier: makeScramVerifier('right', Buffer.alloc(16, 3), 4096),
} as unknown as LiveSession;
const cancelKeys = createCancelKeys();
const refused: { code: string; message: string }[] = [];
const sockets = new Set<Socket>();
let admitted: AdmittedClient[] = [];
let listener: Server;
let port: number;
let ca: string;

beforeAll(async () => {
  const { authority } = await createCertificateAuthority(Date.now());
  ca = authority.certificate;
  const { certificate, key } = await authority.issueServer(['localhost'], Date.now());
  const door = createPostgresDoor({
    controlPlane: {
      findByLogin: (user: string) => (user === 'ses_1' ? session : null),
      current: () => session,
      refused: (event: (typeof refused)[number]) => void refused.push(event),
    } as unknown as ControlPlane,
    ...{ cancelKeys, requireTls: true },
    secureContext: () => createSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2' }),
    admit: (client) => void admitted.push(client),
  });
  listener = createServer((socket) => {
    sockets.add(socket);
    door.native(socket);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  port = (listener.address() as AddressInfo).port;
});
beforeEach(() => {
  admitted = [];
  refused.length = 0;
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => listener.close(resolve));
});

/** A connection under TLS. `said` = what is sent in clear before the hello; each is answered by one byte. */
async function encrypted(said: readonly Buffer[], ALPNProtocols: string[] | undefined): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  for (const request of said) {
    socket.write(request);
    await once(socket, 'readable');
    socket.read();
  }
  const tls = connectTls({ socket, ca, servername: 'localhost', ...(ALPNProtocols && { ALPNProtocols }) });
  await once(tls, 'secureConnect');
  return tls;
}

/** Signs in and gives the type of the last message: R = all went well. */
async function signIn(tls: TLSSocket, startup = encodeStartupMessage({ user: 'ses_1', database: 'shop' }, 2)) {
  const login = createUpstreamLogin({ user: 'ses_1', database: 'shop', password: 'right', parameters: {} });
  login.start();
  tls.write(startup);
  for (;;) {
    const [chunk] = (await once(tls, 'data')) as [Buffer];
    if (chunk[0] === 0x45) return chunk.toString('utf8');
    const step = login.receive(chunk);
    if (step.kind !== 'need-more' || step.send === null) return 'signed in';
    tls.write(step.send);
  }
}

const gss = Buffer.from([0, 0, 0, 8, 4, 210, 22, 48]);
test.each<[string, Buffer[], string[] | undefined]>([
  ['TLS by SSLRequest', [encodeSslRequest()], undefined],
  ['TLS by SSLRequest with ALPN', [encodeSslRequest()], ['postgresql']],
  ['GSS declined, then TLS by SSLRequest', [gss, encodeSslRequest()], ['postgresql']],
  ['direct TLS', [], ['postgresql']],
  ['direct TLS, one of several protocols', [], ['h2', 'postgresql']],
])('%s', async (_what, said, protocols) => {
  const tls = await encrypted(said, protocols);
  expect(await signIn(tls)).toBe('signed in');
  expect(admitted).toMatchObject([{ session: { id: 'ses_1' }, minor: 2 }]);
  expect(tls.getProtocol()).toMatch(/^TLSv1\.[23]$/);
  tls.destroy();
});

test('direct TLS without ALPN is refused before authentication', async () => {
  const tls = await encrypted([], undefined);
  expect(await signIn(tls)).toMatch(/FATAL.*ALPN/s);
  expect(admitted).toEqual([]);
  expect(refused).toMatchObject([{ code: 'protocol_violation' }]);
  tls.destroy();
});

test('direct TLS for another protocol ends in the handshake', async () => {
  await expect(encrypted([], ['http/1.1'])).rejects.toThrow(/no application protocol|ALPN|alert/i);
  expect(admitted).toEqual([]);
});

test.each<[string, Buffer[]]>([['behind GSS', [gss]]])(
  'a TLS hello %s is refused: only a start-up or a request for TLS may follow',
  async (_what, said) => {
    await expect(encrypted(said, ['postgresql'])).rejects.toThrow();
    expect(admitted).toEqual([]);
  },
);

test.each<[string, Buffer]>([
  ['another SSLRequest', encodeSslRequest()],
  ['a GSSENCRequest', gss],
  ['a TLS hello', Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0])],
])('inside TLS %s is refused', async (_what, bytes) => {
  for (const said of [[], [encodeSslRequest()]]) {
    const tls = await encrypted(said, ['postgresql']);
    expect(await signIn(tls, bytes)).toMatch(/FATAL/);
    tls.destroy();
  }
  expect(admitted).toEqual([]);
});

test('bytes in clear behind an SSLRequest are refused, together or cut', async () => {
  const whole = Buffer.concat([encodeSslRequest(), encodeQuery('SELECT 1')]);
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write(whole);
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  await once(socket, 'end');
  expect(text).toMatch(/^E.*FATAL/s);
  expect(refused).toMatchObject([{ code: 'protocol_violation' }]);
  socket.destroy();
});

test('a cancel request comes over direct TLS, too', async () => {
  let count = 0;
  const key = cancelKeys.issue(2, () => {
    count += 1;
  });
  const tls = await encrypted([], ['postgresql']);
  tls.resume();
  tls.write(encodeCancelRequest(key.processId, key.secretKey));
  await once(tls, 'end');
  expect(count).toBe(1);
  tls.destroy();
});

test('a hello that never ends is given up with its connection', async () => {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1]));
  await once(socket, 'connect');
  socket.end();
  socket.resume();
  await once(socket, 'close');
  expect(admitted).toEqual([]);
});
