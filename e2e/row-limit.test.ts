import { hasCommand, runPsql } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectPg, driverOptions } from './fixture/drivers.ts';
import { type System, startSystem } from './fixture/system.ts';
import { waitFor } from './fixture/wait.ts';

const policy = `
apiVersion: weir.dev/v1
kind: Access
metadata: { name: few-rows }
spec:
  who: { groups: [developers] }
  connections: { labels: { env: demo } }
  maxRows: 100
---
apiVersion: weir.dev/v1
kind: Access
metadata: { name: admins }
spec:
  who: { groups: [admins] }
  connections: { labels: { env: demo } }
`;
const withheld = {
  code: '42501',
  message: 'more than 100 rows: the rest was withheld',
  hint: 'Add a WHERE clause or LIMIT 100.',
};

/** postgres.js keeps counting the rows of a result that ended in an error, so the next result begins with holes. */
const lastRow = (rows: readonly unknown[]) => rows.at(-1);

describe('a row limit', () => {
  let system: System;
  let dsn: string;
  let session: string;
  let client: pg.Client;
  let direct: pg.Client;
  beforeAll(async () => {
    system = await startSystem({ customers: 300, policy });
    ({ dsn, id: session } = await system.dsn('alice'));
    client = await connectPg(system, dsn);
    direct = new pg.Client(system.directUrl);
    await direct.connect();
  });
  afterAll(async () => {
    await client?.end();
    await direct?.end();
    await system?.stop();
  });

  /** Rows that arrive before the error, and the error. */
  const rowsOf = (sql: string, values?: unknown[]) =>
    new Promise<{ rows: number; error: pg.DatabaseError | null }>((resolve) => {
      const query = new pg.Query(sql, values as string[]);
      let rows = 0;
      query.on('row', () => {
        rows += 1;
      });
      query.on('error', (error) => resolve({ rows, error: error as pg.DatabaseError }));
      query.on('end', () => resolve({ rows, error: null }));
      client.query(query);
    });
  const names = async () => (await direct.query("select count(*)::int as n from customers where name = 'x'")).rows[0].n;

  it('delivers so many rows, then an error; the next statement works', async () => {
    for (const values of [undefined, []]) {
      const { rows, error } = await rowsOf('select n from generate_series(1, 1000000) n', values);
      expect(rows).toBe(100);
      expect(error).toMatchObject(withheld);
      expect(error?.detail).toContain('rule "few-rows"');
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    }
    expect(await rowsOf('select n from generate_series(1, 100) n')).toEqual({ rows: 100, error: null });
    const wide = await rowsOf("select repeat('x', 100000) from generate_series(1, 5000)");
    expect(wide).toMatchObject({ rows: 100, error: withheld });
  });

  it('is recorded: a note, and the outcome with the error', async () => {
    const found = await waitFor('the record of the withheld rows', async () => {
      const events: Record<string, unknown>[] = [];
      for await (const { event } of (await system.as('admin')).sessionEvents(session)) events.push(event as never);
      const note = events.find((event) => event['event'] === 'note' && event['code'] === 'row-limit');
      const result = events.find(({ event, rows, error }) => event === 'result' && rows === 100 && error !== null);
      return note && result ? { note, result } : undefined;
    });
    expect(found.note).toMatchObject({ message: withheld.message });
    expect(found.result['error']).toMatchObject({ sqlstate: '42501', message: withheld.message });
  });

  it('fails a transaction block', async () => {
    for (const count of [101, 1_000_000]) {
      await client.query('begin');
      expect(await rowsOf(`select n from generate_series(1, ${count}) n`)).toMatchObject({
        rows: 100,
        error: withheld,
      });
      await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' });
      expect((await client.query('commit')).command).toBe('ROLLBACK');
    }
  });

  it('changes beyond it inside a block are rolled back', async () => {
    for (const values of [undefined, []]) {
      await client.query('begin');
      const update = await rowsOf("update customers set name = 'x' returning id", values);
      expect(update).toMatchObject({ rows: 100, error: withheld });
      await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' });
      expect((await client.query('commit')).command).toBe('ROLLBACK');
      expect(await names()).toBe(0);
    }
    await client.query('begin');
    await client.query("update customers set name = 'x' where id <= 200");
    await client.query('rollback');
    expect(await names()).toBe(0);
  });

  it('a late cancel never hits the next statement', async () => {
    for (let i = 0; i < 40; i++) {
      const { rows, error } = await rowsOf(
        `select n from generate_series(1, ${101 + i}) n`,
        i % 2 === 0 ? [] : undefined,
      );
      expect({ rows, error }).toMatchObject({ rows: 100, error: withheld });
      expect((await client.query('select 7 as n from pg_sleep(0.01)')).rows).toEqual([{ n: 7 }]);
    }
    const sql = postgres(driverOptions(system, dsn).connectionString, {
      ...{ ssl: driverOptions(system, dsn).ssl, max: 1, onnotice: () => undefined },
    });
    for (let i = 0; i < 20; i++) {
      const [over, next] = await Promise.allSettled([
        sql`select n from generate_series(1, 101) n`,
        sql`select 7 as n from pg_sleep(0.01)`,
      ]);
      expect(over).toMatchObject({ status: 'rejected', reason: { code: '42501' } });
      expect(next.status === 'fulfilled' && lastRow(next.value)).toEqual({ n: 7 });
    }
    await sql.end();
  });

  it('a suspended portal cannot go around it', async () => {
    const sql = postgres(driverOptions(system, dsn).connectionString, {
      ...{ ssl: driverOptions(system, dsn).ssl, max: 1, onnotice: () => undefined },
    });
    let seen = 0;
    const read = async () => {
      for await (const rows of sql`select n from generate_series(1, 1000) n`.cursor(40)) seen += rows.length;
    };
    await expect(read()).rejects.toMatchObject({ code: '42501' });
    expect(seen).toBeLessThanOrEqual(100);
    expect(lastRow(await sql`select 1 as one`)).toEqual({ one: 1 });
    await sql.end();
  });

  lane(
    'psql',
    () => hasCommand('psql'),
    'install the PostgreSQL client (psql)',
  )('psql', () => {
    it('prints nothing beyond it, by SELECT, several statements, and COPY of every format', async () => {
      const lines = (text: string) => text.split('\n').filter((line) => line !== '').length;
      const formats = ['', 'csv', 'csv, header', 'text, header'].map((format) =>
        format === '' ? '' : ` (format ${format})`,
      );
      for (const format of formats) {
        const copy = await runPsql(
          dsn,
          `copy (select n from generate_series(1, 100000) n) to stdout${format};\nselect 'next';\n`,
        );
        expect(copy.stderr, format).toContain(withheld.message);
        expect(lines(copy.stdout), format).toBe(100 + 1 + Number(format.includes('header')));
        expect(copy.stdout, format).toMatch(/next\n$/);
      }
      const several = await runPsql(dsn, '', ['-At', '-c', 'select 5; select generate_series(1, 101); select 6']);
      expect(several.stderr).toContain(withheld.message);
      const fetched = await runPsql(
        dsn,
        'begin;\ndeclare c cursor for select generate_series(1, 500);\nfetch 100 from c;\nfetch 101 from c;\nselect 1;\n',
      );
      expect(fetched.stderr).toContain(withheld.message);
      expect(fetched.stderr).toContain('current transaction is aborted');
    });
  });
});
