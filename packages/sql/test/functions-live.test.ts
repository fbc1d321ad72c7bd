import { readFileSync } from 'node:fs';
import { startPostgres18, type TestServer } from '@weir/testkit';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type AnalysedStatement,
  buildCatalog,
  type Catalog,
  catalogQueries,
  createPostgresAnalyser,
} from '../src/index.ts';

interface FunctionCase {
  readonly name: string;
  readonly sql: string;
  /** Where the values of users.email can be. */
  readonly expect: 'masked' | 'clear' | 'opaque';
}

const read = (name: string) => readFileSync(new URL(`./cases/${name}`, import.meta.url), 'utf8');
const cases = read('functions.jsonl')
  .split('\n')
  .filter(Boolean)
  .map((line) => JSON.parse(line) as FunctionCase);

const analyser = await createPostgresAnalyser({ trustedFunctions: ['public.block_dynamic'] });
const distrustful = await createPostgresAnalyser();

describe('bodies of functions', () => {
  let server: TestServer;
  let client: pg.Client;
  let catalog: Catalog;
  const load = async () => {
    const rows: (string | null)[][][] = [];
    for (const text of catalogQueries(180_000))
      rows.push((await client.query<(string | null)[]>({ text, rowMode: 'array' })).rows);
    await client.query('RESET search_path');
    return buildCatalog({ answers: rows });
  };
  beforeAll(async () => {
    server = await startPostgres18();
    client = new pg.Client(server.adminUrl);
    await client.connect();
    await client.query(read('functions.sql'));
    catalog = await load();
    analyser.loadCatalog(catalog);
    distrustful.loadCatalog(catalog);
  });
  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });

  const analyse = (sql: string, searchPath = ['pg_catalog', 'public'], by = distrustful): AnalysedStatement => {
    const result = by.analyse({
      ...{ text: sql, searchPath, role: 'postgres', objects: { prepared: {}, cursors: {} } },
      catalogVersion: catalog.version,
    });
    if (!result.ok || result.statements[0] === undefined) throw new Error(JSON.stringify(result));
    expect(result.unknownRelations).toEqual([]);
    return result.statements[0];
  };
  const isEmail = ({ schema, column }: { schema: string; column: string }) => schema === 'public' && column === 'email';
  const copies = (sql: string) =>
    analyse(sql).facts.copies.map(({ from, to }) => `${from.table}.${from.column} -> ${to?.table ?? '?'}`);

  test.each(cases)('$expect: $name: $sql', async ({ sql, expect: expected }) => {
    const { facts } = analyse(sql);
    expect(facts.opaque.length > 0, JSON.stringify(facts.opaque)).toBe(expected === 'opaque');
    if (expected === 'opaque') return;
    const outputs = facts.outputs ?? [];
    expect(outputs.some(({ origins }) => origins.some(isEmail))).toBe(expected === 'masked');
    await client.query('BEGIN');
    const answer = await client.query({ text: sql, rowMode: 'array' }).finally(() => client.query('ROLLBACK'));
    expect(outputs.map(({ name }) => name)).toEqual(answer.fields.map(({ name }) => name));
    for (const [at, { opaque, origins }] of outputs.entries()) {
      if (opaque || origins.some(isEmail)) continue;
      expect(JSON.stringify(answer.rows.map((row) => row[at]))).not.toContain('CANARY');
    }
  });

  test('names in a body are looked up where its caller looks', () => {
    expect(analyse('select public.sql_scalar()').facts.outputs?.[0]?.origins).toEqual([
      { schema: 'public', table: 'users', column: 'email' },
    ]);
    const elsewhere = analyse('select public.sql_scalar()', ['pg_catalog', 'other', 'public']);
    expect(elsewhere.facts.outputs?.[0]?.origins).toEqual([{ schema: 'other', table: 'users', column: 'email' }]);
    for (const call of ['fixed', 'definer_fixed', 'atomic_mail']) {
      const { facts } = analyse(`select public.${call}(${call === 'atomic_mail' ? 1 : ''})`, ['pg_catalog', 'other']);
      expect(facts.outputs?.[0]?.origins, call).toEqual([{ schema: 'public', table: 'users', column: 'email' }]);
    }
  });

  test.each<[string, string[], string[]]>([
    ["select writes('x')", ['insert', 'select'], []],
    ['select writes(email) from users', ['insert', 'select'], ['users.email -> log']],
    ["select block_writes('x')", ['delete', 'insert', 'select'], ['users.email -> log']],
    ['call sql_move((select email from users limit 1))', ['call', 'insert'], ['users.email -> log']],
    ['select block_notice()', ['select'], ['users.email -> ?']],
    ['select settings_trick()', ['select'], ['users.email -> ?']],
    ['do $$ begin perform writes(email) from users; end $$', ['do', 'insert', 'select'], ['users.email -> log']],
  ])('effects of a body are effects of the statement: %s', (sql, kinds, expected) => {
    expect([...analyse(sql).facts.kinds].sort()).toEqual(kinds);
    const { opaque } = analyse(sql).facts;
    if (opaque.length === 0) expect(copies(sql)).toEqual(expect.arrayContaining(expected));
    else expect(sql).toContain('settings_trick');
  });

  test('what a block decides by is influence, and what its SQL filters by, too', () => {
    for (const sql of ['select block_branch(1)', 'select block_compare(1)', 'select block_caught(1)'])
      expect(analyse(sql).facts.influence.some(isEmail), sql).toBe(true);
    expect(analyse("select id from users where sql_name(1) = 'x'").facts.influence.some(isEmail)).toBe(false);
  });

  test('changes inside a body are changes of the statement, and arguments meet the columns that the body writes', () => {
    expect(analyse("select block_writes('x')").facts.dataChanges).toBe(2);
    expect(analyse('select sql_scalar()').facts.dataChanges).toBe(0);
    const { placed } = analyse("select writes('***'), writes(12345::text)").facts;
    expect(placed.map(({ column, place, value }) => [column.table, place, value])).toEqual([
      ['log', 'store', { text: '***' }],
      ['log', 'store', { text: '12345' }],
    ]);
  });

  test('a function that is trusted is not looked into; one that calls it is', () => {
    expect(analyse('select block_dynamic()', undefined, analyser).facts.opaque).toEqual([]);
    expect(analyse('select block_calls_dynamic()', undefined, analyser).facts.opaque).toEqual([]);
    expect(analyse('select block_loop_dynamic()', undefined, analyser).facts.opaque).not.toEqual([]);
  });

  test('a replaced body is another version of the catalog', async () => {
    await client.query(
      "CREATE OR REPLACE FUNCTION sql_number(int) RETURNS int LANGUAGE sql AS 'SELECT length(email) FROM users LIMIT 1'",
    );
    const next = await load();
    expect(next.version).not.toBe(catalog.version);
    distrustful.loadCatalog(next);
    catalog = next;
    expect(analyse('select sql_number(1)').facts.outputs?.[0]?.origins.some(isEmail)).toBe(true);
  });
});
