import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CellMask,
  type CsvOptions,
  encodeBind,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodeQuery,
  encodeSync,
  type RowMasks,
} from '../src/index.ts';
import { connectRaw, type RawClient } from './raw-client.ts';
import { type RealServer, startRealServer } from './real-server.ts';
import { type Relay, startRelay } from './relay.ts';

/** Writes `text` in place of every value. */
export function fixedMask(text: string): CellMask {
  const bytes = Buffer.from(text);
  return {
    maxLength: () => bytes.length,
    write: (_source, _start, _end, target, offset) => bytes.copy(target, offset),
  };
}
/** The value behind a `#`, doubled: longer than what it replaces. */
const growing: CellMask = {
  maxLength: (length) => length * 2 + 1,
  write(source, start, end, target, offset) {
    target[offset] = 0x23;
    const first = source.copy(target, offset + 1, start, end);
    return 1 + first + source.copy(target, offset + 1 + first, start, end);
  },
};
const toNull: CellMask = { maxLength: () => 0, write: () => -1 };

const byColumn: Record<string, CellMask> = {
  secret: fixedMask('***'),
  big: growing,
  gone: toNull,
  awkward: fixedMask('a\tb\\c\n"d",e'),
};
const masksOf = (names: readonly string[]): RowMasks => names.map((name) => byColumn[name] ?? null);
let copyAnswer: { masks: RowMasks | null; csv: CsvOptions | null } | 'refuse' = { masks: null, csv: null };
let samplesWanted = 0;

let server: RealServer;
let relay: Relay;
let client: RawClient;
beforeAll(async () => {
  server = await startRealServer();
  relay = await startRelay(server.socketPath, () => ({
    describe: (_ticket, _index, fields) => masksOf(fields.map((field) => field.name)),
    copyOut: () => copyAnswer,
    sampleRows: () => samplesWanted,
  }));
  client = await connectRaw(relay.port);
});
afterAll(async () => {
  client.close();
  await relay.close();
  await server.stop();
});
const rows = (messages: readonly string[]) => messages.filter((message) => /^[Dd] /.test(message));
const ask = async (sql: string) => rows(await client.exchange([encodeQuery(sql)]));

describe('masked rows', () => {
  it.each([
    ["SELECT 1 AS id, 'x' AS secret, 'tail' AS more", ['D 1|***|tail']],
    ['SELECT NULL AS secret, 2 AS id', ['D NULL|2']],
    ["SELECT 'ab' AS big, 'cd' AS big, 'e' AS id", ['D #abab|#cdcd|e']],
    ["SELECT 'v' AS gone, 'w' AS id", ['D NULL|w']],
    ["SELECT 'v' AS id, '' AS secret", ['D v|***']],
    ["SELECT i AS id, 's' AS secret FROM generate_series(1, 3) i", ['D 1|***', 'D 2|***', 'D 3|***']],
    ["SELECT 'v' AS secret LIMIT 0", []],
  ])('%s', async (sql, expected) => {
    expect(await ask(sql)).toEqual(expected);
  });

  it('each statement of a simple Query is described by itself', async () => {
    const log = relay.logs[0]!;
    log.described.length = 0;
    log.finished.length = 0;
    expect(await ask("SELECT 'a' AS secret; SET geqo = on; SELECT 'b' AS id")).toEqual(['D ***', 'D b']);
    expect(log.described.map(({ index, columns }) => ({ index, columns }))).toEqual([
      { index: 0, columns: ['secret'] },
      { index: 2, columns: ['id'] },
    ]);
    expect(log.finished.map(({ outcome }) => [outcome.index, outcome.tag, outcome.rows])).toEqual([
      [0, 'SELECT 1', 1],
      [1, 'SET', 0],
      [2, 'SELECT 1', 1],
    ]);
  });

  it('large rows across many chunks', async () => {
    const out = await ask(
      "SELECT repeat('z', 3000000) AS id, repeat('y', 300000) AS secret, repeat('x', 200000) AS big, 'end' AS tail FROM generate_series(1, 3)",
    );
    const expected = `D ${'z'.repeat(3_000_000)}|***|#${'x'.repeat(400_000)}|end`;
    expect(out.map((row) => row === expected)).toEqual([true, true, true]);
  });

  it.each([
    ['never described', []],
    ['portal described', [encodeDescribe('P', '')]],
  ])('extended protocol, %s, binary', async (_what, describes) => {
    const log = relay.logs[0]!;
    log.described.length = 0;
    const statement = encodeParse('', "SELECT 7 AS id, 'seven'::text AS secret");
    const burst = [
      statement,
      encodeBind('', '', { resultFormats: [1, 0] }),
      ...describes,
      encodeExecute(''),
      encodeSync(),
    ];
    expect(rows(await client.exchange(burst))).toEqual(['D \0\0\0\x07|***']);
    expect(log.described).toMatchObject([{ columns: ['id', 'secret'], formats: [1, 0] }]);
  });

  it('a statement described once is masked in every later execution', async () => {
    await client.exchange([
      encodeParse('again', "SELECT 'x' AS secret, $1::int AS n"),
      encodeDescribe('S', 'again'),
      encodeSync(),
    ]);
    for (const value of ['1', '2']) {
      const burst = [encodeBind('', 'again', { parameters: [Buffer.from(value)] }), encodeExecute(''), encodeSync()];
      expect(await client.exchange(burst)).toEqual(['2', `D ***|${value}`, 'C SELECT 1', 'Z I']);
    }
    expect(relay.logs[0]!.judged.at(-1)).toMatchObject({ phase: 'execute', parameters: ['32'], types: [23] });
  });

  it('FETCH by the extended protocol is described as its portal is, not as it was at Parse', async () => {
    await client.exchange([encodeQuery("BEGIN; DECLARE c CURSOR FOR SELECT 'x' AS id")]);
    await client.exchange([encodeParse('fetch', 'FETCH ALL FROM c'), encodeDescribe('S', 'fetch'), encodeSync()]);
    await client.exchange([encodeQuery("CLOSE c; DECLARE c CURSOR FOR SELECT 'x' AS secret")]);
    const out = await client.exchange([encodeBind('', 'fetch'), encodeExecute(''), encodeSync()]);
    expect(rows(out)).toEqual(['D ***']);
    await client.exchange([encodeQuery('COMMIT')]);
  });

  it('gives samples as delivered', async () => {
    const log = relay.logs[0]!;
    log.samples.length = 0;
    samplesWanted = 2;
    await ask("SELECT i AS id, 's' AS secret FROM generate_series(1, 5) i");
    await ask('SELECT i AS id FROM generate_series(1, 5) i');
    samplesWanted = 0;
    expect(log.samples.map((sample) => sample.cells)).toEqual([['1', '***'], ['2', '***'], ['1'], ['2']]);
    expect(log.finished.at(-1)?.outcome).toMatchObject({ rows: 5, tag: 'SELECT 5' });
  });
});

describe('COPY TO STDOUT', () => {
  const csv: CsvOptions = { delimiter: ',', quote: '"', escape: '"', nullText: '', header: true };
  const source =
    "(SELECT 1 AS id, E'a\\tb\\\\c\\nd' AS x UNION ALL SELECT 2, NULL UNION ALL SELECT 3, 'plain' ORDER BY 1)";
  it.each([
    [
      'text',
      '',
      { masks: [null, fixedMask('***')], csv: null },
      ['d "1\\t***\\n"', 'd "2\\t\\\\N\\n"', 'd "3\\t***\\n"'],
    ],
    [
      'text, escaped',
      '',
      { masks: [null, growing], csv: null },
      ['d "1\\t#a\\\\tb\\\\\\\\c\\\\nda\\\\tb\\\\\\\\c\\\\nd\\n"', 'd "2\\t\\\\N\\n"', 'd "3\\t#plainplain\\n"'],
    ],
    [
      'csv',
      '(FORMAT csv, HEADER)',
      { masks: [null, byColumn['awkward']!], csv },
      [
        'd "id,x\\n"',
        'd "1,\\"a\\tb\\\\c\\n\\"\\"d\\"\\",e\\"\\n"',
        'd "2,\\n"',
        'd "3,\\"a\\tb\\\\c\\n\\"\\"d\\"\\",e\\"\\n"',
      ],
    ],
    [
      'csv to null',
      '(FORMAT csv, HEADER)',
      { masks: [null, toNull], csv },
      ['d "id,x\\n"', 'd "1,\\n"', 'd "2,\\n"', 'd "3,\\n"'],
    ],
  ])('%s', async (_what, options, answer, expected) => {
    copyAnswer = answer;
    expect(await ask(`COPY ${source} TO STDOUT ${options}`)).toEqual(expected);
  });

  it('binary', async () => {
    copyAnswer = { masks: [null, fixedMask('***')], csv: null };
    const out = await client.exchange([encodeQuery(`COPY ${source} TO STDOUT (FORMAT binary)`)]);
    const text = out.join('');
    expect(text.split('***').length).toBe(3);
    expect(text).not.toContain('plain');
    expect(out.at(-2)).toBe('C COPY 3');
  });

  it('a COPY that the host cannot mask ends with an error and no data', async () => {
    copyAnswer = 'refuse';
    const out = await client.exchange([encodeQuery(`COPY ${source} TO STDOUT`)]);
    expect(out).toEqual(['E 42501 this COPY cannot be masked, so its data was withheld', 'Z I']);
    const burst = [encodeParse('', `COPY ${source} TO STDOUT`), encodeBind('', ''), encodeExecute(''), encodeSync()];
    expect((await client.exchange(burst)).slice(-2)).toEqual([
      'E 42501 this COPY cannot be masked, so its data was withheld',
      'Z I',
    ]);
    expect(await ask('SELECT 1')).toEqual(['D 1']);
  });
});
