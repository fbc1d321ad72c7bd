import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import postgres from 'postgres';
import { runDuties, settings } from '../node-duties.ts';

/** The duties for postgres.js, which pipelines what is sent without waiting. Its results are always text. */
const connect = async () => postgres({ ...settings, max: 1, onnotice: () => undefined });
const failure = (act: PromiseLike<unknown>) =>
  act.then(
    () => null,
    (error: postgres.PostgresError) => error.code,
  );
const native = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(native)
    : value === null
      ? null
      : `${(value as object).constructor.name} ${JSON.stringify(value)}`;

await runDuties(connect, {
  connect: async (sql) => ({ one: (await sql`SELECT 1 AS one`)[0]?.['one'] }),
  prepare: async (sql) => {
    const names: unknown[] = [];
    for (const id of [1, 2, 3]) names.push((await sql`SELECT name FROM customers WHERE id = ${id}`)[0]?.['name']);
    return { names };
  },
  types: async (sql) => {
    const [row] = await sql`SELECT * FROM kinds WHERE id = ${1}`;
    return { text: Object.fromEntries(Object.entries(row ?? {}).map(([name, value]) => [name, native(value)])) };
  },
  batch: async (sql) => {
    const [one, two, count] = await Promise.all([
      sql`INSERT INTO work VALUES (${1}, ${'batch'})`,
      sql`INSERT INTO work VALUES (${2}, ${'batch'})`,
      sql`SELECT count(*)::int FROM work WHERE label = ${'batch'}`,
    ]);
    return { counts: [one.count, two.count, count[0]?.['count']] };
  },
  copy: async (sql) => {
    const lines = Array.from({ length: 1000 }, (_, i) => `${i + 1000}\tcopied\n`);
    await pipeline(Readable.from(lines), await sql`COPY work FROM STDIN`.writable());
    let text = '';
    for await (const chunk of await sql`COPY (SELECT id FROM work WHERE label = 'copied') TO STDOUT`.readable())
      text += chunk;
    return { out: text.split('\n').reduce((total, line) => total + Number(line), 0) };
  },
  cancel: async (sql) => {
    const query = sql`SELECT pg_sleep(30)`;
    const code = failure(query);
    await new Promise((resolve) => setTimeout(resolve, 400));
    query.cancel();
    return { code: await code, after: (await sql`SELECT 1 AS one`)[0]?.['one'] };
  },
  error: async (sql) => {
    const act = [sql`SELECT * FROM nowhere`, sql`SELECT 1 / ${0}::int`, sql`SELECT ${'x'}::text::int`];
    const codes = await Promise.all(act.map(failure));
    return { codes, after: (await sql`SELECT 1 AS one`)[0]?.['one'] };
  },
  transaction: async (sql) => {
    const counted = async () => (await sql`SELECT count(*)::int FROM work WHERE label = 'tx'`)[0]?.['count'];
    await sql
      .begin(async (tx) => {
        await tx`INSERT INTO work VALUES (100, 'tx')`;
        throw new Error('no');
      })
      .catch(() => undefined);
    const rolledBack = await counted();
    let savepoint: string | null = null;
    await sql.begin(async (tx) => {
      await tx`INSERT INTO work VALUES (101, 'tx')`;
      savepoint = await failure(tx.savepoint((inner) => inner`INSERT INTO work VALUES (101, 'tx')`));
    });
    return { rolledBack, savepoint, committed: await counted() };
  },
  cursor: async (sql) => {
    const ids: number[] = [];
    for await (const rows of sql`SELECT id FROM customers ORDER BY id`.cursor(40))
      ids.push(...rows.map(({ id }) => id));
    return { rows: ids.length, sum: ids.reduce((total, id) => total + id, 0) };
  },
  notify: async (sql) => {
    const { promise, resolve } = Promise.withResolvers<string>();
    await sql.listen('news', resolve);
    await sql.notify('news', 'hello');
    return { channel: 'news', payload: await promise };
  },
  denial: async (sql) => {
    const counted = async () => (await sql`SELECT count(*)::int FROM work WHERE label = 'denied'`)[0]?.['count'];
    const plain = await failure(sql`DROP TABLE orders`);
    const after = (await sql`SELECT 1 AS one`)[0]?.['one'];
    const batch = await failure(
      sql.unsafe("INSERT INTO work VALUES (200, 'denied'); DROP TABLE orders; INSERT INTO work VALUES (201, 'denied')"),
    );
    const batchCount = await counted();
    let failed: string | null = null;
    const transaction = await failure(
      sql.begin(async (tx) => {
        await tx`INSERT INTO work VALUES (202, 'denied')`;
        const denied = await tx`DROP TABLE orders`.catch((error: unknown) => error);
        failed = await failure(tx`SELECT 1`);
        throw denied;
      }),
    );
    return { plain, after, batch, batchCount, transaction, failed, transactionCount: await counted() };
  },
  approval: async (sql) => {
    try {
      return { deleted: (await sql`DELETE FROM work WHERE id = ${900}`).count };
    } catch (error) {
      const { code, message } = error as postgres.PostgresError;
      return { code, message, after: (await sql`SELECT 1 AS one`)[0]?.['one'] };
    }
  },
});
