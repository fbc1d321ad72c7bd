import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Decision,
  encodeBind,
  encodeCopyData,
  encodeCopyDone,
  encodeCopyFail,
  encodeDescribe,
  encodeExecute,
  encodeFlush,
  encodeParse,
  encodeQuery,
  encodeSync,
  encodeTerminate,
  errorFields,
  type JudgeRequest,
} from '../src/index.ts';
import { connectRaw, type RawClient } from './raw-client.ts';
import { type RealServer, startRealServer } from './real-server.ts';
import { type Relay, startRelay } from './relay.ts';

/** Statements that change rows may change two of them; those that say "later" are judged later. */
function judge({ text, phase }: JudgeRequest): Decision | Promise<Decision> {
  const isBound = phase !== 'parse' && /^(update|insert|delete|merge|copy|execute)/i.test(text);
  const maxRows = text.includes('few') ? 1 : null;
  const decision: Decision = {
    ...{ action: 'forward', ticket: text, describe: false, maxRows },
    maxAffected: isBound ? 2 : null,
  };
  if (!text.includes('later')) return decision;
  return new Promise((resolve) => setImmediate(() => resolve(decision)));
}

const tooMany = (rows: number | null) => `E 42501 ${rows} rows are too many`;
const over = 'UPDATE goods SET n = n + 1';
const within = `${over} WHERE id <= 2`;
const run = (text: string, name = '') => [encodeParse('', text), encodeBind(name, ''), encodeExecute(name)];
let server: RealServer;
let relay: Relay;
let client: RawClient;
let direct: RawClient;
let plain: Relay;

beforeAll(async () => {
  server = await startRealServer();
  plain = await startRelay(server.socketPath);
  direct = await connectRaw(plain.port);
  relay = await startRelay(server.socketPath, () => ({
    judge,
    changedTooMuch: (_ticket, _index, rows) => errorFields('42501', `${rows} rows are too many`),
  }));
  await direct.exchange([
    encodeQuery(`CREATE TABLE goods (id int PRIMARY KEY, n int, CONSTRAINT late UNIQUE (n) DEFERRABLE INITIALLY DEFERRED);
      CREATE TABLE plain (id int)`),
  ]);
});
beforeEach(async () => {
  client = await connectRaw(relay.port);
  await direct.exchange([
    encodeQuery('TRUNCATE goods, plain; INSERT INTO goods SELECT i, i * 10 FROM generate_series(1, 5) i'),
  ]);
});
afterEach(() => client.close());
afterAll(async () => {
  direct.close();
  await relay.close();
  await plain.close();
  await server.stop();
});

const rowsOf = async (who: RawClient, sql: string) =>
  (await who.exchange([encodeQuery(sql)])).filter((m) => m.startsWith('D ')).map((m) => m.slice(2));
/** Sum of what was changed, as everybody sees it. */
const sum = async () => Number((await rowsOf(direct, 'SELECT sum(n) FROM goods'))[0]);
const unchanged = 150;
const outcomes = () =>
  relay.logs.at(-1)?.finished.map(({ ticket, outcome }) => [ticket, outcome.tag, outcome.error?.['C'] ?? null]);

describe.each(['', ' /* later */'])('a simple Query outside a transaction block%s', (later) => {
  it('within the bound stands, and the client sees what it always sees', async () => {
    expect(await client.exchange([encodeQuery(within + later)])).toEqual(['C UPDATE 2', 'Z I']);
    expect(await sum()).toBe(unchanged + 2);
    expect(outcomes()).toEqual([[within + later, 'UPDATE 2', null]]);
  });

  it('beyond the bound leaves nothing', async () => {
    expect(await client.exchange([encodeQuery(over + later)])).toEqual([tooMany(5), 'Z I']);
    expect(await sum()).toBe(unchanged);
    expect(outcomes()).toEqual([[over + later, null, '42501']]);
    expect(await client.exchange([encodeQuery('SELECT 1')])).toEqual(['T ?column?', 'D 1', 'C SELECT 1', 'Z I']);
  });

  it('with RETURNING delivers its rows, then the error', async () => {
    const out = await client.exchange([encodeQuery(`DELETE FROM goods RETURNING id${later}`)]);
    expect(out).toEqual(['T id', 'D 1', 'D 2', 'D 3', 'D 4', 'D 5', tooMany(5), 'Z I']);
    expect(await sum()).toBe(unchanged);
  });

  it('that fails by itself is the server’s error', async () => {
    const out = await client.exchange([encodeQuery(`INSERT INTO goods VALUES (1, 1)${later}`)]);
    expect(out).toEqual(['E 23505 duplicate key value violates unique constraint "goods_pkey"', 'Z I']);
    expect(await client.exchange([encodeQuery(within)])).toEqual(['C UPDATE 2', 'Z I']);
  });

  it('that fails at the commit was never told to have succeeded', async () => {
    const text = `UPDATE goods SET n = 20 WHERE id = 1${later}`;
    const out = await client.exchange([encodeQuery(text)]);
    expect(out).toEqual(['E 23505 duplicate key value violates unique constraint "late"', 'Z I']);
    expect(await sum()).toBe(unchanged);
    expect(outcomes()).toEqual([[text, null, '23505']]);
  });

  it('several sent at once each count alone, in order', async () => {
    const messages = [within, over, within, 'SELECT 1'].map((text) => encodeQuery(text + later));
    expect(await client.exchange(messages, 4)).toEqual([
      ...['C UPDATE 2', 'Z I', tooMany(5), 'Z I', 'C UPDATE 2', 'Z I'],
      ...['T ?column?', 'D 1', 'C SELECT 1', 'Z I'],
    ]);
    expect(await sum()).toBe(unchanged + 4);
  });

  it('behind a BEGIN that is not answered yet is in its transaction', async () => {
    const messages = ['BEGIN', within, over, 'COMMIT'].map((text) => encodeQuery(text + later));
    expect(await client.exchange(messages, 4)).toEqual([
      ...['C BEGIN', 'Z T', 'C UPDATE 2', 'Z T', tooMany(5), 'Z E', 'C ROLLBACK', 'Z I'],
    ]);
    expect(await sum()).toBe(unchanged);
  });
});

describe('inside a transaction block', () => {
  it('a statement beyond the bound fails the block', async () => {
    await client.exchange([encodeQuery('BEGIN')]);
    expect(await client.exchange([encodeQuery(within)])).toEqual(['C UPDATE 2', 'Z T']);
    expect(await client.exchange([encodeQuery(over)])).toEqual([tooMany(5), 'Z E']);
    expect((await client.exchange([encodeQuery('SELECT 1')]))[0]).toMatch(/^E 25P02/);
    expect(await client.exchange([encodeQuery('COMMIT')])).toEqual(['C ROLLBACK', 'Z I']);
    expect(await sum()).toBe(unchanged);
  });

  it('a savepoint before it can be returned to, and the change is gone', async () => {
    await client.exchange([encodeQuery('BEGIN')]);
    await client.exchange([encodeQuery(within)]);
    await client.exchange([encodeQuery('SAVEPOINT s')]);
    expect(await client.exchange([encodeQuery(over)])).toEqual([tooMany(5), 'Z E']);
    expect(await client.exchange([encodeQuery('ROLLBACK TO s')])).toEqual(['C ROLLBACK', 'Z T']);
    expect(await client.exchange([encodeQuery('COMMIT')])).toEqual(['C COMMIT', 'Z I']);
    expect(await sum()).toBe(unchanged + 2);
  });

  it('extended, in one message', async () => {
    await client.exchange([encodeQuery('BEGIN')]);
    expect(await client.exchange([...run(over), encodeSync()])).toEqual(['1', '2', tooMany(5), 'Z E']);
    expect(await client.exchange([encodeQuery('COMMIT')])).toEqual(['C ROLLBACK', 'Z I']);
    expect(await sum()).toBe(unchanged);
  });
});

describe.each(['', ' /* later */'])('the extended protocol%s', (later) => {
  it('within the bound', async () => {
    expect(await client.exchange([...run(within + later), encodeSync()])).toEqual(['1', '2', 'C UPDATE 2', 'Z I']);
    expect(await sum()).toBe(unchanged + 2);
  });

  it('beyond the bound leaves nothing', async () => {
    expect(await client.exchange([...run(over + later), encodeSync()])).toEqual(['1', '2', tooMany(5), 'Z I']);
    expect(await sum()).toBe(unchanged);
    expect(await client.exchange([...run('SELECT 1'), encodeSync()])).toEqual(['1', '2', 'D 1', 'C SELECT 1', 'Z I']);
  });

  it('takes back what came before it in the same pipeline, and drops what comes behind', async () => {
    const messages = [...run(within), ...run(over + later), ...run('INSERT INTO plain VALUES (1)'), encodeSync()];
    expect(await client.exchange(messages)).toEqual(['1', '2', 'C UPDATE 2', '1', '2', tooMany(5), 'Z I']);
    expect(await sum()).toBe(unchanged);
    expect(await rowsOf(direct, 'SELECT id FROM plain')).toEqual([]);
  });

  it('a COMMIT in the same pipeline comes too late', async () => {
    const messages = [...run(over + later), ...run('COMMIT'), encodeSync()];
    expect(await client.exchange(messages)).toEqual(['1', '2', tooMany(5), 'Z I']);
    expect(await sum()).toBe(unchanged);
  });

  it('so does a simple Query in place of the Sync', async () => {
    const messages = [...run(over + later), encodeQuery('SELECT 1'), encodeSync()];
    expect(await client.exchange(messages)).toEqual(['1', '2', tooMany(5), 'Z I']);
    expect(await sum()).toBe(unchanged);
  });

  it('a bound Query in place of the Sync is refused, with all before it', async () => {
    const messages = [...run(within), encodeQuery(within + later)];
    const out = await client.exchange(messages);
    expect(out.slice(0, 3)).toEqual(['1', '2', 'C UPDATE 2']);
    expect(out[3]).toMatch(/^E 42501 a bound on changed rows cannot be held/);
    expect(await sum()).toBe(unchanged);
  });

  it('a portal that is read in parts hides how many rows changed', async () => {
    const text = `${within} RETURNING id${later}`;
    const messages = [encodeParse('', text), encodeBind('', ''), encodeExecute('', 1), encodeSync()];
    expect(await client.exchange(messages)).toEqual(['1', '2', 'D 1', tooMany(null), 'Z I']);
    expect(await sum()).toBe(unchanged);
  });

  it('a client that leaves without Sync has changed nothing', async () => {
    const other = await connectRaw(relay.port);
    other.send(...run(over + later), encodeFlush());
    expect(await other.until((seen) => seen.includes(tooMany(5)))).toEqual(['1', '2', tooMany(5)]);
    other.send(encodeTerminate());
    expect((await other.until(() => false)).at(-1)).toBe('closed');
    expect(await sum()).toBe(unchanged);
  });

  it('each Sync begins anew', async () => {
    const messages = [...run(within), encodeSync(), ...run(over + later), encodeSync(), ...run(within), encodeSync()];
    expect(await client.exchange(messages, 3)).toEqual([
      ...['1', '2', 'C UPDATE 2', 'Z I', '1', '2', tooMany(5), 'Z I', '1', '2', 'C UPDATE 2', 'Z I'],
    ]);
    expect(await sum()).toBe(unchanged + 4);
  });

  it('an error at the Sync is the server’s', async () => {
    const text = `UPDATE goods SET n = 20 WHERE id = 1${later}`;
    const out = await client.exchange([...run(text), encodeSync()]);
    expect(out).toEqual([
      '1',
      '2',
      'C UPDATE 1',
      'E 23505 duplicate key value violates unique constraint "late"',
      'Z I',
    ]);
  });
});

describe('kinds of changes', () => {
  it.each([
    ['INSERT INTO plain SELECT generate_series(1, 3)', 3],
    ['DELETE FROM goods', 5],
    ['MERGE INTO goods g USING generate_series(1, 4) s ON g.id = s WHEN MATCHED THEN UPDATE SET n = g.n + 1', 4],
    [
      'INSERT INTO goods SELECT i, i FROM generate_series(1, 6) i ON CONFLICT (id) DO UPDATE SET n = 1000 + goods.id',
      6,
    ],
  ])('%s', async (text, rows) => {
    expect(await client.exchange([encodeQuery(text)])).toEqual([tooMany(rows), 'Z I']);
    expect(await client.exchange([...run(text), encodeSync()])).toEqual(['1', '2', tooMany(rows), 'Z I']);
    expect(await sum()).toBe(unchanged);
    expect(await rowsOf(direct, 'SELECT id FROM plain')).toEqual([]);
  });

  it('EXECUTE of what SQL prepared', async () => {
    await client.exchange([encodeQuery(`PREPARE p AS ${over}`)]);
    expect(await client.exchange([encodeQuery('EXECUTE p')])).toEqual([tooMany(5), 'Z I']);
    expect(await sum()).toBe(unchanged);
  });

  it('rows withheld from a change leave nothing of it', async () => {
    const out = await client.exchange([encodeQuery(`UPDATE goods /* few */ SET n = n + 1 WHERE id <= 2 RETURNING id`)]);
    expect(out).toEqual(['T id', 'D 1', 'E 42501 too many rows', 'Z I']);
    expect(await sum()).toBe(unchanged);
  });
});

describe('COPY FROM STDIN', () => {
  const data = (...rows: number[]) => rows.map((row) => encodeCopyData(Buffer.from(`${row}\n`)));
  const copy = encodeQuery('COPY plain FROM STDIN');
  const sawCopyIn = (seen: readonly string[]) => seen.includes('G');
  const extended = [encodeParse('', 'COPY plain FROM STDIN'), encodeBind('', ''), encodeDescribe('P', '')];

  it.each([
    [[1, 2], 'C COPY 2', ['1', '2']],
    [[1, 2, 3], tooMany(3), []],
  ])('simple, rows %j: %s', async (rows, answer, left) => {
    client.send(copy);
    expect(await client.until(sawCopyIn)).toEqual(['G']);
    expect(await client.exchange([...data(...rows), encodeCopyDone()])).toEqual([answer, 'Z I']);
    expect(await rowsOf(direct, 'SELECT id FROM plain ORDER BY id')).toEqual(left);
  });

  it.each([
    ['waits for CopyInResponse', false],
    ['sends all at once', true],
  ])('extended, the client %s', async (_name, atOnce) => {
    for (const [rows, answer] of [
      [[1, 2], 'C COPY 2'],
      [[3, 4, 5], tooMany(3)],
    ] as const) {
      const begin = [...extended, encodeExecute(''), ...(atOnce ? [encodeSync()] : [])];
      client.send(...begin);
      expect(await client.until(sawCopyIn)).toEqual(['1', '2', 'n', 'G']);
      expect(await client.exchange([...data(...rows), encodeCopyDone(), encodeSync()])).toEqual([answer, 'Z I']);
    }
    expect(await rowsOf(direct, 'SELECT id FROM plain ORDER BY id')).toEqual(['1', '2']);
  });

  it('that the client gives up', async () => {
    client.send(copy);
    await client.until(sawCopyIn);
    const out = await client.exchange([...data(1, 2, 3), encodeCopyFail('enough')]);
    expect(out).toEqual(['E 57014 COPY from stdin failed: enough', 'Z I']);
    expect(await client.exchange([encodeQuery(within)])).toEqual(['C UPDATE 2', 'Z I']);
  });
});
