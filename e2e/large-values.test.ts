import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readDirectly } from './fixture/drivers.ts';
import { frame, front } from './fixture/raw-postgres.ts';
import { connectStreaming, type StreamingClient } from './fixture/raw-stream.ts';
import { type System, startSystem } from './fixture/system.ts';
import { waitFor } from './fixture/wait.ts';

const policy = `
apiVersion: weir.dev/v1
kind: Access
metadata: { name: everybody }
spec:
  who: { groups: [developers] }
  connections: { labels: { env: demo } }
---
apiVersion: weir.dev/v1
kind: Masking
metadata: { name: secrets }
spec:
  who: { groups: [developers] }
  columns: [public.large.secret]
  transform: redact
`;
const megabyte = 1024 * 1024;
const size = 192 * megabyte;
/** What gateway or agent may grow by while one value of that size goes through. */
const maxGrowthBytes = 150 * megabyte;

/** Resident memory of a process (Linux). */
const residentBytes = (pid: number) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

describe.runIf(process.platform === 'linux')('values of 192 MB', { timeout: 180_000 }, () => {
  let system: System;
  let client: StreamingClient;
  let before: { gateway: number; agent: number };
  const most = { gateway: 0, agent: 0 };
  let watch: NodeJS.Timeout;
  const look = () => {
    for (const name of ['gateway', 'agent'] as const)
      most[name] = Math.max(most[name], residentBytes(system[name].pid) - before[name]);
  };

  beforeAll(async () => {
    system = await startSystem({ customers: 10, policy });
    const direct = new pg.Client(system.directUrl);
    await direct.connect();
    await direct.query(`
      SET ROLE shop_app;
      CREATE TABLE large (id integer PRIMARY KEY, secret text, clear text, more text);
      INSERT INTO large VALUES (1, repeat('s', ${size}), 'c', 'm'), (2, 's', repeat('c', ${size}), 'm'), (3, 's', 'c', 'm');
      CREATE TABLE taken (id integer, text text);`);
    await direct.end();
    client = await connectStreaming(system, (await system.dsn('alice')).dsn);
    await warmUp();
  });
  afterAll(async () => {
    client?.end();
    await system?.stop();
  });
  /** V8 compiles the parser once more when it has been used a little, which takes much memory for a moment: that must be over. */
  const warmUp = async () => {
    for (let i = 0; i < 10; i++)
      await client.exchange([front.query(`SELECT ${i}, id, secret, clear FROM large WHERE id = 3`)]);
    let calm = 0;
    let last = 0;
    await waitFor('the agent to be calm', async () => {
      const now = residentBytes(system.agent.pid);
      calm = Math.abs(now - last) < 4 * megabyte ? calm + 1 : 0;
      last = now;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return calm > 10 ? true : undefined;
    });
  };

  beforeEach(() => {
    before = { gateway: residentBytes(system.gateway.pid), agent: residentBytes(system.agent.pid) };
    most.gateway = 0;
    most.agent = 0;
    watch = setInterval(look, 10);
  });
  afterEach(() => {
    clearInterval(watch);
    look();
    expect(most.gateway).toBeLessThan(maxGrowthBytes);
    expect(most.agent).toBeLessThan(maxGrowthBytes);
  });

  const dataRow = (...cells: (string | null)[]) =>
    Buffer.concat([
      Buffer.from([0, cells.length]),
      ...cells.map((cell) => {
        const bytes = Buffer.alloc(4 + (cell?.length ?? 0));
        bytes.writeInt32BE(cell === null ? -1 : cell.length);
        bytes.write(cell ?? '', 4);
        return bytes;
      }),
    ]);

  it('a clear value comes behind a masked one', async () => {
    const answer = await client.exchange([front.query('SELECT id, secret, clear FROM large WHERE id = 2')]);
    expect(answer).toMatchObject({ types: 'TDCZ', errors: [] });
    expect(answer.dataBytes).toBeGreaterThan(size);
    expect(answer.heads[0]?.toString('latin1', 0, 100)).not.toContain('s');
  });

  it('a masked value becomes NULL', async () => {
    const answer = await client.exchange([front.query('SELECT id, secret, clear, more FROM large WHERE id = 1')]);
    expect(answer).toMatchObject({ types: 'TDCZ', errors: [], heads: [dataRow('1', null, 'c', 'm')] });
  });

  it('a clear value before a masked one ends the connection, with advice', async () => {
    const other = await connectStreaming(system, (await system.dsn('alice')).dsn);
    const { errors, dataBytes } = await other.exchange([front.query('SELECT clear, secret FROM large WHERE id = 2')]);
    expect(errors).toEqual([expect.stringMatching(/FATAL.*Name the masked columns before the large ones/)]);
    expect(dataBytes).toBe(0);
    other.end();
  });

  it.each(['text', 'csv', 'binary'])('COPY TO STDOUT in %s', async (format) => {
    const sql = `COPY (SELECT secret, id FROM large WHERE id = 1) TO STDOUT (FORMAT ${format})`;
    const masked = await client.exchange([front.query(sql)]);
    expect(masked).toMatchObject({ types: 'HdcCZ', errors: [] });
    expect(masked.dataBytes).toBeLessThan(100);
  });

  it('COPY TO STDOUT with a clear value before a masked one', async () => {
    const sql = 'COPY (SELECT clear, secret, id FROM large WHERE id = 2) TO STDOUT';
    const answer = await client.exchange([front.query(sql)]);
    expect(answer).toMatchObject({ types: 'HdcCZ', errors: [] });
    expect(answer.dataBytes).toBeGreaterThan(size);
    expect(answer.dataBytes).toBeLessThan(size + 100_000);
  });

  /** Pieces of one message of a client, whose body is `head`, that many x, and `tail`. */
  function* message(type: string, head: Buffer, tail: Buffer): Generator<Buffer> {
    const start = frame(type, head);
    start.writeInt32BE(4 + head.length + size + tail.length, 1);
    yield start;
    const piece = Buffer.alloc(megabyte, 'x');
    for (let i = 0; i < size / megabyte; i++) yield piece;
    yield tail;
  }

  it('a parameter', async () => {
    const head = Buffer.alloc(10);
    head.writeInt16BE(1, 4);
    head.writeInt32BE(size, 6);
    const { parse, execute, sync } = front;
    const statement = parse('INSERT INTO taken VALUES (1, $1)');
    function* all() {
      yield statement;
      yield* message('B', head, Buffer.alloc(2));
      yield Buffer.concat([execute(), sync()]);
    }
    expect(await client.exchange(all())).toMatchObject({ types: '12CZ', errors: [] });
    expect(await readDirectly(system, 'SELECT length(text) FROM taken WHERE id = 1')).toBe(size);
  });

  it('COPY FROM STDIN in one message', async () => {
    function* all() {
      yield front.query('COPY taken FROM STDIN');
      yield* message('d', Buffer.from('2\t'), Buffer.from('\n'));
      yield frame('c');
    }
    expect(await client.exchange(all())).toMatchObject({ types: 'GCZ', errors: [] });
    expect(await readDirectly(system, 'SELECT length(text) FROM taken WHERE id = 2')).toBe(size);
  });

  it('a statement text is denied, and the connection stays', async () => {
    const answer = await client.exchange(message('Q', Buffer.from("SELECT '"), Buffer.from("'\0")));
    expect(answer.errors).toEqual([expect.stringContaining('the statement text is larger than this gate takes')]);
    expect(await client.exchange([front.query('SELECT 1')])).toMatchObject({ types: 'TDCZ' });
  });
});
