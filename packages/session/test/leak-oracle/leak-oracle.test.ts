import { hasPostgres15, startPostgres15, startPostgres18, type TestServer } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import { encodeBind, encodeDescribe, encodeExecute, encodeParse, encodeQuery, encodeSync } from '@weir/wire-postgres';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RawClient, RawMessage } from '../fixture/raw-client.ts';
import { scripts } from './handwritten.ts';
import { cellsOf, findNeedles, type Needle, needleOf } from './needles.ts';
import type { Script } from './script.ts';
import { expressions, generatedShapes } from './shapes.ts';
import { type Way, ways } from './ways.ts';
import { openWorlds, protectedValues, type World, type Worlds } from './worlds.ts';

/**
 * Two databases that differ in nothing but the protected values are asked the same through Weir. Whatever the client sees must be the same for both
 * (nothing that depends on a value leaves, in whatever form), and no spelling of any value may stand in it.
 */

interface Tally {
  shapes: number;
  runs: number;
  cells: number;
  overMasked: string[];
  overDenied: string[];
  dependentDenied: number;
}

/** Rows as text when the server is asked directly; null when it refuses. */
async function directRows({ direct }: World, sql: string): Promise<(string | null)[][] | null> {
  const query: pg.QueryArrayConfig & { types: pg.CustomTypesConfig } = {
    ...{ text: sql, rowMode: 'array' as const },
    types: { getTypeParser: () => (value: string) => value } as pg.CustomTypesConfig,
  };
  await direct.query('BEGIN');
  try {
    return (await direct.query<(string | null)[]>(query)).rows;
  } catch {
    return null;
  } finally {
    await direct.query('ROLLBACK');
  }
}

/** What a client sees, without what no value decides: OIDs of objects that were just made, numbers of processes. */
const say = (messages: readonly RawMessage[]) =>
  messages
    .map(({ type, body }) => {
      const cells =
        type === 'D'
          ? cellsOf(body)
              .map((cell) => cell?.toString('latin1'))
              .join('|')
          : body.toString('latin1');
      if (type === 'T') return `T ${body.readInt16BE(0)}`;
      return `${type} ${type === 'A' ? body.toString('latin1', 4) : cells}`.replaceAll(/pg_temp_\d+/g, 'pg_temp');
    })
    .join('\n');

function suite(major: number, start: () => Promise<TestServer>, everyWay: boolean): void {
  let server: TestServer;
  let worlds: Worlds;
  let needles: Needle[];
  const tally: Tally = { shapes: 0, runs: 0, cells: 0, overMasked: [], overDenied: [], dependentDenied: 0 };
  beforeAll(async () => {
    server = await start();
    worlds = await openWorlds(server, major);
    needles = (await Promise.all(worlds.both.map(protectedValues)))
      .flat()
      .map(({ column, text, binary }) => needleOf(column, text, binary));
  });
  afterAll(async () => {
    await worlds?.close();
    await server?.stop();
  });

  /** The answers of both worlds to one way of asking, inside BEGIN … ROLLBACK. */
  const ask = async (run: (client: RawClient) => Promise<RawMessage[]>): Promise<[RawMessage[], RawMessage[]]> => {
    const answers: RawMessage[][] = [];
    for (const world of worlds.both) {
      const client = await world.client();
      await client.exchange(encodeQuery('BEGIN'));
      answers.push(await run(client));
      await client.exchange(encodeQuery('ROLLBACK'));
    }
    tally.runs += 1;
    return answers as [RawMessage[], RawMessage[]];
  };
  const expectNothing = ([a, b]: [RawMessage[], RawMessage[]], what: string) => {
    expect(findNeedles([...a, ...b], needles), `${what}\n${say(a)}`).toEqual([]);
    expect(say(a), what).toBe(say(b));
  };
  /** What was hidden or refused though it depends on no protected value. */
  const count = async (sql: string, [answer]: [RawMessage[], RawMessage[]]) => {
    const [a, b] = [await directRows(worlds.both[0], sql), await directRows(worlds.both[1], sql)];
    const shown = answer
      .filter(({ type }) => type === 'D')
      .map(({ body }) => cellsOf(body).map((cell) => cell?.toString() ?? null));
    if (a === null || b === null) return;
    const isRefused = answer.some(({ type }) => type === 'E');
    const dependent = JSON.stringify(a) !== JSON.stringify(b);
    if (isRefused) {
      if (dependent) tally.dependentDenied += 1;
      else tally.overDenied.push(sql);
      return;
    }
    for (const [at, row] of a.entries()) {
      for (const [column, cell] of row.entries()) {
        tally.cells += 1;
        if (cell === (b[at]?.[column] ?? null) && cell !== (shown[at]?.[column] ?? null))
          tally.overMasked.push(`${sql} -- ${cell}`);
      }
    }
  };

  const generated = generatedShapes(everyWay ? 5 : 2);
  const names = Object.keys(ways);
  test.each(expressions.map((expression, at) => ({ expression, at })))('$expression', async ({ at }) => {
    const each = generated.length / expressions.length;
    for (const [turn, sql] of generated.slice(at * each, (at + 1) * each).entries()) {
      tally.shapes += 1;
      const first = await ask((client) => (ways['query'] as Way)(client, sql));
      expectNothing(first, `query: ${sql}`);
      await count(sql, first);
      for (let step = 0; step < (everyWay ? 3 : 1); step += 1) {
        const way = names[1 + ((at * 3 + turn * 4 + step * 3) % (names.length - 1))] as string;
        expectNothing(await ask((client) => (ways[way] as Way)(client, sql)), `${way}: ${sql}`);
      }
    }
  });

  const known = scripts.filter(({ since = 0 }) => since <= major);
  test.each(known.map((entry) => ({ ...entry, title: entry.statements.join('; ').slice(0, 150) })))(
    '$title',
    async ({ statements }: Script) => {
      tally.shapes += 1;
      const bySimple = await ask(async (client) => {
        const answers: RawMessage[] = [];
        for (const sql of statements) answers.push(...(await client.exchange(encodeQuery(sql))));
        return answers;
      });
      expectNothing(bySimple, statements.join('; '));
      if (statements.length === 1 && !statements[0]?.includes(';')) await count(statements[0] ?? '', bySimple);
      if (statements.some((sql) => /;/.test(sql))) return;
      for (const format of [0, 1]) {
        const byExtended = await ask(async (client) => {
          const answers: RawMessage[] = [];
          for (const sql of statements) {
            const bind = encodeBind('', '', { resultFormats: [format] });
            const messages = [encodeParse('', sql), bind, encodeDescribe('P', ''), encodeExecute(''), encodeSync()];
            answers.push(...(await client.exchange(...messages)));
          }
          return answers;
        });
        expectNothing(byExtended, `extended ${format}: ${statements.join('; ')}`);
      }
    },
  );

  test('what is hidden or refused without need stays little', () => {
    const { shapes, runs, cells, overMasked, overDenied, dependentDenied } = tally;
    console.log(
      `leak oracle, PostgreSQL ${major}: ${shapes} shapes, ${runs} runs in two worlds, 0 leaks; of ${cells} cells ${overMasked.length} were masked and ` +
        `${overDenied.length} shapes denied that depend on no protected value; ${dependentDenied} shapes denied that do`,
    );
    if (process.env['LEAK_ORACLE_LIST']) console.log([...overMasked, ...overDenied].join('\n'));
    if (everyWay) expect(shapes).toBeGreaterThanOrEqual(300);
    expect(overMasked.length / cells).toBeLessThan(0.03);
    expect(overDenied.length / shapes).toBeLessThan(0.07);
  });
}

describe('leak oracle, PostgreSQL 18', () => suite(18, startPostgres18, true));
const postgres15 = lane('postgresql-15', hasPostgres15, 'Debian package postgresql-15 is not installed');
postgres15('leak oracle, PostgreSQL 15', () => suite(15, startPostgres15, false));
