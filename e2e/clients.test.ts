import { hasCommand, hasPostgres15, runCommand, runPsql } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { driverOptions } from './fixture/drivers.ts';
import { type System, startSystem } from './fixture/system.ts';

describe('drivers', () => {
  let system: System;
  let direct: pg.Client;
  beforeAll(async () => {
    system = await startSystem({ customers: 300 });
    direct = new pg.Client(system.directUrl);
    await direct.connect();
  });
  afterAll(async () => {
    await direct?.end();
    await system?.stop();
  });

  it('node-postgres: parameters, binary results, errors in the middle, transactions', async () => {
    const { dsn } = await system.dsn('alice');
    const client = new pg.Client(driverOptions(system, dsn));
    await client.connect();
    const truth = (await direct.query('select * from customers where id = 9')).rows[0];
    const text = await client.query('select id, name, email, card from customers where id = $1', [9]);
    expect(text.rows[0]).toMatchObject({ id: truth.id, name: truth.name });
    expect(text.rows[0].email).not.toBe(truth.email);
    const binary = await client.query({
      text: 'select id, ssn, created_at from customers where id = $1',
      values: [9],
      binary: true,
    } as pg.QueryConfig);
    expect(JSON.stringify(binary.rows)).not.toContain(truth.ssn);
    await expect(client.query('select * from nowhere')).rejects.toMatchObject({ code: '42P01' });
    await expect(client.query('drop table orders')).rejects.toMatchObject({ code: '42501', hint: expect.any(String) });
    await expect(client.query('select $1::int', ['x'])).rejects.toMatchObject({ code: '22P02' });
    await client.query('begin');
    await client.query("update customers set name = 'x' where id = $1", [9]);
    await expect(client.query('delete from orders')).rejects.toMatchObject({ code: '42501' });
    await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' });
    await client.query('rollback');
    expect((await client.query('select name from customers where id = 9')).rows[0].name).toBe(truth.name);
    await client.end();
  });

  it('postgres.js: prepared statements, pipelining, cursors, a denial in the middle of a pipeline', async () => {
    const { dsn } = await system.dsn('alice');
    const sql = postgres(driverOptions(system, dsn).connectionString, {
      ssl: driverOptions(system, dsn).ssl,
      max: 2,
      onnotice: () => undefined,
    });
    const ids = Array.from({ length: 50 }, (_, i) => i + 1);
    const answers = await Promise.all(ids.map((id) => sql`select id, email, name from customers where id = ${id}`));
    const truth = (await direct.query('select id, email, name from customers where id <= 50 order by id')).rows;
    answers.forEach((rows, i) => {
      expect(rows[0]).toMatchObject({ id: truth[i].id, name: truth[i].name });
      expect(rows[0]?.['email']).not.toBe(truth[i].email);
    });
    const mixed = await Promise.allSettled([sql`select 1 as one`, sql`drop table orders`, sql`select 2 as two`]);
    expect(mixed.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    let seen = 0;
    for await (const rows of sql`select id, card from customers order by id`.cursor(40)) seen += rows.length;
    expect(seen).toBe(300);
    await expect(
      sql.begin(async (tx) => {
        await tx`update customers set name = 'y' where id = 9`;
        await tx`drop table orders`;
      }),
    ).rejects.toThrow();
    expect((await direct.query('select name from customers where id = 9')).rows[0].name).not.toBe('y');
    await sql.end();
  });

  it('streams COPY both ways', async () => {
    const { dsn } = await system.dsn('admin');
    const made = await runPsql(
      dsn,
      `create table bulk(id int, t text);\n\\copy bulk from program 'seq 1 20000 | sed "s/$/\\tline/"'\nselect count(*), max(id) from bulk;\n\\copy (select * from bulk order by id) to program 'tail -n 1'\ndrop table bulk;`,
    );
    expect(made.stderr).toBe('');
    expect(made.stdout).toContain('20000|20000');
  });
});

lane(
  'postgresql-15 with pgbench and pg_dump',
  () => hasPostgres15() && hasCommand('pgbench') && hasCommand('pg_dump'),
  'install Debian’s postgresql (15)',
)('tools against PostgreSQL 15', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ server: '15', customers: 2000 });
  });
  afterAll(() => system?.stop());

  it('pgbench: initialises, then runs TPC-B without a failed transaction', async () => {
    const { dsn } = await system.dsn('admin');
    const made = await runCommand('pgbench', ['-i', '-s', '1', '-d', dsn]);
    expect(made.status, made.stderr).toBe(0);
    for (const mode of ['simple', 'extended', 'prepared']) {
      const run = await runCommand('pgbench', ['-M', mode, '-c', '4', '-j', '2', '-T', '2', '-d', dsn]);
      expect(run.status, run.stderr).toBe(0);
      expect(run.stdout).toContain('number of failed transactions: 0');
    }
  });

  it('pg_dump: the dump through Weir is the direct dump, and restores', async () => {
    const { dsn } = await system.dsn('admin');
    const appUrl = new URL(system.directUrl);
    const through = await runCommand('pg_dump', ['--schema=public', '-d', dsn]);
    const straight = await runCommand('pg_dump', ['--schema=public', '-d', appUrl.href]);
    expect(through.stderr).toBe('');
    expect(through.status).toBe(0);
    const plain = (dump: string) => dump.replaceAll(/^\\(un)?restrict .*$/gm, '');
    expect(plain(through.stdout)).toBe(plain(straight.stdout));
    const made = await runPsql(system.directUrl, 'CREATE DATABASE restored OWNER shop_app');
    expect(made.stderr).toBe('');
    const copy = new URL(system.directUrl);
    copy.pathname = '/restored';
    const restored = await runPsql(copy.href, `DROP SCHEMA public CASCADE;\n${through.stdout}`, [
      '-q',
      '-v',
      'ON_ERROR_STOP=1',
    ]);
    expect(restored.stderr.replaceAll(/^NOTICE.*$/gm, '').trim()).toBe('');
    expect(restored.status).toBe(0);
  });
});
