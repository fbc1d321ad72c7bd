import { type ApiClient, createApiClient, holdPasswordSignIn } from '@weir/api';
import { hasCommand, runPsql } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectPg, driverOptions } from './fixture/drivers.ts';
import { type System, startSystem } from './fixture/system.ts';
import { waitFor } from './fixture/wait.ts';

const document = (kind: string, name: string, spec: string) =>
  `---\napiVersion: weir.dev/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n`;
const policy = [
  document('Access', 'people', '{ who: { groups: [developers, security] }, connections: { labels: { env: demo } } }'),
  document(
    'Masking',
    'emails',
    "{ columns: ['public.customers.email'], transform: redact, exempt: { groups: [security] } }",
  ),
  document('Budget', 'customers', "{ tables: ['public.customers'], rows: 250, bytes: 1000000, per: day }"),
  document('Budget', 'orders-seen', "{ tables: ['public.orders'], rows: 5, per: day, mode: observe }"),
  document(
    'Budget',
    'payments-asked',
    "{ tables: ['public.payments'], rows: 3, per: day, action: require-approval, approval: { approvers: { groups: [security] }, mode: retry } }",
  ),
].join('');
const password = 'a-password-of-its-own';

/** Rows that arrive before the error, and the error. */
function rowsOf(client: pg.Client, sql: string, values?: unknown[]) {
  return new Promise<{ rows: number; error: pg.DatabaseError | null }>((resolve) => {
    const query = new pg.Query(sql, values as string[]);
    let rows = 0;
    query.on('row', () => {
      rows += 1;
    });
    query.on('error', (error) => resolve({ rows, error: error as pg.DatabaseError }));
    query.on('end', () => resolve({ rows, error: null }));
    client.query(query);
  });
}

describe('a budget of 250 rows a day', () => {
  let system: System;
  let admin: ApiClient;
  let people = 0;
  const open: pg.Client[] = [];
  beforeAll(async () => {
    system = await startSystem({ customers: 300, policy });
    admin = await system.as('admin');
  });
  afterEach(async () => {
    for (const client of open.splice(0)) await client.end().catch(() => undefined);
  });
  afterAll(() => system?.stop());

  /** Somebody whose budgets are untouched. */
  const somebody = async (groups = ['developers']) => {
    people += 1;
    const name = `person-${people}`;
    await admin.putUser(name, { password, groups });
    const signIn = async () => {
      const authorizer = await holdPasswordSignIn(system.api, { user: name, password });
      return createApiClient({ baseUrl: system.api, authorizer });
    };
    const api = await signIn();
    const session = async () => (await api.openSession({ connection: 'demo-pg', via: 'native' })).native.dsn;
    return {
      ...{ name, api, session },
      async connect() {
        const client = await connectPg(system, await session());
        open.push(client);
        return client;
      },
      used: async (rule = 'customers') => (await api.listBudgets()).find((shown) => shown.rule === rule)?.rows.used,
    };
  };
  const all = 'select id, name, email from customers';
  const usedUp = {
    code: '42501',
    message: expect.stringContaining('the budget "customers" of 250 rows and 1000000 bytes per day is used up'),
  };

  it('is one over sessions that run after each other and at once, to the row', async () => {
    const { connect, used } = await somebody();
    const [first, second] = [await connect(), await connect()];
    expect(await rowsOf(first, `${all} limit 100`)).toEqual({ rows: 100, error: null });
    expect(await rowsOf(second, `${all} limit 100`, [])).toEqual({ rows: 100, error: null });
    const cut = await rowsOf(first, all);
    expect(cut).toMatchObject({ rows: 50, error: usedUp });
    expect(cut.error?.message).toMatch(/the rest was withheld: .*starts anew at \d{4}-\d\d-\d\dT00:00:00Z/);
    expect(await rowsOf(second, 'select id from customers where id = 1')).toMatchObject({ rows: 0, error: usedUp });
    expect(await rowsOf(first, 'select count(*) from customers')).toMatchObject({ rows: 0, error: usedUp });
    expect(await rowsOf(first, 'select id from payments limit 1')).toEqual({ rows: 1, error: null });
    await waitFor('the ledger to be settled', async () => ((await used()) === 250 ? true : undefined));
    const events = await admin.listAuditEvents({ action: 'budget-exhausted', limit: 100 });
    expect(events.at(-1)).toMatchObject({ subject: 'customers', detail: { maxRows: 250 } });
  });

  it('cannot be passed by many sessions at the same moment', async () => {
    const { connect, used } = await somebody();
    const clients = await Promise.all(Array.from({ length: 5 }, connect));
    const results = await Promise.all(
      clients.flatMap((client) => [rowsOf(client, `${all} limit 90`), rowsOf(client, `${all} limit 90`, [])]),
    );
    const delivered = results.reduce((sum, { rows }) => sum + rows, 0);
    expect(delivered).toBe(250);
    await waitFor('the ledger to be settled', async () => ((await used()) === 250 ? true : undefined));
  });

  it('outlives the connection, the session, the agent and the gateway', async () => {
    const person = await somebody();
    const read = async (limit: number) => {
      const client = await connectPg(system, await person.session());
      const result = await rowsOf(client, `${all} limit ${limit}`);
      await client.end();
      return result;
    };
    expect(await read(100)).toEqual({ rows: 100, error: null });
    await waitFor('the lease to come back', async () => ((await person.used()) === 100 ? true : undefined));
    for (const victim of ['gateway', 'agent'] as const) {
      await system[victim].kill('SIGKILL');
      await system.restart(victim);
    }
    expect(await read(100)).toEqual({ rows: 100, error: null });
    expect(await read(100)).toMatchObject({ rows: 50, error: usedUp });
  });

  it.each<[string, string[], (number | 'used up')[]]>([
    [
      'cursors',
      [
        'begin',
        'declare c cursor for select * from customers',
        'fetch 200 from c',
        'move 10 from c',
        'fetch 60 from c',
      ],
      [0, 0, 200, 0, 'used up'],
    ],
    [
      'WITH HOLD',
      ['declare h cursor with hold for select name from customers', 'fetch 250 from h', 'fetch 1 from h'],
      [0, 250, 'used up'],
    ],
    ['prepared statements', ['prepare p as select * from customers', 'execute p', 'select 1'], [0, 'used up', 1]],
    [
      'views of views, joins and set operations',
      ['select a.id from customers a join customers b using (id) union all select 1 limit 250', 'table customers'],
      [250, 'used up'],
    ],
    [
      'RETURNING',
      ["update customers set name = name where id <= 250 returning 'x'", 'select 1 from customers'],
      [250, 'used up'],
    ],
    [
      'a column that only filters',
      ['select 1 from generate_series(1, 251) where exists (select from customers)'],
      ['used up'],
    ],
  ])('counts %s', async (_name, statements, expected) => {
    const client = await (await somebody()).connect();
    const seen: (number | string)[] = [];
    for (const sql of statements) {
      const { rows, error } = await rowsOf(client, sql);
      if (error !== null) expect(error, sql).toMatchObject(usedUp);
      seen.push(error === null ? rows : 'used up');
    }
    expect(seen).toEqual(expected);
    await client.query('rollback');
  });

  it('counts portals that are read in parts, and every statement of a pipeline', async () => {
    const { session } = await somebody();
    const { connectionString, ssl } = driverOptions(system, await session());
    const sql = postgres(connectionString, { ssl, max: 1, onnotice: () => undefined });
    let seen = 0;
    for await (const rows of sql`select id from customers limit 90`.cursor(40)) seen += rows.length;
    const results = await Promise.allSettled([1, 2, 3].map(() => sql`select id from customers limit 70`));
    expect(seen).toBe(90);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(results[2]).toMatchObject({ reason: usedUp });
    await sql.end();
  });

  it('bounds bytes: one row cannot hold the table', async () => {
    const client = await (await somebody(['security'])).connect();
    const many = await rowsOf(client, "select string_agg(email || repeat('x', 10000), ',') from customers");
    expect(many).toMatchObject({ rows: 0, error: usedUp });
    expect(await rowsOf(client, "select string_agg(email, ',') from customers")).toEqual({ rows: 1, error: null });
  });

  it.each([
    'create temp table t as select name from customers',
    'insert into orders (customer_id, amount, note) select 1, 1, name from customers',
    "select set_config('a.b', name, false) from customers",
  ])('cannot be carried elsewhere: %s', async (sql) => {
    const client = await (await somebody()).connect();
    const { error } = await rowsOf(client, sql);
    expect(error).toMatchObject({ code: '42501' });
    expect(error?.message).toMatch(/reading it is not counted|cannot be known|does not exist/);
  });

  it('only observed, denies nothing and is noted', async () => {
    const { api } = await somebody();
    const session = await api.openSession({ connection: 'demo-pg', via: 'native' });
    const client = await connectPg(system, session.native.dsn);
    for (let i = 0; i < 2; i++) {
      expect(await rowsOf(client, 'select id from orders limit 10')).toEqual({ rows: 10, error: null });
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    await client.end();
    await waitFor('the note', async () => {
      for await (const { event } of api.sessionEvents(session.id)) {
        if (event.event === 'note' && (event as { code?: string }).code === 'budget-observed') return true;
      }
      return undefined;
    });
  });

  it('an approver adds to it once', async () => {
    const { connect, api } = await somebody();
    const client = await connect();
    expect((await rowsOf(client, 'select id from payments limit 3')).error).toBeNull();
    const ask = await rowsOf(client, 'select id from payments limit 2');
    const requestId = /request (req_\w+)/.exec(ask.error?.message ?? '')?.[1] ?? '';
    const bob = await system.as('bob');
    expect((await bob.showRequest(requestId)).reason).toContain('Approval adds 3 rows per day once.');
    await bob.decideRequest(requestId, { decision: 'approve' });
    expect(await rowsOf(client, 'select id from payments limit 2')).toEqual({ rows: 2, error: null });
    expect(await rowsOf(client, 'select id from payments limit 2')).toMatchObject({
      rows: 1,
      error: { code: '42501' },
    });
    const again = await rowsOf(client, 'select id from payments limit 2');
    expect(again.error?.message).toContain('needs the approval of another person');
    expect((await api.listBudgets()).find(({ rule }) => rule === 'payments-asked')?.rows.max).toBe(6);
  });

  lane(
    'psql',
    () => hasCommand('psql'),
    'install the PostgreSQL client (psql)',
  )('psql', () => {
    it.each(['text', 'csv', 'csv, header', 'binary'])('counts COPY in format %s', async (format) => {
      const dsn = await (await somebody(['security'])).session();
      const copy = `copy customers (id) to stdout (format ${format})`;
      const first = await runPsql(dsn, `copy (${all} limit 200) to stdout (format ${format});\n`);
      expect(first.stderr).toBe('');
      const second = await runPsql(dsn, `${copy};\nselect 'next';\n`);
      expect(second.stderr).toContain('the rest was withheld: the budget "customers"');
      if (format !== 'binary') expect(second.stdout.split('\n').filter((line) => /^\d+$/.test(line))).toHaveLength(50);
      expect(second.stdout).toMatch(/next\n$/);
    });
  });
});
