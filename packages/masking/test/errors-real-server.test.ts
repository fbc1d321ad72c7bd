import { hasPostgres15 } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ErrorFields, redactErrorFields } from '../src/index.ts';
import { startServer, type TestServer } from './support/postgres-server.ts';

/** The value that must never show; it has quotes, brackets and words of the server inside, as a hostile row could. */
const canary = 'zq7canary';
const mail = `${canary}@secret.example`;
const hostile = `${canary}") violates "customers" will (${canary}`;
const digits = '987650123';

let server: TestServer;
let client: pg.Client;
let names: Set<string>;
const notices: ErrorFields[] = [];

function fieldsOf(error: pg.DatabaseError | object): ErrorFields {
  const from = error as Record<string, unknown>;
  const letters: Record<string, string> = {
    severity: 'S',
    code: 'C',
    message: 'M',
    detail: 'D',
    hint: 'H',
    position: 'P',
    internalPosition: 'p',
    internalQuery: 'q',
    where: 'W',
    schema: 's',
    table: 't',
    column: 'c',
    dataType: 'd',
    constraint: 'n',
    file: 'F',
    line: 'L',
    routine: 'R',
  };
  const fields: Record<string, string> = {};
  for (const [property, letter] of Object.entries(letters)) {
    const value = from[property];
    if (value !== undefined) fields[letter] = String(value);
  }
  return fields;
}

async function failure(sql: string, values?: unknown[]): Promise<ErrorFields> {
  try {
    await (values === undefined ? client.query(sql) : client.query(sql, values));
  } catch (error) {
    if (error instanceof pg.DatabaseError) return fieldsOf(error);
    throw error;
  }
  throw new Error(`This did not fail: ${sql}`);
}

const redact = (fields: ErrorFields, clientText: string, kind: 'error' | 'notice' = 'error'): ErrorFields =>
  redactErrorFields({ kind, fields, clientText, knownNames: (name) => names.has(name), protected: true });

lane(
  'postgresql-15',
  hasPostgres15,
  'Debian package postgresql-15 is not installed',
)('on PostgreSQL 15', () => {
  beforeAll(async () => {
    server = await startServer();
    client = await server.connect();
    client.on('notice', (notice) => notices.push(fieldsOf(notice)));
    await client.query(`
    CREATE TABLE customers (id int PRIMARY KEY, email text, hostile text, ssn text, pair int, CONSTRAINT customers_email_key UNIQUE (email));
    INSERT INTO customers VALUES (1, '${mail}', '${hostile.replaceAll("'", "''")}', '${digits}', 5);
    CREATE TABLE copies (id int PRIMARY KEY, email text UNIQUE NOT NULL CHECK (length(email) < 200), v varchar(3), CONSTRAINT short CHECK (length(v) < 3));
    INSERT INTO copies VALUES (1, '${mail}', 'a');
    CREATE TABLE refs (email text REFERENCES copies (email));
    INSERT INTO refs VALUES ('${mail}');
    CREATE TABLE parts (email text) PARTITION BY LIST (email);
    CREATE TABLE slots (who text, EXCLUDE USING btree (who WITH =));
    INSERT INTO slots SELECT email FROM customers;
    CREATE DOMAIN short_mail AS text CONSTRAINT short_mail_check CHECK (length(VALUE) < 3);
    CREATE TYPE mood AS ENUM ('sunny');
    CREATE FUNCTION leak(v text) RETURNS int LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION 'the value is %', v USING HINT = v, DETAIL = v; END $f$;
    CREATE FUNCTION leak_state(v text) RETURNS int LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION USING MESSAGE = v, ERRCODE = upper(left(v, 5)), COLUMN = v, TABLE = v, CONSTRAINT = v, SCHEMA = v, DATATYPE = v; END $f$;
    CREATE FUNCTION leak_code(v text) RETURNS int LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION USING MESSAGE = v, ERRCODE = '22P02'; END $f$;
    CREATE FUNCTION leak_assign(v text) RETURNS int LANGUAGE plpgsql AS $f$ DECLARE n int; BEGIN n := v; RETURN n; END $f$;
    CREATE FUNCTION leak_execute(v text) RETURNS int LANGUAGE plpgsql AS $f$ BEGIN EXECUTE 'SELECT ' || quote_literal(v) || '::int'; RETURN 1; END $f$;
    CREATE FUNCTION leak_column(v text) RETURNS int LANGUAGE plpgsql AS $f$ BEGIN EXECUTE 'SELECT ' || quote_ident(v); RETURN 1; END $f$;
    CREATE FUNCTION leak_notice(v text) RETURNS int LANGUAGE plpgsql AS $f$ BEGIN RAISE NOTICE 'found %', v; RETURN 1; END $f$;
    CREATE FUNCTION leak_assert(v text) RETURNS int LANGUAGE plpgsql AS $f$ BEGIN ASSERT false, v; RETURN 1; END $f$;
    CREATE FUNCTION leak_sql(v text) RETURNS int LANGUAGE sql AS $f$ SELECT v::int $f$;`);
    const { rows } = await client.query(`
    SELECT relname AS name FROM pg_class UNION SELECT attname FROM pg_attribute UNION SELECT nspname FROM pg_namespace
    UNION SELECT conname FROM pg_constraint UNION SELECT typname FROM pg_type UNION SELECT proname FROM pg_proc`);
    names = new Set(rows.map((row) => row.name as string));
  });
  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });

  /** Statements that make a real server say a protected value; `where` errors come from functions and casts over stored rows. */
  const leaks: readonly (readonly [sqlstate: string, sql: string])[] = [
    ['22P02', 'SELECT email::int FROM customers'],
    ['22P02', 'SELECT hostile::int FROM customers'],
    ['22P02', 'SELECT email::bigint FROM customers'],
    ['22P02', 'SELECT email::numeric FROM customers'],
    ['22P02', 'SELECT email::float8 FROM customers'],
    ['22P02', 'SELECT email::bool FROM customers'],
    ['22P02', 'SELECT email::uuid FROM customers'],
    ['22P02', 'SELECT email::inet FROM customers'],
    ['22P02', 'SELECT email::macaddr FROM customers'],
    ['22P02', 'SELECT email::json FROM customers'],
    ['22P02', 'SELECT hostile::jsonb FROM customers'],
    ['22P02', `SELECT ('{"' || email || '": tru')::jsonb FROM customers`],
    ['22P02', 'SELECT email::mood FROM customers'],
    ['22P02', 'SELECT email::point FROM customers'],
    ['22P02', 'SELECT email::int4range FROM customers'],
    ['22P02', 'SELECT email::int[] FROM customers'],
    ['22P02', 'SELECT email::money FROM customers'],
    ['22P02', 'SELECT email::bit(4) FROM customers'],
    ['22P02', 'SELECT email::pg_lsn FROM customers'],
    ['22007', 'SELECT email::date FROM customers'],
    ['22007', 'SELECT email::timestamptz FROM customers'],
    ['22007', 'SELECT email::interval FROM customers'],
    ['22007', 'SELECT to_date(email, $$YYYY-MM-DD$$) FROM customers'],
    ['22023', 'SELECT now() AT TIME ZONE hostile FROM customers'],
    ['22023', 'SELECT encode(email::bytea, email) FROM customers'],
    ['22023', 'SELECT date_trunc(email, now()) FROM customers'],
    ['22003', 'SELECT (ssn || $$0000$$)::int FROM customers'],
    ['22003', 'SELECT ssn::int2 FROM customers'],
    ['22008', 'SELECT (ssn || $$-13-77$$)::date FROM customers'],
    ['3F000', 'SELECT email::regclass FROM customers'],
    ['42P01', 'SELECT left(email, 9)::regclass FROM customers'],
    ['42883', `SELECT (left(email, 9) || 'x')::regproc FROM customers`],
    ['42704', `SELECT left(email, 9)::regrole FROM customers`],
    ['42704', `SELECT left(email, 9)::regtype FROM customers`],
    ['42601', 'SELECT email::regtype FROM customers'],
    ['3F000', `SELECT (left(email, 9) || '.x')::regclass FROM customers`],
    ['42602', 'SELECT set_config(email, $$x$$, false) FROM customers'],
    ['22023', 'SELECT set_config($$datestyle$$, email, false) FROM customers'],
    ['2201B', `SELECT email ~ (email || '(') FROM customers`],
    ['42601', 'SELECT hostile::tsquery FROM customers'],
    ['2200N', 'SELECT xmlparse(content $$<a>$$ || email) FROM customers'],
    ['23505', 'INSERT INTO copies SELECT 2, email FROM customers'],
    ['23502', 'INSERT INTO copies SELECT 3, NULL, left(email, 2) FROM customers'],
    ['23502', 'UPDATE copies SET email = NULL'],
    ['23514', 'INSERT INTO copies SELECT 4, email || 4, left(email, 3) FROM customers'],
    ['23503', `INSERT INTO refs SELECT email || '!' FROM customers`],
    ['23503', 'DELETE FROM copies'],
    ['23514', 'INSERT INTO parts SELECT email FROM customers'],
    ['23P01', 'INSERT INTO slots SELECT email FROM customers'],
    ['23514', 'SELECT email::short_mail FROM customers'],
    ['23505', 'CREATE UNIQUE INDEX ON (SELECT 1)'.replace('ON (SELECT 1)', 'pair_key ON doubles (email)')],
    ['P0001', 'SELECT leak(email) FROM customers'],
    ['P0001', 'SELECT leak(hostile) FROM customers'],
    ['P0004', 'SELECT leak_assert(email) FROM customers'],
    ['P0001', 'SELECT leak_state(email) FROM customers'],
    ['P0001', 'SELECT leak_state(ssn) FROM customers'],
    ['22P02', 'SELECT leak_code(email) FROM customers'],
    ['22P02', 'SELECT leak_assign(email) FROM customers'],
    ['22P02', 'SELECT leak_execute(email) FROM customers'],
    ['42703', 'SELECT leak_column(email) FROM customers'],
    ['22P02', 'SELECT leak_sql(email) FROM customers'],
    ['34000', `SELECT cursor_to_xml(left(email, 9)::refcursor, 1, true, true, '') FROM customers`],
    ['22P02', 'SELECT jsonb_populate_record(NULL::copies, jsonb_build_object($$id$$, email)) FROM customers'],
    ['22P02', 'DO $$ DECLARE n int; BEGIN SELECT email INTO n FROM customers; END $$'],
  ];

  describe('errors of a real server', () => {
    beforeAll(async () => {
      await client.query('CREATE TABLE doubles AS SELECT email FROM customers UNION ALL SELECT email FROM customers');
    });

    test.each(leaks)('%s %s keeps the SQLSTATE and tells no value', async (sqlstate, sql) => {
      const fields = await failure(sql);
      const shown = redact(fields, sql);
      expect(JSON.stringify(shown).toLowerCase()).not.toMatch(/canary|zq7|secret|98765/);
      expect(shown['C']).toBe(sqlstate);
      expect(shown['S']).toBe('ERROR');
      expect(shown['M']).not.toBe('');
      expect(shown['P']).toBe(fields['P']);
    });

    test('most of these statements really leak without redaction', async () => {
      let count = 0;
      for (const [, sql] of leaks) if (/canary|98765/i.test(JSON.stringify(await failure(sql)))) count += 1;
      expect(count).toBeGreaterThanOrEqual(50);
    });

    test('an alphabet in the statement does not spell the value out', async () => {
      const alphabet = [...'abcdefghijklmnopqrstuvwxyz0123456789'].map((letter) => `'${letter}'`).join(', ');
      for (const cast of ['uuid', 'regclass', 'regrole', 'date']) {
        const sql = `SELECT substr(email, 1, 1)::${cast} FROM customers -- ${alphabet}`;
        const shown = redact(await failure(sql), sql);
        expect(shown['M']).toContain('"***"');
      }
    });

    test('an alphabet in the statement does not let RAISE spell the value out', async () => {
      const sql = `DO $$ DECLARE v text; BEGIN SELECT regexp_replace(email, '(.)', '\\1 ', 'g') INTO v FROM customers;
      RAISE EXCEPTION '%', v; END $$ -- a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5 6 7 8 9 @ .`;
      const shown = redact(await failure(sql), sql);
      expect(shown['M']).toContain('***');
      expect(shown['M']).not.toContain('z q');
    });
  });

  /** What people need to read of their own mistakes: the texts stay word for word. */
  const own: readonly string[] = [
    'slect 1',
    'SELECT nothing FROM customers',
    'SELECT c.nothing FROM customers c',
    'SELECT emial FROM customers',
    'SELECT * FROM nowhere',
    'SELECT * FROM nowhere.customers',
    'SELECT frobnicate(1)',
    'SELECT email + 1 FROM customers',
    `SELECT 'abc'::int`,
    `SELECT '2020-13-77'::date`,
    'SELECT 1/0',
    'SELECT id, count(*) FROM customers',
    'SELECT id FROM customers, copies',
    'SELECT (SELECT id FROM generate_series(1, 2) id)',
    'DROP TABLE nowhere',
    'DROP TABLE copies',
    'CREATE TABLE customers (id int)',
    'ALTER TABLE customers ADD COLUMN email text',
    'ALTER TABLE customers DROP COLUMN nothing',
    'CREATE INDEX ON customers (nothing)',
    'SELECT 1 LIMIT -1',
    'INSERT INTO customers (id, nothing) VALUES (1, 2)',
    'INSERT INTO customers (id) VALUES (1, 2)',
    'UPDATE customers SET nothing = 1',
    'ROLLBACK TO nowhere',
    'FETCH ALL FROM nowhere',
    'EXECUTE nowhere',
    'SET nothing_like_it = 1',
    'SELECT email FROM customers UNION SELECT id FROM copies',
    'SELECT CASE WHEN 1 THEN 2 END',
    'SELECT sum(email) FROM customers',
    'SELECT max(count(*)) FROM customers',
    'SELECT id FROM customers WHERE count(*) > 1',
    `SELECT 'abc`,
    'SELECT "abc',
    'SELECT $1 + 1',
    'VACUUM nowhere',
    'SELECT * FROM customers c JOIN copies c ON true',
    'CREATE FUNCTION f() RETURNS int LANGUAGE nolang AS $$ $$',
    'SELECT 99999999999::int',
    'INSERT INTO copies (id) VALUES (7)',
  ];

  describe('errors of the client’s own making', () => {
    test.each(own)('%s is told in full', async (sql) => {
      const fields = await failure(sql);
      const shown = redact(fields, sql);
      expect({ ...shown, D: '' }).toEqual({ ...fields, D: '' });
    });

    test('nothing changes on a connection without masks', async () => {
      const fields = await failure('SELECT email::int FROM customers');
      expect(
        redactErrorFields({ kind: 'error', fields, clientText: null, knownNames: () => false, protected: false }),
      ).toBe(fields);
    });
  });

  describe('notices', () => {
    test('what a function raises is hidden, what the statement itself says stays', async () => {
      notices.length = 0;
      const sql = `SELECT leak_notice(email) FROM customers`;
      await client.query(sql);
      expect(JSON.stringify(notices)).toContain(canary);
      expect(JSON.stringify(notices.map((notice) => redact(notice, sql, 'notice')))).not.toContain(canary);
      notices.length = 0;
      const said = `DO $$ BEGIN RAISE NOTICE 'half way there'; END $$`;
      await client.query(said);
      expect(redact(notices[0] as ErrorFields, said, 'notice')['M']).toBe('half way there');
    });

    test.each(['DROP TABLE IF EXISTS nowhere', 'CREATE TABLE IF NOT EXISTS customers (id int)', 'ROLLBACK'])(
      'the server’s own notice to %s is told in full',
      async (sql) => {
        notices.length = 0;
        await client.query(sql);
        const notice = notices[0] as ErrorFields;
        expect(redact(notice, sql, 'notice')).toEqual(notice);
      },
    );
  });

  test('messages in another language are redacted whole rather than trusted', async () => {
    const german = {
      S: 'FEHLER',
      V: 'ERROR',
      C: '22P02',
      M: `ungültige Eingabesyntax für Typ integer: »${mail}«`,
      F: 'numutils.c',
      L: '232',
      R: 'pg_strtoint32',
    };
    const shown = redact(german, 'SELECT email::int FROM customers');
    expect(shown['M']).not.toContain(canary);
    expect(shown['C']).toBe('22P02');
  });
});
