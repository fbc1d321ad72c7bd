import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { isWeirError, WeirError } from '@weir/errors';
import { createMessageBoundary, encodeErrorResponse, fieldsOfWeirError } from '@weir/wire-postgres';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { carry } from '../src/local-port/carry.ts';
import { portsToTry, stablePort } from '../src/local-port/choose-port.ts';
import { clientEnvironment, dsnOf, psqlLine } from '../src/local-port/client-settings.ts';
import { listenLocally } from '../src/local-port/listen.ts';

const opened = {
  protocol: 'postgres' as const,
  id: 'ses_a',
  connection: 'orders',
  user: 'alice~ab',
  password: "p'w/1",
  database: 'shop db',
  expiresAt: '2099-01-01T00:00:00.000Z',
  native: { host: 'h', port: 1, dsn: '' },
  front: { address: 'h:1', ca: '' },
};

/** ReadyForQuery, idle. */
const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const denial = encodeErrorResponse(fieldsOfWeirError(new WeirError('not_permitted', 'no'), 'FATAL'));

const toClose: (() => void)[] = [];
afterEach(() => {
  for (const close of toClose.splice(0)) close();
});

async function listen(server: Server, port = 0): Promise<number> {
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port }, resolve));
  toClose.push(() => void server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('the local port', () => {
  it('is the same for a name each time, and below the range of outgoing connections', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        expect(stablePort(name)).toBe(stablePort(name));
        for (const port of portsToTry(name)) expect(port >= 20_000 && port < 32_768).toBe(true);
        expect(new Set(portsToTry(name)).size).toBe(200);
      }),
    );
  });

  it('is the next free one when it is taken', async () => {
    const first = await listenLocally({ connection: 'orders-of-a-test' }, () => undefined);
    toClose.push(first.close);
    const next = await listenLocally({ connection: 'orders-of-a-test' }, () => undefined);
    toClose.push(next.close);
    const order = portsToTry('orders-of-a-test');
    expect(order.indexOf(next.port)).toBeGreaterThan(order.indexOf(first.port));
  });

  it('is exactly the wanted one, or an error', async () => {
    const taken = await listen(createServer());
    const listening = listenLocally({ connection: 'orders', port: taken }, () => undefined);
    await expect(listening).rejects.toMatchObject({ code: 'conflict', message: `Port ${taken} is taken.` });
  });
});

describe('client settings', () => {
  it('quote what needs quotes', () => {
    expect(dsnOf(opened, 25_000)).toBe("postgresql://alice~ab:p'w%2F1@127.0.0.1:25000/shop%20db");
    expect(psqlLine("a'b")).toBe("psql 'a'\\''b'");
  });

  it('replace every PG setting that leads elsewhere', () => {
    const env = { PATH: '/bin', PGSERVICE: 'x', PGHOSTADDR: '10.0.0.1', PGSSLMODE: 'verify-full', PGAPPNAME: 'mine' };
    expect(clientEnvironment(env, opened, 25_000)).toEqual({
      PATH: '/bin',
      PGAPPNAME: 'mine',
      PGHOST: '127.0.0.1',
      PGPORT: '25000',
      PGUSER: 'alice~ab',
      PGPASSWORD: "p'w/1",
      PGDATABASE: 'shop db',
      PGSSLMODE: 'disable',
      PGGSSENCMODE: 'disable',
    });
  });
});

describe('message boundary', () => {
  const messages = [Buffer.from('N'), ready, denial];
  const bytes = Buffer.concat(messages);
  const ends = new Set([0, 1, 1 + (messages[1]?.length ?? 0), bytes.length]);

  it('is found at every cut of the bytes, in pieces of every size', () => {
    fc.assert(
      fc.property(fc.nat(bytes.length), fc.integer({ min: 1, max: 9 }), (cut, size) => {
        const boundary = createMessageBoundary();
        for (let at = 0; at < cut; at += size) boundary.follow(bytes.subarray(at, Math.min(cut, at + size)));
        expect(boundary.isBetweenMessages).toBe(ends.has(cut));
      }),
    );
  });

  it('is never found again after a length that cannot be', () => {
    const boundary = createMessageBoundary();
    boundary.follow(Buffer.from([0x52, 0, 0, 0, 3]));
    boundary.follow(ready);
    expect(boundary.isBetweenMessages).toBe(false);
  });
});

describe('carrying bytes', () => {
  /** A client socket whose other end is carried to the returned stream. */
  async function start(): Promise<{
    client: Socket;
    far: Duplex;
    near: Duplex;
    ended: Promise<WeirError | undefined>;
  }> {
    const [near, far] = duplexPair();
    let over: (error?: WeirError) => void = () => undefined;
    const ended = new Promise<WeirError | undefined>((resolve) => {
      over = resolve;
    });
    const server = createServer({ allowHalfOpen: true }, (socket) => void carry(socket, () => near, over));
    const port = await listen(server);
    const client = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    await once(client, 'connect');
    toClose.push(() => client.destroy());
    return { client, far, near, ended };
  }

  async function readAll(stream: NodeJS.ReadableStream): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of stream) pieces.push(Buffer.from(piece as Buffer));
    return Buffer.concat(pieces);
  }

  it('brings a megabyte both ways, each end closed on its own', async () => {
    const { client, far } = await start();
    const sent = Buffer.alloc(1_000_000, 'x');
    client.end(sent);
    expect((await readAll(far)).equals(sent)).toBe(true);
    far.end(sent);
    expect((await readAll(client)).equals(sent)).toBe(true);
  });

  it('stops reading from a side whose other side does not', async () => {
    const { client, far } = await start();
    client.pause();
    const piece = Buffer.alloc(64 * 1024);
    let written = 0;
    while (written < 200 && far.write(piece)) written += 1;
    for (let rounds = 0; rounds < 50 && written < 2000; rounds += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      while (!far.writableNeedDrain && written < 2000) {
        far.write(piece);
        written += 1;
      }
    }
    expect(far.writableNeedDrain).toBe(true);
    client.destroy();
  });

  it('tells the client why the way broke, between messages', async () => {
    const { client, far, near, ended } = await start();
    far.write(ready);
    await once(client, 'readable');
    near.destroy(new WeirError('gateway_unavailable', 'The gateway is gone.'));
    const text = (await readAll(client)).toString('latin1');
    expect(text).toContain('FATAL');
    expect(text).toContain('C08006');
    expect(text).toContain('The gateway is gone.');
    expect(isWeirError(await ended)).toBe(true);
  });

  it('puts nothing into a message that is cut', async () => {
    const { client, far, near } = await start();
    const part = denial.subarray(0, 9);
    far.write(part);
    await once(client, 'readable');
    expect((client.read() as Buffer).equals(part)).toBe(true);
    near.destroy(new WeirError('gateway_unavailable', 'The gateway is gone.'));
    const rest = await readAll(client).catch((error: NodeJS.ErrnoException) => error.code ?? error.message);
    expect(['ECONNRESET', '']).toContain(rest.toString());
  });
});
