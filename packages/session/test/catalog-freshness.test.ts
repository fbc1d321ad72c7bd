import { hasPostgres15, startPostgres15, startPostgres18, type TestServer } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import {
  encodeBind,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodeQuery,
  encodeSync,
  encodeTerminate,
} from '@weir/wire-postgres';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openRawClient, type RawClient } from './fixture/raw-client.ts';
import { startTestRuntime, type TestRuntime } from './fixture/test-runtime.ts';

/** Changes of the catalog that somebody makes past Weir, between the loading of the catalog and a statement of the client. */

const policy = `
apiVersion: weir.dev/v1
kind: Access
metadata: { name: everyone }
spec: { who: { principals: ['*'] }, connections: { names: ['*'] }, opaque: allow }
---
apiVersion: weir.dev/v1
kind: Masking
metadata: { name: secret }
spec: { columns: ['*.*.secret', 'public.guarded.name'], transform: redact }
`;

const schema = `
DROP SCHEMA IF EXISTS first, second, other, old CASCADE;
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
CREATE SCHEMA first;
CREATE TABLE people (id int PRIMARY KEY, name text, secret text);
INSERT INTO people VALUES (1, 'Ann', 'qzjvkxwhy');
CREATE TABLE plain (id int, name text);
INSERT INTO plain VALUES (1, 'plain');
CREATE VIEW v AS SELECT id, name FROM people;
CREATE VIEW vv AS SELECT id, name FROM v;
CREATE MATERIALIZED VIEW mv AS SELECT id, name FROM people;
CREATE FUNCTION inner_name() RETURNS text LANGUAGE sql AS $$ SELECT name FROM plain $$;
CREATE FUNCTION outer_name() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN inner_name(); END $$;
CREATE TABLE parent (id int, name text);
CREATE TABLE parts (id int, name text) PARTITION BY LIST (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1) PARTITION BY LIST (id);
CREATE TABLE made (id int, name text, secret text, g text GENERATED ALWAYS AS (name) STORED);
INSERT INTO made VALUES (1, 'Ann', 'qzjvkxwhy');
`;

interface Drift {
  readonly name: string;
  /** What the client has done before, so that definitions are known. */
  readonly before?: string;
  readonly change: string;
  readonly sql: string;
  /** First major version that can do it. */
  readonly since?: number;
}

const newView = 'CREATE OR REPLACE VIEW v AS SELECT id, secret AS name FROM people';
const newBody = `CREATE OR REPLACE FUNCTION inner_name() RETURNS text LANGUAGE sql AS 'SELECT secret FROM people'`;
const newBodyOverView = `CREATE OR REPLACE FUNCTION inner_name() RETURNS text LANGUAGE sql AS 'SELECT name FROM v'`;
const viewForTable = 'DROP TABLE plain; CREATE VIEW plain AS SELECT id, secret AS name FROM people';
const drifts: readonly Drift[] = [
  { name: 'a view', change: newView, sql: 'SELECT name FROM v' },
  { name: 'a view in an expression', change: newView, sql: 'SELECT upper(name) FROM v' },
  { name: 'a view below a view', change: newView, sql: 'SELECT name FROM vv' },
  { name: 'a view in a sub-select', change: newView, sql: 'SELECT (SELECT name FROM v)' },
  { name: 'a whole row of a view', change: newView, sql: 'SELECT v::text FROM v' },
  {
    name: 'a materialized view made again',
    change: `DROP MATERIALIZED VIEW mv; CREATE MATERIALIZED VIEW mv AS SELECT id, secret AS name FROM people`,
    sql: 'SELECT name FROM mv',
  },
  { name: 'a table replaced by a view', change: viewForTable, sql: 'SELECT name FROM plain' },
  { name: 'a table replaced by a view, in an expression', change: viewForTable, sql: "SELECT name || '' FROM plain" },
  {
    name: 'a view in a schema that is searched first',
    before: 'SET search_path = first, public',
    change: 'CREATE VIEW first.plain AS SELECT id, secret AS name FROM people',
    sql: 'SELECT plain::text FROM plain',
  },
  {
    name: 'the schema that is searched first',
    before: 'SET search_path = second, public',
    change: 'CREATE SCHEMA second; CREATE VIEW second.plain AS SELECT id, secret AS name FROM people',
    sql: 'SELECT name FROM plain',
  },
  {
    name: 'a schema with another name',
    before: 'SET search_path = first, public',
    change: `CREATE SCHEMA other; CREATE VIEW other.plain AS SELECT id, secret AS name FROM people;
      ALTER SCHEMA first RENAME TO old; ALTER SCHEMA other RENAME TO first`,
    sql: 'SELECT lower(name) FROM plain',
  },
  {
    name: 'a child of a plain table',
    change: `CREATE TABLE guarded () INHERITS (parent); INSERT INTO guarded VALUES (1, 'qzjvkxwhy')`,
    sql: 'SELECT upper(name) FROM parent',
  },
  {
    name: 'a partition',
    change: `CREATE TABLE guarded (id int, name text); INSERT INTO guarded VALUES (2, 'qzjvkxwhy');
      ALTER TABLE parts ATTACH PARTITION guarded FOR VALUES IN (2)`,
    sql: 'SELECT name FROM parts',
  },
  {
    name: 'a partition of a partition',
    change: `CREATE TABLE guarded (id int, name text); INSERT INTO guarded VALUES (1, 'qzjvkxwhy');
      ALTER TABLE parts_1 ATTACH PARTITION guarded FOR VALUES IN (1)`,
    sql: 'SELECT name FROM parts',
  },
  {
    name: 'a generated column made again',
    change: 'ALTER TABLE made DROP g; ALTER TABLE made ADD g text GENERATED ALWAYS AS (secret) STORED',
    sql: 'SELECT g FROM made',
  },
  {
    name: 'another expression of a generated column',
    change: 'ALTER TABLE made ALTER g SET EXPRESSION AS (secret)',
    sql: 'SELECT g FROM made',
    since: 17,
  },
  {
    name: 'a plain column that became a generated one',
    change: `ALTER TABLE made DROP name CASCADE; ALTER TABLE made ADD name text GENERATED ALWAYS AS (secret) STORED`,
    sql: 'SELECT lower(name) FROM made',
  },
  { name: 'a body of a function', change: newBody, sql: 'SELECT inner_name()' },
  { name: 'a body of a function that another one calls', change: newBody, sql: 'SELECT outer_name()' },
  { name: 'a view that a body reads', change: `${newBodyOverView}; ${newView}`, sql: 'SELECT inner_name()' },
  {
    name: 'a function of a user that matches better',
    change: `CREATE FUNCTION left(character varying, int) RETURNS text LANGUAGE sql AS 'SELECT secret FROM people'`,
    sql: 'SELECT left(name::varchar, 2) FROM plain',
  },
];

const extended = (sql: string, ...between: readonly Buffer[]) => [
  encodeParse('', sql),
  encodeBind('', ''),
  ...between,
  encodeExecute(''),
  encodeSync(),
];

/** Ways to run a statement once its text is known to Weir. */
const ways: Readonly<Record<string, (client: RawClient, sql: string) => Promise<string[]>>> = {
  query: (client, sql) => client.say(encodeQuery(sql)),
  COPY: (client, sql) => client.say(encodeQuery(`COPY (${sql}) TO STDOUT`)),
  'COPY, binary': (client, sql) => client.say(encodeQuery(`COPY (${sql}) TO STDOUT (FORMAT binary)`)),
  'the extended protocol': (client, sql) => client.say(...extended(sql, encodeDescribe('P', ''))),
  'the extended protocol without Describe': (client, sql) => client.say(...extended(sql)),
  'a statement that was prepared before': (client) =>
    client.say(encodeBind('', 'known'), encodeExecute(''), encodeSync()),
  'EXECUTE of a statement that was prepared before': (client) => client.say(encodeQuery('EXECUTE sql_known')),
  'a cursor': async (client, sql) => {
    await client.say(encodeQuery('BEGIN'));
    await client.say(encodeQuery(`DECLARE c CURSOR FOR ${sql}`));
    const lines = await client.say(encodeQuery('FETCH ALL c'));
    await client.say(encodeQuery('ROLLBACK'));
    return lines;
  },
};

/** Every way with these changes; with the others those that differ in when the server plans. */
const everyWay = /^(a view|a table replaced by a view|a partition|a generated column made again)$/;
const fewWays = ['query', 'a statement that was prepared before', 'a cursor'];

interface OwnChange {
  readonly name: string;
  readonly first: string;
  readonly sql: string;
  readonly change: string;
}
const clearView = 'CREATE OR REPLACE VIEW v AS SELECT id, name FROM plain';
const ownChanges: readonly OwnChange[] = [
  { name: 'the view itself', first: newView, sql: 'SELECT name FROM v', change: clearView },
  { name: 'the view, in an expression', first: newView, sql: 'SELECT upper(name) FROM v', change: clearView },
  {
    name: 'a temporary table in front of it',
    first: newView,
    sql: 'SELECT upper(name) FROM v',
    change: `CREATE TEMP TABLE v AS SELECT 1 AS id, 'x'::text AS name`,
  },
  {
    name: 'a search path that leads elsewhere',
    first: `${newView}; CREATE VIEW first.v AS SELECT id, name FROM plain`,
    sql: 'SELECT upper(name) FROM v',
    change: 'SET search_path = first, public',
  },
];

function suite(major: number, start: () => Promise<TestServer>): void {
  let server: TestServer;
  let world: TestRuntime;
  let direct: pg.Client;
  beforeAll(async () => {
    server = await start();
    direct = new pg.Client({ connectionString: server.adminUrl });
    await direct.connect();
    const { host, port } = server;
    const target = {
      protocol: 'postgres',
      host,
      port,
      database: 'postgres',
      user: new URL(server.adminUrl).username,
    } as const;
    world = await startTestRuntime(
      { ...target, password: { from: 'env', name: server.password }, tls: { mode: 'disable' } },
      policy,
    );
  });
  afterAll(async () => {
    await world?.close();
    await direct?.end();
    await server?.stop();
  });

  const cases = drifts.filter(({ since = 0 }) => since <= major);
  test.each(cases)('$name: what is protected by now does not leave', async ({ name, before, change, sql }) => {
    for (const [way, run] of Object.entries(ways)) {
      if (!fewWays.includes(way) && (major < 18 || !everyWay.test(name))) continue;
      await direct.query(schema);
      const client = await openRawClient(world.port);
      if (before !== undefined) await client.say(encodeQuery(before));
      expect(await client.say(encodeQuery(sql)), way).toContainEqual(expect.stringMatching(/^C SELECT/));
      await client.say(encodeParse('known', sql), encodeDescribe('S', 'known'), encodeSync());
      await client.say(encodeQuery(`PREPARE sql_known AS ${sql}`));
      await direct.query(change);
      const lines = await run(client, sql);
      expect(lines.join('\n'), way).not.toMatch(/qzjvkxwhy/i);
      expect(lines.at(-1), way).toMatch(/^Z/);
      client.socket.end(encodeTerminate());
      // The change did matter.
      await direct.query(`${before ?? 'SELECT 1'}`);
      expect(JSON.stringify((await direct.query(sql)).rows), way).toMatch(/qzjvkxwhy/i);
      await direct.query('RESET search_path');
    }
  });

  if (major < 18) return;
  test.each(ownChanges)('$name, changed by the client while its portal is open', async ({ first, sql, change }) => {
    for (const portal of ['', 'p']) {
      for (const isStarted of [false, true]) {
        await direct.query(schema);
        await direct.query(`INSERT INTO people VALUES (2, 'Bob', 'qzjvkxwhy'); ${first}`);
        const client = await openRawClient(world.port);
        await client.say(encodeQuery('BEGIN'));
        // The change goes by the extended protocol, too: a Query would end an unnamed portal.
        const alter = [encodeParse('s', change), encodeBind('a', 's'), encodeExecute('a')];
        const run = encodeExecute(portal, 1);
        const begun = [encodeParse('', sql), encodeBind(portal, ''), ...(isStarted ? [run] : [])];
        const apart = [
          await client.say(...begun, encodeSync()),
          await client.say(...alter, encodeSync()),
          await client.say(run, encodeSync()),
        ];
        expect(apart.flat().join('\n'), `${portal} ${isStarted}`).not.toMatch(/qzjvkxwhy/i);
        await client.say(encodeQuery('ROLLBACK'));
        const together = await client.say(...begun, ...alter, run, encodeSync());
        expect(together.join('\n'), `${portal} ${isStarted} in one pipeline`).not.toMatch(/qzjvkxwhy/i);
        client.socket.end(encodeTerminate());
      }
    }
  });
}

describe('definitions that somebody changes past Weir, PostgreSQL 18', () => suite(18, startPostgres18));
const postgres15 = lane('postgresql-15', hasPostgres15, 'Debian package postgresql-15 is not installed');
postgres15('definitions that somebody changes past Weir, PostgreSQL 15', () => suite(15, startPostgres15));
