import { createHash, randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createServer as createTlsServer } from 'node:tls';
import { WeirError } from '@weir/errors';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  certificatePin,
  createFrontServer,
  type EnrolmentRequest,
  enrolAgent,
  type FrontConnection,
  type FrontServerOptions,
  openFrontConnection,
} from '../src/index.ts';
import { createAuthority } from './certificates.ts';
import { createPki, eventually, type TestPki } from './tunnel-pair.ts';

let pki: TestPki;
const cleanups: (() => Promise<unknown> | unknown)[] = [];
beforeAll(async () => {
  pki = await createPki();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function front(options: Partial<FrontServerOptions> = {}): Promise<string> {
  const server = await createFrontServer({
    listen: { host: '127.0.0.1', port: 0 },
    tls: { certificate: pki.server.certificate + pki.authority.pem, key: pki.server.key },
    enrol: async () => {
      throw new WeirError('not_permitted', 'no');
    },
    connect: () => undefined,
    ...options,
  });
  cleanups.push(() => server.close());
  return `127.0.0.1:${server.address.port}`;
}
const open = (address: string, token = 'secret', sessionId = 's-1') =>
  openFrontConnection({
    address,
    ca: pki.authority.pem,
    authorize: async (method, url) => ({ authorization: `DPoP ${token}`, dpop: `${method} ${url}` }),
    sessionId,
  });

/** Resolves with the error that ends the stream. */
const failure = (stream: Duplex) => new Promise<Error>((resolve) => stream.once('error', resolve));

describe('the front door', () => {
  it('hands over token, session and bytes', async () => {
    const seen: Omit<FrontConnection, 'stream'>[] = [];
    const address = await front({
      connect: ({ stream, ...rest }) => {
        seen.push(rest);
        stream.pipe(stream);
      },
    });
    const stream = open(address);
    stream.end('ping');
    expect(await text(stream)).toBe('ping');
    expect(seen).toEqual([
      {
        credentials: {
          authorization: 'DPoP secret',
          proof: 'POST https://weir-front/weir.tunnel.v1.FrontDoor/Connect',
          method: 'POST',
          url: 'https://weir-front/weir.tunnel.v1.FrontDoor/Connect',
        },
        sessionId: 's-1',
        remoteAddress: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      },
    ]);
  });

  it('half-closes both ways, whoever is first', async () => {
    const address = await front({
      connect: async ({ stream, sessionId }) => {
        if (sessionId === 'server first') {
          stream.end('bye');
          received.push(await text(stream));
        } else {
          received.push(await text(stream));
          stream.end('answer after the end');
        }
      },
    });
    const received: string[] = [];
    const first = open(address, 't', 'server first');
    expect(await text(first)).toBe('bye');
    first.end('still heard');
    const second = open(address, 't', 'client first');
    second.end('question');
    expect(await text(second)).toBe('answer after the end');
    await eventually(() => received.length === 2);
    expect(received).toEqual(['still heard', 'question']);
  });

  it('moves 32 MB each way at once, intact', async () => {
    const address = await front({ connect: ({ stream }) => void stream.pipe(stream) });
    const stream = open(address);
    const block = randomBytes(1024 * 1024);
    const sent = createHash('sha256');
    const received = createHash('sha256');
    const reading = (async () => {
      for await (const chunk of stream) received.update(chunk as Buffer);
    })();
    for (let count = 0; count < 32; count++) {
      sent.update(block);
      if (!stream.write(block)) await new Promise((resolve) => stream.once('drain', resolve));
    }
    stream.end();
    await reading;
    expect(received.digest('hex')).toBe(sent.digest('hex'));
  });

  it('stops a writer whose reader does not read', async () => {
    const waiting: Duplex[] = [];
    const address = await front({ connect: ({ stream }) => void waiting.push(stream) });
    const stream = open(address);
    stream.on('error', () => undefined);
    let accepted = 0;
    const chunk = Buffer.alloc(64 * 1024);
    for (let idle = 0; idle < 20; ) {
      if (stream.writableNeedDrain) {
        idle++;
        await new Promise((resolve) => setTimeout(resolve, 10));
      } else {
        idle = 0;
        stream.write(chunk);
        accepted += chunk.length;
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (accepted > 256 * 1024 * 1024) break;
    }
    // Window, socket buffers and queues of both ends.
    expect(accepted).toBeLessThan(48 * 1024 * 1024);
    stream.destroy();
  });

  it.each(['reject', 'destroy'])('shows the gateway’s error at the client (%s)', async (way) => {
    const error = new WeirError('session_ended', 'The session is over.', { fix: 'Run: weir connect orders' });
    const address = await front({
      connect: async ({ stream }) => {
        if (way === 'reject') throw error;
        stream.write('x');
        setImmediate(() => stream.destroy(error));
      },
    });
    const stream = open(address);
    stream.resume();
    expect(await failure(stream)).toMatchObject({
      code: 'session_ended',
      message: 'The session is over.',
      fix: 'Run: weir connect orders',
    });
  });

  it('tells the gateway when the client breaks off', async () => {
    const failures: Error[] = [];
    let arrived: Duplex | undefined;
    const address = await front({
      connect: ({ stream }) => {
        arrived = stream;
        stream.on('error', (error) => void failures.push(error));
        stream.resume();
      },
    });
    const stream = open(address);
    stream.on('error', () => undefined);
    stream.write('x');
    await eventually(() => arrived);
    stream.destroy();
    await eventually(() => failures.length === 1);
    expect(failures[0]).toMatchObject({ code: 'session_ended' });
  });

  it('says that no gateway answers, or that it is another one', async () => {
    const address = await front();
    const stranger = openFrontConnection({
      address,
      ca: (await createAuthority('other')).pem,
      authorize: async () => ({ authorization: 'DPoP t' }),
      sessionId: 's',
    });
    expect(await failure(stranger)).toMatchObject({
      code: 'gateway_unavailable',
      why: expect.stringContaining('cert'),
    });
    const nobody = open('127.0.0.1:1');
    expect(await failure(nobody)).toMatchObject({
      code: 'gateway_unavailable',
      why: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

describe('a server that cannot start', () => {
  it('says whether port or certificate is the cause', async () => {
    const port = Number((await front()).split(':')[1]);
    await expect(front({ listen: { host: '127.0.0.1', port } })).rejects.toMatchObject({ code: 'conflict' });
    const tls = { certificate: 'nonsense', key: pki.server.key };
    await expect(front({ tls })).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

describe('enrolment', () => {
  const request = { joinToken: 'join', csrDer: Buffer.from('csr'), version: '1' };

  it('exchanges token and key for a certificate', async () => {
    const seen: EnrolmentRequest[] = [];
    const answer = { agentId: 'a', agentName: 'n', certificate: 'c', ca: 'ca', tunnelAddress: 'h:1', pool: 'p' };
    const address = await front({
      enrol: async (received) => {
        seen.push(received);
        return answer;
      },
    });
    expect(await enrolAgent({ address, caPins: [certificatePin(pki.authority.pem)], ...request })).toEqual(answer);
    expect(seen).toEqual([{ joinToken: 'join', certificateRequest: Buffer.from('csr'), agentVersion: '1' }]);
  });

  it('passes the gateway’s refusal on', async () => {
    const address = await front({
      enrol: async () => {
        throw new WeirError('not_permitted', 'The join token was used already.', { fix: 'Make a new one.' });
      },
    });
    await expect(
      enrolAgent({ address, caPins: [certificatePin(pki.authority.pem)], ...request }),
    ).rejects.toMatchObject({
      code: 'not_permitted',
      message: 'The join token was used already.',
      fix: 'Make a new one.',
    });
  });

  it('does not show what failed inside the gateway', async () => {
    const address = await front({
      enrol: async () => {
        throw new Error('password of the store is hunter2');
      },
    });
    const attempt = enrolAgent({ address, caPins: [certificatePin(pki.authority.pem)], ...request });
    await expect(attempt).rejects.toMatchObject({ code: 'internal', message: expect.not.stringContaining('hunter2') });
  });

  it('sends nothing to a server without the pinned CA', async () => {
    const received: Buffer[] = [];
    const { certificate, key } = pki.server;
    const server = createTlsServer(
      { cert: `${certificate}\n${pki.authority.pem}`, key, ALPNProtocols: ['h2'] },
      (socket) => {
        socket.on('data', (data) => void received.push(data)).on('error', () => undefined);
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => server.close());
    const bound = server.address();
    const address = `127.0.0.1:${typeof bound === 'object' ? bound?.port : 0}`;
    const caPins = [certificatePin((await createAuthority('the real one')).pem)];
    await expect(enrolAgent({ address, caPins, ...request })).rejects.toMatchObject({
      code: 'not_permitted',
      message: expect.stringContaining('not the gateway of this join token'),
    });
    expect(received).toEqual([]);
  });

  it('says that no gateway answers', async () => {
    await expect(enrolAgent({ address: '127.0.0.1:1', caPins: ['00'], ...request })).rejects.toMatchObject({
      code: 'gateway_unavailable',
      why: expect.stringContaining('ECONNREFUSED'),
    });
  });
});
