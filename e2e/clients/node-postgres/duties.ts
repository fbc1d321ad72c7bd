import pg from 'pg';
import { runDuties, settings } from '../node-duties.ts';

/** The duties for node-postgres. It has no pipeline: queries that are queued go one by one. */
async function connect(): Promise<pg.Client> {
  const client = new pg.Client(settings);
  await client.connect();
  return client;
}

const first = async (client: pg.Client, text: string) =>
  (await client.query<unknown[]>({ text, rowMode: 'array' })).rows[0]?.[0];
const failure = (act: Promise<unknown>) =>
  act.then(
    () => null,
    (error: pg.DatabaseError) => error.code,
  );
const native = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(native)
    : value === null
      ? null
      : `${(value as object).constructor.name} ${JSON.stringify(value)}`;

await runDuties(connect, {
  connect: async (client) => ({ one: await first(client, 'SELECT 1') }),
  prepare: async (client) => {
    const names: unknown[] = [];
    for (const id of [1, 2, 3]) {
      const { rows } = await client.query({
        name: 'one',
        text: 'SELECT name FROM customers WHERE id = $1',
        values: [id],
      });
      names.push(rows[0].name);
    }
    return { names };
  },
  types: async (client) => {
    const out: Record<string, unknown> = {};
    for (const binary of [false, true]) {
      // Its binary mode decodes a part of the types only; what it leaves are Buffers.
      const query = { text: 'SELECT * FROM kinds WHERE id = $1', values: [1], binary } as pg.QueryConfig;
      const row = (await client.query(query)).rows[0];
      out[binary ? 'binary' : 'text'] = Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, native(value)]),
      );
    }
    return out;
  },
  batch: async (client) => {
    const results = await Promise.all([
      client.query('INSERT INTO work VALUES ($1, $2)', [1, 'batch']),
      client.query('INSERT INTO work VALUES ($1, $2)', [2, 'batch']),
      client.query("SELECT count(*)::int FROM work WHERE label = 'batch'"),
    ]);
    return { counts: [results[0].rowCount, results[1].rowCount, results[2].rows[0].count] };
  },
  error: async (client) => ({
    codes: [
      await failure(client.query('SELECT * FROM nowhere')),
      await failure(client.query('SELECT 1 / $1::int', [0])),
      await failure(client.query('SELECT $1::int', ['x'])),
    ],
    after: await first(client, 'SELECT 1'),
  }),
  cancel: async (client) => {
    // node-postgres cancels from a connection of its own.
    const code = failure(client.query('SELECT pg_sleep(30)'));
    await new Promise((resolve) => setTimeout(resolve, 400));
    const query = client as unknown as { activeQuery?: object; _activeQuery?: object };
    const other = new pg.Client(settings);
    (other as unknown as { cancel(client: pg.Client, query: unknown): void }).cancel(
      client,
      query._activeQuery ?? query.activeQuery,
    );
    return { code: await code, after: await first(client, 'SELECT 1') };
  },
  transaction: async (client) => {
    const counted = "SELECT count(*)::int FROM work WHERE label = 'tx'";
    await client.query('BEGIN');
    await client.query("INSERT INTO work VALUES (100, 'tx')");
    await client.query('ROLLBACK');
    const rolledBack = await first(client, counted);
    await client.query('BEGIN');
    await client.query("INSERT INTO work VALUES (101, 'tx')");
    await client.query('SAVEPOINT a');
    const savepoint = await failure(client.query("INSERT INTO work VALUES (101, 'tx')"));
    await client.query('ROLLBACK TO a');
    await client.query('COMMIT');
    return { rolledBack, savepoint, committed: await first(client, counted) };
  },
  cursor: async (client) => {
    await client.query('BEGIN');
    await client.query('DECLARE walk CURSOR FOR SELECT id FROM customers ORDER BY id');
    const ids: number[] = [];
    for (;;) {
      const { rows } = await client.query('FETCH 40 FROM walk');
      if (rows.length === 0) break;
      ids.push(...rows.map(({ id }) => id));
    }
    await client.query('COMMIT');
    return { rows: ids.length, sum: ids.reduce((total, id) => total + id, 0) };
  },
  notify: async (client) => {
    const got = new Promise<pg.Notification>((resolve) => client.once('notification', resolve));
    await client.query('LISTEN news');
    const other = await connect();
    await other.query("NOTIFY news, 'hello'");
    await other.end();
    const { channel, payload } = await got;
    return { channel, payload };
  },
  denial: async (client) => {
    const counted = "SELECT count(*)::int FROM work WHERE label = 'denied'";
    const plain = await failure(client.query('DROP TABLE orders'));
    const after = await first(client, 'SELECT 1');
    const batch = await failure(
      client.query(
        "INSERT INTO work VALUES (200, 'denied'); DROP TABLE orders; INSERT INTO work VALUES (201, 'denied')",
      ),
    );
    const batchCount = await first(client, counted);
    await client.query('BEGIN');
    await client.query("INSERT INTO work VALUES (202, 'denied')");
    const transaction = await failure(client.query('DROP TABLE orders'));
    const failed = await failure(client.query('SELECT 1'));
    await client.query('ROLLBACK');
    return { plain, after, batch, batchCount, transaction, failed, transactionCount: await first(client, counted) };
  },
  approval: async (client) => {
    try {
      return { deleted: (await client.query('DELETE FROM work WHERE id = $1', [900])).rowCount };
    } catch (error) {
      const { code, message } = error as pg.DatabaseError;
      return { code, message, after: await first(client, 'SELECT 1') };
    }
  },
});
