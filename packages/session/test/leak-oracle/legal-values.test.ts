import { hasPostgres15, startPostgres15, startPostgres18, type TestServer } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import { encodeBind, encodeDescribe, encodeExecute, encodeParse, encodeSync } from '@weir/wire-postgres';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cellsOf, findNeedles, needleOf } from './needles.ts';
import { openWorlds, policyOf, protectedValues, type Worlds } from './worlds.ts';

/** Every transform on a column of every type, in both formats: what comes is a value of its type, by the server's own word and by the client's parser. */

interface Column {
  readonly column: string;
  readonly type: string;
  readonly oid: number;
}

const transforms = ['redact', 'hash', 'fake', 'partial', 'null'].flatMap((transform) =>
  (transform === 'fake' || transform === 'partial' ? ['text', 'email', 'card', 'number'] : ['text']).map((content) => ({
    transform,
    content,
  })),
);

function suite(major: number, start: () => Promise<TestServer>): void {
  let server: TestServer;
  let worlds: Worlds;
  let columns: Column[];
  beforeAll(async () => {
    server = await start();
    worlds = await openWorlds(server, major);
    const { rows } = await worlds.both[0].direct.query<Column>(
      `SELECT attname AS column, format_type(atttypid, atttypmod) AS type, atttypid::int AS oid FROM pg_attribute
       WHERE attrelid = 'public.vault'::regclass AND attname LIKE 'm\\_%' ORDER BY attnum`,
    );
    columns = rows;
  });
  afterAll(async () => {
    await worlds?.close();
    await server?.stop();
  });

  /** The first row, direct (a column itself) or derived (an expression with it). */
  const cells = async (format: 0 | 1, expression: (column: string) => string) => {
    const [world] = worlds.both;
    const client = await world.client();
    const sql = `SELECT ${columns.map(({ column }) => expression(column)).join(', ')} FROM ONLY vault ORDER BY id LIMIT 1`;
    const bind = encodeBind('', '', { resultFormats: [format] });
    const answer = await client.exchange(
      encodeParse('', sql),
      bind,
      encodeDescribe('P', ''),
      encodeExecute(''),
      encodeSync(),
    );
    const row = answer.find(({ type }) => type === 'D');
    expect(row, answer.map(({ type, body }) => `${type} ${body}`).join('\n')).toBeDefined();
    return { answer, cells: cellsOf(row?.body ?? Buffer.alloc(2)) };
  };

  test.each(transforms)('$transform of $content', async ({ transform, content }) => {
    const [world] = worlds.both;
    worlds.runtime.policy = policyOf(transform, content);
    world.renew();
    // Partial masks show the end of a number, or the first letter of a text: what they show is theirs to show, and tested elsewhere.
    const hunted =
      transform === 'partial'
        ? []
        : (await protectedValues(world)).map(({ column, text, binary }) => needleOf(column, text, binary));
    for (const expression of [(column: string) => column, (column: string) => `CASE WHEN n > 0 THEN ${column} END`]) {
      for (const format of [0, 1] as const) {
        const { answer, cells: values } = await cells(format, expression);
        expect(findNeedles(answer, hunted)).toEqual([]);
        for (const [at, { column, type, oid }] of columns.entries()) {
          const value = values[at] ?? null;
          const what = `${expression(column)}, format ${format}: ${value?.toString(format === 0 ? 'utf8' : 'hex')}`;
          if (transform === 'null') expect(value, what).toBeNull();
          if (value === null) continue;
          if (format === 0) expect(() => pg.types.getTypeParser(oid, 'text')(value.toString()), what).not.toThrow();
          await expect(
            world.direct.query(`SELECT $1::${type}`, [format === 0 ? value.toString() : value]),
            what,
          ).resolves.toBeDefined();
        }
      }
    }
  });
}

describe('masked values are legal, PostgreSQL 18', () => suite(18, startPostgres18));
const postgres15 = lane('postgresql-15', hasPostgres15, 'Debian package postgresql-15 is not installed');
postgres15('masked values are legal, PostgreSQL 15', () => suite(15, startPostgres15));
