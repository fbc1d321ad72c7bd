import { readFileSync } from 'node:fs';
import { hasPostgres15, startPostgres15, startPostgres18, type TestServer } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type AnalysedStatement,
  buildCatalog,
  type Catalog,
  catalogFingerprintQuery,
  catalogQueries,
  createPostgresAnalyser,
  type SessionObjects,
} from '../src/index.ts';
import { createQueryGenerator } from './random-queries.ts';

interface LineageCase {
  readonly name: string;
  readonly sql: string;
  readonly expect: 'masked' | 'clear' | 'opaque';
  /** First major version that knows the syntax. */
  readonly since?: number;
  /** Protected table and column; users.email unless told. */
  readonly protect?: string;
  readonly column?: string;
  /** Denied as not understood, which is stricter than it had to be. */
  readonly opaqueToo?: boolean;
}

const cases = readFileSync(new URL('./cases/lineage.jsonl', import.meta.url), 'utf8')
  .split('\n')
  .filter(Boolean)
  .map((line) => JSON.parse(line) as LineageCase);
const schema = readFileSync(new URL('./cases/schema.sql', import.meta.url), 'utf8');

/** Statements of clients as a server logged them, one file per client and version of the server. */
const metadataFiles = ['psql-15.sql', 'psql-18.sql', 'pg_dump-15.sql'];

const analyser = await createPostgresAnalyser();

function analyse(catalog: Catalog, entry: LineageCase): AnalysedStatement {
  const result = analyser.analyse({
    text: entry.sql,
    searchPath: ['pg_catalog', 'public'],
    role: 'postgres',
    objects: { prepared: {}, cursors: {} },
    catalogVersion: catalog.version,
  });
  expect(result.ok, JSON.stringify(result)).toBe(true);
  if (!result.ok || result.statements[0] === undefined) throw new Error('no statement');
  // The server runs all but one, so every name in them means something.
  const unknown = entry.sql.includes('no_such_column') ? ['"no_such_column"'] : [];
  expect([...result.unknownColumns, ...result.unknownFunctions], entry.sql).toEqual(unknown);
  return result.statements[0];
}

function isProtected(entry: LineageCase) {
  const [table, column] = [entry.protect ?? 'users', entry.column ?? 'email'];
  return (origin: { schema: string; table: string; column: string }) =>
    origin.schema === 'public' && origin.table === table && origin.column === column;
}

/** Text values in all columns, as the server sent them. */
async function run(client: pg.Client, sql: string) {
  await client.query('BEGIN');
  try {
    return await client.query({
      text: sql,
      rowMode: 'array',
      types: { getTypeParser: () => (value: string) => value },
    });
  } finally {
    await client.query('ROLLBACK');
  }
}

/** Suite on one server: the operator's verdict, and what the server really delivers. */
function liveSuite(start: () => Promise<TestServer>, major: number): void {
  let server: TestServer;
  let client: pg.Client;
  let catalog: Catalog;
  beforeAll(async () => {
    server = await start();
    client = new pg.Client({ connectionString: server.adminUrl });
    await client.connect();
    await client.query(schema);
    const answers: (string | null)[][][] = [];
    for (const text of catalogQueries(major * 10_000)) {
      answers.push((await client.query<(string | null)[]>({ text, rowMode: 'array' })).rows);
    }
    await client.query('RESET search_path');
    catalog = buildCatalog({ answers });
    analyser.loadCatalog(catalog);
  });
  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });

  test.each(cases.filter(({ since }) => (since ?? 0) <= major))('$expect: $name', async (entry) => {
    const { facts } = analyse(catalog, entry);
    const carries = (facts.outputs ?? []).some(({ origins }) => origins.some(isProtected(entry)));
    if (entry.expect === 'masked') expect(carries, JSON.stringify(facts)).toBe(true);
    if (entry.expect === 'clear') expect(carries, JSON.stringify(facts.outputs)).toBe(false);
    const isOpaque = facts.opaque.length > 0;
    if (entry.opaqueToo !== true)
      expect(facts.opaque.length > 0, JSON.stringify(facts.opaque)).toBe(entry.expect === 'opaque');
    if (isOpaque) return;

    const answer = await run(client, entry.sql);
    const outputs = facts.outputs ?? [];
    expect(outputs.map(({ name }) => name)).toEqual(answer.fields.map(({ name }) => name));
    for (const [at, output] of outputs.entries()) {
      const field = answer.fields[at];
      const relation = catalog.relations.find(({ oid }) => oid === field?.tableID);
      const column = relation?.columns.find(({ number }) => number === field?.columnID);
      if (relation && column) {
        const named = output.origins.filter(
          (origin) => origin.schema === relation.schema && origin.table === relation.name,
        );
        expect(
          named.map((origin) => origin.column),
          output.name,
        ).toContain(column.name);
      }
      if (output.direct && output.typeOid !== null) expect(output.typeOid, output.name).toBe(field?.dataTypeID);
      if (output.opaque || output.origins.some((origin) => /email|secret/.test(origin.column))) continue;
      const values = answer.rows.map((row) => String((row as unknown[])[at]));
      expect(
        values.filter((value) => /canary/i.test(value)),
        output.name,
      ).toEqual([]);
    }
  });

  test('no column of random queries that is said to be clear holds a protected value', async () => {
    const next = createQueryGenerator(20_261 + major);
    let delivered = 0;
    for (let at = 0; at < 300; at += 1) {
      const sql = next();
      const answer = await run(client, sql).catch((error: unknown) => {
        // The generator does not know types and collations; what the server refuses says nothing.
        if (error instanceof pg.DatabaseError) return null;
        throw error;
      });
      if (answer === null) continue;
      delivered += 1;
      const { facts } = analyse(catalog, { name: '', sql, expect: 'clear' });
      expect(facts.opaque, sql).toEqual([]);
      const names = (facts.outputs ?? []).map(({ name }) => name);
      expect(names, sql).toEqual(answer.fields.map(({ name }) => name));
      for (const [column, { origins, opaque }] of (facts.outputs ?? []).entries()) {
        if (opaque || origins.some((origin) => /^(email|secret)$/.test(origin.column))) continue;
        const values = answer.rows.map((row) => String((row as unknown[])[column]));
        expect(
          values.filter((value) => /canary/i.test(value)),
          sql,
        ).toEqual([]);
      }
    }
    expect(delivered).toBeGreaterThan(150);
  });

  test.each(metadataFiles.filter((name) => name.endsWith(`-${major}.sql`)))(
    'what clients ask for metadata is understood: %s',
    (name) => {
      let objects: SessionObjects = { prepared: {}, cursors: {} };
      let searchPath = ['pg_catalog', 'public'];
      const texts = readFileSync(new URL(`./cases/${name}`, import.meta.url), 'utf8').split('\n-- next\n');
      for (const text of texts) {
        const result = analyser.analyse({
          text,
          searchPath,
          role: 'postgres',
          objects,
          catalogVersion: catalog.version,
        });
        expect(result.ok && result.statements.flatMap(({ facts }) => facts.opaque), text).toEqual([]);
        if (!result.ok) continue;
        for (const change of result.statements.flatMap(({ changes }) => changes)) {
          if (change.change === 'prepare')
            objects = { ...objects, prepared: { ...objects.prepared, [change.name]: change } };
          if (change.change === 'declare')
            objects = { ...objects, cursors: { ...objects.cursors, [change.name]: change } };
          if (change.change === 'environment') searchPath = ['pg_catalog'];
        }
      }
      expect(texts.length).toBeGreaterThan(30);
    },
  );

  test('the fingerprint changes with what the catalog holds, and only then', async () => {
    const ask = async () =>
      (await client.query<(string | null)[]>({ text: catalogFingerprintQuery, rowMode: 'array' })).rows[0]?.[0];
    const steps = [
      'CREATE TABLE fp (a int)',
      'ALTER TABLE fp ADD COLUMN b text',
      'ALTER TABLE fp RENAME COLUMN b TO c',
      'CREATE VIEW fpv AS SELECT a FROM fp',
      'CREATE OR REPLACE VIEW fpv AS SELECT a + 1 AS a FROM fp',
      'CREATE FUNCTION fpf() RETURNS int LANGUAGE sql AS $$SELECT 1$$',
      'CREATE OR REPLACE FUNCTION fpf() RETURNS int LANGUAGE sql AS $$SELECT 2$$',
      'CREATE TYPE fpt AS ENUM ($$a$$)',
      'ALTER TABLE fp SET SCHEMA hr',
      'CREATE RULE fpr AS ON DELETE TO hr.fp DO ALSO NOTIFY x',
      'DROP TABLE hr.fp CASCADE',
    ];
    let before = await ask();
    for (const step of steps) {
      await client.query(step);
      const after = await ask();
      expect(after, step).not.toBe(before);
      before = after;
    }
    await client.query("INSERT INTO orders VALUES (77, 1, 1, 'x'); ANALYZE orders");
    expect(await ask()).toBe(before);
  });
}

describe('lineage on PostgreSQL 18', () => {
  liveSuite(startPostgres18, 18);
});

lane(
  'postgresql-15',
  hasPostgres15,
  "Debian's PostgreSQL 15 is not installed",
)('lineage on PostgreSQL 15', () => {
  liveSuite(startPostgres15, 15);
});
