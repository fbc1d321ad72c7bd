import http2 from 'node:http2';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createPki, eventually, startClient, startServer, type TestPki } from './tunnel-pair.ts';

const MiB = 1024 * 1024;
let pki: TestPki;
const cleanups: (() => Promise<unknown> | unknown)[] = [];
beforeAll(async () => {
  pki = await createPki();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A bare HTTP/2 client of the tunnel port: what it may send is what the server announced. */
async function announcedBy(port: number): Promise<{ stream: number | undefined; connection: number }> {
  const { certificate: cert, key } = pki.agent;
  const session = http2.connect(`https://localhost:${port}`, { ca: pki.authority.pem, cert, key });
  cleanups.push(() => session.destroy());
  await new Promise((resolve) => session.once('remoteSettings', resolve));
  // The window update follows the settings.
  await eventually(() => (session.state.remoteWindowSize ?? 0) > 65_535);
  return {
    stream: session.remoteSettings.initialWindowSize,
    connection: session.state.remoteWindowSize ?? 0,
  };
}

describe('receive windows', () => {
  it.each([
    [undefined, 8 * MiB],
    [3 * MiB, 3 * MiB],
  ])('of the server (setting %s)', async (windowBytes, expected) => {
    const gateway = await startServer(pki, windowBytes === undefined ? {} : { windowBytes });
    cleanups.push(() => gateway.server.close());
    expect(await announcedBy(gateway.server.address.port)).toEqual({ stream: expected, connection: expected });
  });

  it('of the client', async () => {
    const { certificate: cert, key } = pki.server;
    const server = http2.createSecureServer({ cert, key, ca: pki.authority.pem, requestCert: true });
    const sessions: http2.ServerHttp2Session[] = [];
    server.on('session', (session) => void sessions.push(session));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      for (const session of sessions) session.destroy();
      server.close();
    });
    const address = server.address();
    const observed = startClient(pki, typeof address === 'object' ? (address?.port ?? 0) : 0);
    cleanups.push(() => observed.client.close());
    const session = await eventually(() => sessions[0]);
    await eventually(() => session.state.remoteWindowSize === 8 * MiB);
    expect(session.remoteSettings.initialWindowSize).toBe(8 * MiB);
  });

  it('of other HTTP/2 servers in the process stay as they are', async () => {
    const gateway = await startServer(pki);
    cleanups.push(() => gateway.server.close());
    const other = http2.createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const session = http2.connect(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
    cleanups.push(() => {
      session.destroy();
      other.close();
    });
    await new Promise((resolve) => session.once('remoteSettings', resolve));
    expect(session.remoteSettings.initialWindowSize).toBe(65_535);
  });
});
