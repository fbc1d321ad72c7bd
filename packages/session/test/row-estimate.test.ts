import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectedRows } from '../src/postgres/row-estimate.ts';
import { startTargetServer, type TargetServer } from './fixture/target-server.ts';
import { startTestRuntime, type TestRuntime } from './fixture/test-runtime.ts';

const policy = `
apiVersion: weir.dev/v1
kind: Access
metadata: { name: everyone }
spec: { who: { principals: ['*'] }, connections: { names: ['*'] }, opaque: allow }
---
apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: second-person }
spec:
  match: { kinds: [select, insert, update, delete, merge, truncate, call] }
  action: require-approval
  approval: { approvers: { groups: [leads] }, mode: retry, timeout: 30m }
`;

let server: TargetServer;
let world: TestRuntime;
let client: pg.Client;

/** Functions whose calls the server counts, whatever becomes of the transaction. */
const counted = (name: string, volatility: string) =>
  `CREATE FUNCTION ${name}(n int) RETURNS int LANGUAGE plpgsql ${volatility} AS $$ BEGIN RETURN n; END $$;`;

beforeAll(async () => {
  server = await startTargetServer({ track_functions: 'all' });
  await server.sql(`
    CREATE ROLE app LOGIN PASSWORD 'right';
    CREATE TABLE payments (id int PRIMARY KEY, amount int, note text);
    INSERT INTO payments SELECT i, i % 10, 'n' FROM generate_series(1, 5000) i;
    CREATE TABLE audit (id int);
    CREATE VIEW large AS SELECT * FROM payments WHERE amount > 7;
    CREATE TABLE empty_log (id int, at date);
    CREATE SCHEMA other; CREATE TABLE other.payments (id int); INSERT INTO other.payments SELECT generate_series(1, 70);
    CREATE TABLE parts (id int) PARTITION BY RANGE (id);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
    CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (200);
    INSERT INTO parts SELECT generate_series(0, 199);
    ${counted('tricky', 'IMMUTABLE')} ${counted('steady', 'STABLE')} ${counted('loose', 'VOLATILE')}
    CREATE TABLE guarded (id int); INSERT INTO guarded SELECT generate_series(1, 50);
    ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON guarded USING (id <> tricky(3));
    CREATE TABLE defaulted (id int, n int DEFAULT steady(4));
    CREATE TABLE loosely (id int, n int DEFAULT loose(4));
    CREATE TABLE indexed (id int); CREATE INDEX ON indexed (id) WHERE id > 4;
    CREATE TABLE tricky_index (id int); CREATE INDEX ON tricky_index ((tricky(5) + id));
    CREATE TABLE forbidden (id int);
    CREATE VIEW hidden AS SELECT id, tricky(1) AS n FROM payments;
    CREATE PROCEDURE work() LANGUAGE sql AS 'SELECT 1';
    GRANT ALL ON ALL TABLES IN SCHEMA public TO app; GRANT USAGE ON SCHEMA other TO app; GRANT ALL ON other.payments TO app;
    REVOKE ALL ON forbidden FROM app;
    ANALYZE;`);
  await server.sql('SELECT pg_stat_reset()');
  world = await startTestRuntime(server.target({ password: { from: 'env', name: 'right' } }), policy);
  client = new pg.Client({ host: '127.0.0.1', port: world.port, user: 'alice', database: 'postgres' });
  client.on('error', () => undefined);
  await client.connect();
});
afterAll(async () => {
  await client?.end().catch(() => undefined);
  await world?.close();
  await server?.stop();
});

/** Sends a statement that needs approval, and gives the estimate that its approvers see. */
async function estimateOf(query: string | pg.QueryConfig) {
  const channel = world.channels.at(-1);
  if (channel === undefined) throw new Error('no channel');
  const before = channel.asks.length;
  const answer = client.query(query as pg.QueryConfig).catch((error: Error) => error);
  while (channel.asks.length === before) await new Promise((resolve) => setTimeout(resolve, 5));
  const { estimate } = await channel.asked();
  channel.decide({ state: 'pending' });
  expect(await answer).toMatchObject({ message: expect.stringContaining('needs the approval') });
  return estimate;
}

describe('rows that the planner expects', () => {
  test.each([
    ['a plain delete', 'DELETE FROM payments', 5000],
    ['a delete by key', 'DELETE FROM payments WHERE id = 7', 1],
    ['a query', 'SELECT * FROM payments', 5000],
    ['a query with a limit', 'SELECT * FROM payments LIMIT 12', 12],
    ['an insert of values', 'INSERT INTO payments VALUES (9001, 1), (9002, 2)', 2],
    ['an insert of a query', 'INSERT INTO audit SELECT id FROM payments', 5000],
    ['what a CTE changes', 'WITH gone AS (DELETE FROM payments RETURNING id) SELECT count(*) FROM gone', 5000],
    ['partitions together', 'DELETE FROM parts', 200],
    ['a cast of the server’s own', "DELETE FROM payments WHERE id < '11'::int", 10],
    ['a volatile default', 'INSERT INTO loosely (id) VALUES (1)', 1],
    ['a table with a plain index', 'SELECT 1 FROM payments, LATERAL (SELECT 1 FROM audit LIMIT 1) a LIMIT 1', 1],
    ['a comment and a semicolon', '/* why; not */ DELETE FROM payments WHERE id = 1;', 1],
    ['parentheses', '(SELECT * FROM payments LIMIT 3)', 3],
  ])('%s', async (_what, sql, rows) => {
    expect(await estimateOf(sql)).toEqual({ rows, why: null });
  });

  test('parameters count, as text and in binary', async () => {
    const text = 'DELETE FROM payments WHERE id <= $1';
    const few = await estimateOf({ text, values: [10] });
    const many = await estimateOf({ text, values: [4000] });
    expect(few?.rows).toBeLessThan(30);
    expect(many?.rows).toBeGreaterThan(3500);
    const binary = Buffer.alloc(4);
    binary.writeInt32BE(4000);
    expect((await estimateOf({ text, values: [binary] }))?.rows).toBe(many?.rows);
    expect((await estimateOf({ text, values: [null] }))?.rows).toBeLessThan(2);
  });

  test('names mean what they mean in the client’s session', async () => {
    await client.query('SET search_path = other, public');
    expect(await estimateOf('DELETE FROM payments')).toEqual({ rows: 70, why: null });
    await client.query('RESET search_path');
    expect(await estimateOf('DELETE FROM payments')).toEqual({ rows: 5000, why: null });
  });

  test('the client’s session and transaction stay as they were', async () => {
    await client.query('BEGIN');
    await client.query('SET LOCAL search_path = other');
    expect((await estimateOf('DELETE FROM payments'))?.rows).toBe(70);
    const failed = await client.query('SHOW search_path').catch((error: Error) => error);
    expect(failed).toMatchObject({ code: '25P02' });
    await client.query('ROLLBACK');
    expect((await client.query('SHOW statement_timeout')).rows).toEqual([{ statement_timeout: '0' }]);
    expect((await client.query('SHOW transaction_read_only')).rows).toEqual([{ transaction_read_only: 'off' }]);
  });

  test('nothing was changed by any of them, and no connection stays', async () => {
    const [counts] = await server.sql(
      'SELECT (SELECT count(*) FROM payments)::int AS payments, (SELECT count(*) FROM parts)::int AS parts, (SELECT count(*) FROM audit)::int AS audit',
    );
    expect(counts).toEqual({ payments: 5000, parts: 200, audit: 0 });
    const left = () => server.sql("SELECT FROM pg_stat_activity WHERE application_name = 'weir estimate'");
    while ((await left()).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  });
});

describe('what the planner is not asked', () => {
  test.each([
    ['a function of a user, immutable', 'SELECT * FROM payments WHERE id = tricky(7)', /calls public\.tricky\(\)/],
    ['a function of a user, stable', 'DELETE FROM payments WHERE id = steady(7)', /calls public\.steady\(\)/],
    ['a function of a user, volatile', 'SELECT loose(7)', /calls public\.loose\(\)/],
    ['one in a view', 'SELECT id FROM hidden', /not understood in full/],
    ['one in a policy', 'SELECT * FROM guarded', /policy, check, default/],
    ['one in a default', 'INSERT INTO defaulted (id) VALUES (1)', /policy, check, default/],
    ['one in an index', 'SELECT * FROM tricky_index', /policy, check, default/],
    ['what the credential may not', 'DELETE FROM forbidden', /SQLSTATE 42501/],
    ['several statements', 'DELETE FROM payments; DELETE FROM audit', /several statements/],
    ['no plan', 'TRUNCATE payments', /TRUNCATE TABLE is not planned/],
    ['a procedure', 'CALL work()', /CALL is not planned/],
    ['a value out of range', "DELETE FROM payments WHERE id = '99999999999'", /SQLSTATE 22003/],
    ['a division by nothing', 'DELETE FROM payments WHERE id = 1 / 0', /SQLSTATE 22012/],
  ])('%s', async (_what, sql, why) => {
    expect(await estimateOf(sql)).toEqual({ rows: null, why: expect.stringMatching(why) });
  });

  test('temporary tables', async () => {
    await client.query('CREATE TEMP TABLE mine (id int)');
    expect(await estimateOf('DELETE FROM mine')).toEqual({ rows: null, why: 'it uses a temporary table' });
    expect((await estimateOf('DELETE FROM payments'))?.rows).toBe(5000);
  });

  test('a locked table is not waited for', async () => {
    const holder = new pg.Client({ connectionString: server.adminUrl, ssl: false });
    await holder.connect();
    await holder.query('BEGIN; LOCK TABLE audit IN ACCESS EXCLUSIVE MODE');
    try {
      expect(await estimateOf('DELETE FROM audit')).toEqual({ rows: null, why: 'a table is locked' });
    } finally {
      await holder.end();
    }
  });

  test('what takes the planner long', async () => {
    const long = Array.from({ length: 40 }, (_, i) => `factorial(${32_000 + i})`);
    const answer = await estimateOf(`SELECT ${long.join(' + ')} FROM payments`);
    expect(answer).toEqual({ rows: null, why: 'the planner did not answer within 500 ms' });
  });

  test('a target that takes no other connection', async () => {
    // The client's connection and the one for questions about the catalog are there.
    await server.sql('ALTER ROLE app CONNECTION LIMIT 2');
    try {
      expect(await estimateOf('DELETE FROM audit')).toEqual({ rows: null, why: 'the target could not be asked' });
    } finally {
      await server.sql('ALTER ROLE app CONNECTION LIMIT -1');
    }
  });

  test('no function of a user ran', async () => {
    const calls = () => server.sql('SELECT funcname, calls::int FROM pg_stat_user_functions WHERE calls > 0');
    expect(await calls()).toEqual([]);
    // The count does see what the planner runs.
    await server.sql('EXPLAIN SELECT * FROM payments WHERE id = tricky(7)');
    await expect.poll(calls).toEqual([{ funcname: 'tricky', calls: expect.any(Number) }]);
  });
});

test.each([
  [
    {
      'Node Type': 'ModifyTable',
      'Plan Rows': 0,
      Plans: [{ 'Node Type': 'Seq Scan', 'Parent Relationship': 'Outer', 'Plan Rows': 7 }],
    },
    7,
  ],
  [
    {
      ...{ 'Node Type': 'ModifyTable', 'Plan Rows': 9 },
      Plans: [
        { 'Node Type': 'Result', 'Parent Relationship': 'InitPlan', 'Plan Rows': 100 },
        { 'Node Type': 'Seq Scan', 'Parent Relationship': 'Member', 'Plan Rows': 4 },
        { 'Node Type': 'Seq Scan', 'Parent Relationship': 'Member', 'Plan Rows': 5 },
      ],
    },
    9,
  ],
  [
    {
      'Node Type': 'Aggregate',
      'Plan Rows': 1,
      Plans: [{ 'Node Type': 'Seq Scan', 'Parent Relationship': 'Outer', 'Plan Rows': 7 }],
    },
    1,
  ],
])('plan %#', (plan, rows) => expect(expectedRows([{ Plan: plan }])).toBe(rows));
