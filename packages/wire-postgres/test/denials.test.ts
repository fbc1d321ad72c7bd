import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Decision,
  encodeBind,
  encodeClose,
  encodeDescribe,
  encodeExecute,
  encodeFlush,
  encodeParse,
  encodeQuery,
  encodeSync,
  errorFields,
  type JudgeRequest,
} from '../src/index.ts';
import { connectRaw, type RawClient } from './raw-client.ts';
import { type RealServer, startRealServer } from './real-server.ts';
import { type Relay, startRelay } from './relay.ts';

/** Statements that say "forbidden" are denied; in the phase that they name (`forbidden execute`), else in the first. */
function judge(request: JudgeRequest): Decision | Promise<Decision> {
  const isForbidden = request.text.includes('forbidden execute')
    ? request.phase === 'execute'
    : request.text.includes('forbidden');
  const decision: Decision = isForbidden
    ? { action: 'deny', error: errorFields('42501', 'the gate says no') }
    : { action: 'forward', ticket: request.text, describe: true };
  if (!request.text.includes('slowly')) return decision;
  return new Promise((resolve) => setImmediate(() => resolve(decision)));
}

const no = 'E 42501 the gate says no';
const run = (text: string) => [encodeParse('', text), encodeBind('', ''), encodeExecute('')];
let server: RealServer;
let relay: Relay;
let client: RawClient;

beforeAll(async () => {
  server = await startRealServer();
  relay = await startRelay(server.socketPath, () => ({ judge }));
  client = await connectRaw(relay.port);
  await client.exchange([encodeQuery('CREATE TABLE effects (what text)')]);
});
afterAll(async () => {
  client.close();
  await relay.close();
  await server.stop();
});

const effects = async () =>
  (await client.exchange([encodeQuery('SELECT what FROM effects ORDER BY what')])).filter((m) => m.startsWith('D '));

describe.each(['', ' slowly'])('a denied statement (decided%s)', (slowly) => {
  it('simple, idle: an error, and the connection stays idle', async () => {
    expect(await client.exchange([encodeQuery(`SELECT forbidden${slowly}`)])).toEqual([no, 'Z I']);
    expect(await client.exchange([encodeQuery('SELECT 1')])).toEqual(['T ?column?', 'D 1', 'C SELECT 1', 'Z I']);
  });

  it('simple, inside a transaction block: the block is failed and cannot be committed', async () => {
    await client.exchange([encodeQuery('BEGIN')]);
    await client.exchange([encodeQuery("INSERT INTO effects VALUES ('block')")]);
    expect(await client.exchange([encodeQuery(`SELECT forbidden${slowly}`)])).toEqual([no, 'Z E']);
    expect((await client.exchange([encodeQuery('SELECT 1')]))[0]).toMatch(/^E 25P02/);
    expect(await client.exchange([encodeQuery('COMMIT')])).toEqual(['C ROLLBACK', 'Z I']);
    expect(await effects()).toEqual([]);
  });

  it('simple, behind others that are not answered yet: answers keep their order', async () => {
    const out = await client.exchange(
      [encodeQuery('SELECT 1'), encodeQuery(`SELECT forbidden${slowly}`), encodeQuery('SELECT 3')],
      3,
    );
    expect(out).toEqual([
      'T ?column?',
      'D 1',
      'C SELECT 1',
      'Z I',
      no,
      'Z I',
      'T ?column?',
      'D 3',
      'C SELECT 1',
      'Z I',
    ]);
  });

  it('Parse, idle: an error, messages are skipped to Sync', async () => {
    expect(await client.exchange([...run(`SELECT forbidden${slowly}`), encodeSync()])).toEqual([no, 'Z I']);
  });

  it.each(['forbidden', 'forbidden execute'])(
    '%s in the middle of a pipeline: nothing of the pipeline is committed',
    async (word) => {
      const insert = run("INSERT INTO effects VALUES ('pipeline')");
      const out = await client.exchange([
        ...insert,
        ...run(`SELECT '${word}'${slowly ? '::text AS slowly' : ''}`),
        ...insert,
        encodeSync(),
      ]);
      const answered = word === 'forbidden' ? [no, 'Z I'] : ['1', '2', no, 'Z I'];
      expect(out).toEqual(['1', '2', 'C INSERT 0 1', ...answered]);
      expect(await effects()).toEqual([]);
    },
  );

  it('in the middle of a pipeline whose earlier answers were flushed', async () => {
    client.send(...run("INSERT INTO effects VALUES ('flushed')"), encodeFlush());
    expect(await client.until((seen) => seen.length === 3)).toEqual(['1', '2', 'C INSERT 0 1']);
    expect(await client.exchange([...run(`SELECT forbidden${slowly}`), encodeSync()])).toEqual([no, 'Z I']);
    expect(await effects()).toEqual([]);
  });

  it('simple Query behind an unfinished pipeline', async () => {
    client.send(...run("INSERT INTO effects VALUES ('unsynced')"), encodeFlush());
    await client.until((seen) => seen.length === 3);
    expect(await client.exchange([encodeQuery(`SELECT forbidden${slowly}`)])).toEqual([no, 'Z I']);
    expect(await effects()).toEqual([]);
  });

  it('Execute inside a transaction block fails the block', async () => {
    await client.exchange([encodeQuery('BEGIN')]);
    const out = await client.exchange([...run(`SELECT 'forbidden execute${slowly}'`), encodeSync()]);
    expect(out).toEqual(['1', '2', no, 'Z E']);
    expect(await client.exchange([encodeQuery('ROLLBACK')])).toEqual(['C ROLLBACK', 'Z I']);
  });

  it('after a Sync in the same burst the next pipeline runs', async () => {
    const out = await client.exchange(
      [...run(`SELECT forbidden${slowly}`), encodeSync(), ...run('SELECT 5'), encodeSync()],
      2,
    );
    expect(out).toEqual([no, 'Z I', '1', '2', 'D 5', 'C SELECT 1', 'Z I']);
  });
});

describe('names', () => {
  it('a statement that only SQL prepared cannot be bound', async () => {
    await client.exchange([encodeQuery('PREPARE hidden AS SELECT 42')]);
    const out = await client.exchange([encodeBind('', 'hidden'), encodeExecute(''), encodeSync()]);
    expect(out).toEqual(['E 26000 prepared statement "hidden" does not exist', 'Z I']);
  });

  it('a name that SQL took over is not trusted', async () => {
    await client.exchange([encodeParse('mine', 'SELECT 1'), encodeSync()]);
    await client.exchange([encodeQuery('DEALLOCATE mine')]);
    await client.exchange([encodeQuery("PREPARE mine AS SELECT 'other'")]);
    const out = await client.exchange([encodeBind('', 'mine'), encodeExecute(''), encodeSync()]);
    expect(out).toEqual(['E 26000 prepared statement "mine" does not exist', 'Z I']);
    await client.exchange([encodeQuery('DEALLOCATE mine')]);
  });

  it('a Parse that fails leaves the name with its old meaning, even in one burst', async () => {
    await client.exchange([encodeParse('kept', "SELECT 'old forbidden execute'"), encodeSync()]);
    const burst = [
      encodeParse('kept', 'SELECT 2'),
      encodeSync(),
      encodeBind('', 'kept'),
      encodeExecute(''),
      encodeSync(),
    ];
    expect(await client.exchange(burst, 2)).toEqual([
      'E 42P05 prepared statement "kept" already exists',
      'Z I',
      '2',
      no,
      'Z I',
    ]);
    expect(await client.exchange([encodeClose('S', 'kept'), encodeSync()])).toEqual(['3', 'Z I']);
  });

  it('a name freed by DEALLOCATE can be prepared again', async () => {
    await client.exchange([encodeParse('again', 'SELECT 1'), encodeSync()]);
    await client.exchange([encodeQuery('DEALLOCATE again')]);
    const burst = [encodeParse('again', 'SELECT 2'), encodeBind('', 'again'), encodeExecute(''), encodeSync()];
    expect(await client.exchange(burst)).toEqual(['1', '2', 'D 2', 'C SELECT 1', 'Z I']);
  });

  it('a cursor of SQL cannot be executed by the protocol', async () => {
    await client.exchange([encodeQuery('BEGIN; DECLARE hidden CURSOR FOR SELECT 42')]);
    expect((await client.exchange([encodeExecute('hidden'), encodeSync()]))[0]).toBe(
      'E 34000 portal "hidden" does not exist',
    );
    await client.exchange([encodeQuery('ROLLBACK')]);
  });

  it('a cursor of SQL can be described by the protocol, as psycopg does before it fetches', async () => {
    await client.exchange([encodeQuery('BEGIN; DECLARE walk CURSOR FOR SELECT 42 AS n')]);
    const described = await client.exchange([encodeDescribe('P', 'walk'), encodeSync()]);
    expect(described).toEqual([expect.stringMatching(/^T/), 'Z T']);
    expect(await client.exchange([encodeDescribe('P', 'other'), encodeSync()])).toEqual([
      'E 34000 portal "other" does not exist',
      'Z E',
    ]);
    await client.exchange([encodeQuery('ROLLBACK')]);
  });

  it.each([
    ['Describe of an unknown statement', [encodeDescribe('S', 'none'), encodeSync()], 'E 26000'],
    ['Describe of an unknown portal', [encodeDescribe('P', 'none'), encodeSync()], 'E 34000'],
    ['a reserved statement name', [encodeParse('weir.query', 'SELECT 1'), encodeSync()], 'E 42602'],
    ['a reserved portal name', [encodeParse('', 'SELECT 1'), encodeBind('weir.x', ''), encodeSync()], 'E 42602'],
  ])('%s is refused', async (_what, messages, expected) => {
    const out = await client.exchange(messages);
    expect(out.find((message) => message.startsWith('E'))).toMatch(new RegExp(`^${expected}`));
    expect(out.at(-1)).toBe('Z I');
  });
});

describe('the transaction around it', () => {
  it('portals live with row limits and end with their transaction', async () => {
    await client.exchange([encodeQuery('BEGIN')]);
    const begin = [
      encodeParse('', 'SELECT generate_series(1, 3)'),
      encodeBind('p', ''),
      encodeExecute('p', 2),
      encodeSync(),
    ];
    expect(await client.exchange(begin)).toEqual(['1', '2', 'D 1', 'D 2', 's', 'Z T']);
    expect(await client.exchange([encodeExecute('p', 2), encodeSync()])).toEqual(['D 3', 'C SELECT 1', 'Z T']);
    await client.exchange([encodeQuery('COMMIT')]);
    expect((await client.exchange([encodeExecute('p'), encodeSync()]))[0]).toMatch(/^E 34000/);
  });

  it('an error in the middle of a pipeline skips to Sync and undoes what came before', async () => {
    const burst = [
      ...run("INSERT INTO effects VALUES ('x')"),
      ...run('SELECT 1/(n - 1) FROM generate_series(1, 2) n'),
      ...run('SELECT 2'),
      encodeSync(),
      ...run('SELECT 3'),
      encodeSync(),
    ];
    const out = await client.exchange(burst, 2);
    expect(out).toEqual([
      '1',
      '2',
      'C INSERT 0 1',
      '1',
      '2',
      'E 22012 division by zero',
      'Z I',
      '1',
      '2',
      'D 3',
      'C SELECT 1',
      'Z I',
    ]);
    expect(await effects()).toEqual([]);
  });

  it('a deferred constraint fails at Sync', async () => {
    await client.exchange([encodeQuery('CREATE TABLE once (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)')]);
    const insert = run('INSERT INTO once VALUES (1)');
    const out = await client.exchange([...insert, ...insert, encodeSync()]);
    expect(out.slice(0, 6)).toEqual(['1', '2', 'C INSERT 0 1', '1', '2', 'C INSERT 0 1']);
    expect(out[6]).toMatch(/^E 23505/);
    expect(out[7]).toBe('Z I');
  });

  it('function calls by the fast path are refused and the connection stays', async () => {
    const call = Buffer.from([0x46, 0, 0, 0, 14, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    expect(await client.exchange([call])).toEqual([
      'E 0A000 function calls by the fast-path protocol are not supported',
      'Z I',
    ]);
  });
});
