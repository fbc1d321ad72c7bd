import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Decision,
  encodeBind,
  encodeExecute,
  encodeFlush,
  encodeParse,
  encodeQuery,
  encodeSync,
  errorFields,
  type PostgresEngine,
} from '../src/index.ts';
import { connectRaw, type RawClient } from './raw-client.ts';
import { type RealServer, startRealServer } from './real-server.ts';
import { type Relay, startRelay } from './relay.ts';

let server: RealServer;
let relay: Relay;
let client: RawClient;
let answers: unknown[] = [];
let current: () => PostgresEngine;

/** Statements with `ask` in them make the host ask the target first; `ask badly` with a query that fails. */
async function decide(text: string): Promise<Decision> {
  const sql = text.includes('badly') ? 'SELECT * FROM no_such_table' : 'SELECT count(*), NULL FROM effects';
  try {
    answers.push((await current().query(sql))[0]);
  } catch (error) {
    answers.push(error instanceof Error ? error.message : error);
    if (text.includes('denied')) return { action: 'deny', error: errorFields('42501', 'no') };
  }
  return { action: 'forward', ticket: text, describe: false };
}

beforeAll(async () => {
  server = await startRealServer();
  relay = await startRelay(server.socketPath, (engine) => {
    current = engine;
    return {
      judge: ({ text, phase }) =>
        text.includes('ask') && phase !== 'parse' ? decide(text) : { action: 'forward', ticket: text, describe: false },
    };
  });
  client = await connectRaw(relay.port);
  await client.exchange([encodeQuery('CREATE TABLE effects (what text)')]);
});
afterAll(async () => {
  client.close();
  await relay.close();
  await server.stop();
});
const run = (text: string) => [encodeParse('', text), encodeBind('', ''), encodeExecute('')];
const insert = run("INSERT INTO effects VALUES ('x')");
const refused = 'the target refused a query about its own catalog';
const told = () => {
  const result = answers;
  answers = [];
  return result;
};

describe('an own query', () => {
  it('before a simple Query', async () => {
    expect(await client.exchange([encodeQuery("SELECT 'ask'")])).toEqual(['T ?column?', 'D ask', 'C SELECT 1', 'Z I']);
    expect(told()).toEqual([['0', null]]);
  });

  it('in a pipeline it sees what ran before and commits nothing', async () => {
    const out = await client.exchange([
      ...insert,
      ...run("SELECT 'ask'"),
      ...run('SELECT 1/(n - n) FROM generate_series(1, 2) n'),
      encodeSync(),
    ]);
    expect(out).toEqual([
      '1',
      '2',
      'C INSERT 0 1',
      '1',
      '2',
      'D ask',
      'C SELECT 1',
      '1',
      '2',
      'E 22012 division by zero',
      'Z I',
    ]);
    expect(told()).toEqual([['1', null]]);
    await client.exchange([encodeQuery("SELECT 'ask'")]);
    expect(told()).toEqual([['0', null]]);
  });

  it('in a transaction block', async () => {
    await client.exchange([encodeQuery('BEGIN')]);
    expect((await client.exchange([encodeQuery("SELECT 'ask'")])).at(-1)).toBe('Z T');
    expect((await client.exchange([encodeQuery('COMMIT')])).at(-1)).toBe('Z I');
    expect(told()).toEqual([['0', null]]);
  });

  it('that fails alone does not harm the statement', async () => {
    expect(await client.exchange([encodeQuery("SELECT 'ask badly'")])).toEqual([
      'T ?column?',
      'D ask badly',
      'C SELECT 1',
      'Z I',
    ]);
    expect(told()).toEqual([refused]);
  });

  it.each([
    ['ask badly', 'E 42P01 relation "no_such_table" does not exist'],
    ['ask badly denied', 'E 42501 no'],
  ])('that fails inside a pipeline fails the pipeline (%s)', async (text, expected) => {
    const out = await client.exchange([...insert, ...run(`SELECT '${text}'`), ...insert, encodeSync()]);
    expect(out).toEqual(['1', '2', 'C INSERT 0 1', '1', '2', expected, 'Z I']);
    expect(told()).toEqual([refused]);
    await client.exchange([encodeQuery("SELECT 'ask'")]);
    expect(told()).toEqual([['0', null]]);
  });

  it('behind an error of the pipeline is refused, and the statement is skipped', async () => {
    client.send(...run('SELECT 1/(n - n) FROM generate_series(1, 2) n'), encodeFlush());
    await client.until((seen) => seen.length === 3);
    expect(await client.exchange([...run("SELECT 'ask'"), encodeSync()])).toEqual(['Z I']);
    expect(told()).toEqual([]);
  });

  it('without an open judgement is refused', async () => {
    await expect(current().query('SELECT 1')).rejects.toThrow('an own query cannot run now');
  });
});
