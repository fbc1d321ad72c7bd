import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectPg, driverOptions } from './fixture/drivers.ts';
import { type System, startSystem } from './fixture/system.ts';
import { waitFor } from './fixture/wait.ts';

const policy = `
apiVersion: weir.dev/v1
kind: Access
metadata: { name: all }
spec:
  who: { groups: [developers, admins] }
  connections: { labels: { env: demo } }
---
apiVersion: weir.dev/v1
kind: Masking
metadata: { name: mails }
spec:
  columns: [public.staff.email]
  transform: partial
  contentType: email
  influence: deny
---
apiVersion: weir.dev/v1
kind: Masking
metadata: { name: names }
spec:
  columns: [public.staff.name]
  transform: fake
  contentType: name
  influence: audit
---
apiVersion: weir.dev/v1
kind: Masking
metadata: { name: salaries }
spec:
  columns: [public.staff.salary]
  transform: redact
  aggregates: { minGroupSize: 5 }
---
apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: few }
spec:
  match: { effects: [insert, update, delete, truncate] }
  rows: { affected: { over: 10 } }
  action: deny
---
apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: noted }
spec:
  match: {}
  rows: { affected: { over: 3 }, returned: { over: 30 } }
  action: deny
  mode: observe
`;

/** COPY FROM STDIN by node-postgres, which leaves its data to the query object. */
function copyIn(client: pg.Client, text: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const copy: pg.Submittable & Record<string, unknown> = {
      submit: (connection) => connection.query(text),
      handleCopyInResponse(connection: { sendCopyFromChunk(chunk: Buffer): void; endCopyFrom(): void }) {
        connection.sendCopyFromChunk(Buffer.from(body));
        connection.endCopyFrom();
      },
      handleCommandComplete: () => undefined,
      handleError: reject,
      handleReadyForQuery: () => resolve(),
    };
    client.query(copy);
  });
}

describe('guards on what statements do', () => {
  let system: System;
  let dsn: string;
  let session: string;
  let client: pg.Client;
  let direct: pg.Client;
  beforeAll(async () => {
    system = await startSystem({ customers: 10, policy });
    direct = new pg.Client(system.directUrl);
    await direct.connect();
    await direct.query(`create table staff (id int primary key, email text, name text, salary int, team int);
      grant all on staff to public;
      insert into staff select i, 'user' || i || '@example.com', 'Real Name ' || i, 1000 * i, i % 4 from generate_series(1, 40) i`);
    ({ dsn, id: session } = await system.dsn('alice'));
    client = await connectPg(system, dsn);
  });
  afterAll(async () => {
    await client?.end();
    await direct?.end();
    await system?.stop();
  });

  const read = async (sql: string) => (await direct.query({ text: sql, rowMode: 'array' })).rows[0]?.[0] as unknown;
  const notes = (code: string, part: string) =>
    waitFor(`the note ${code}`, async () => {
      for await (const { event } of (await system.as('admin')).sessionEvents(session)) {
        const found = event as unknown as Record<string, unknown>;
        if (found['code'] === code && String(found['message']).includes(part)) return found;
      }
      return undefined;
    });

  describe('inference', () => {
    it.each([
      "select id from staff where email like 'user1%'",
      'select id from staff order by email',
      'select count(*) from staff group by email',
      'select distinct email from staff',
      "select email from staff intersect select 'user1@example.com'",
      'select a.id from staff a join staff b on a.email = b.email',
      'select count(distinct email) from staff',
      "select 1 / (email like 'u%')::int from staff where id = 1",
      "explain select id from staff where email = 'x'",
      "with x as (select id, email as e from staff) select id from x where e > 'user2'",
      "copy (select id from staff where email > 'user2') to stdout",
      "delete from staff where email = 'user1@example.com'",
    ])('%s', async (sql) => {
      await expect(client.query(sql)).rejects.toMatchObject({
        code: '42501',
        detail: expect.stringContaining('rule "protected-influence"'),
      });
    });

    it('lets the column be read, and is only noted where policy says audit', async () => {
      expect((await client.query('select email from staff where id = 1')).rows).toEqual([
        { email: 'u***@example.com' },
      ]);
      expect((await client.query("select id from staff where name = 'Real Name 3'")).rows).toEqual([{ id: 3 }]);
    });
  });

  it('sums of large groups are clear, others are not', async () => {
    const of = async (having: string, what = 'avg(salary)::int') =>
      (await client.query(`select ${what} as v from staff where team = 1 group by team ${having}`)).rows[0]?.v;
    expect(await of('having count(salary) >= 5')).toBe(19_000);
    expect(await of('having count(salary) >= 5', 'sum(salary)')).toBe('190000');
    expect(await of('having count(salary) >= 4')).toBe(0);
    expect(await of('')).toBe(0);
    expect(await of('having count(salary) >= 5', 'max(salary)')).toBe(0);
    expect(await of('having count(salary) >= 5', 'sum(case when id = 1 then salary end)')).toBe('0');
  });

  describe('masks that come back', () => {
    it('an editor that writes the whole row destroys nothing', async () => {
      const { rows } = await client.query('select * from staff where id = 7');
      const row = rows[0] as { email: string; name: string; salary: number };
      expect(row.email).toBe('u***@example.com');
      expect(row.name).not.toContain('Real');
      const save = (set: string, values: unknown[]) => client.query(`update staff set ${set} where id = 7`, values);
      const lost = { code: '42501', message: expect.stringContaining('the real one would be lost') };
      await expect(save('team = $1, email = $2', [9, row.email])).rejects.toMatchObject(lost);
      await expect(save('team = $1, name = $2', [9, row.name])).rejects.toMatchObject(lost);
      await expect(save('team = $1, salary = $2', [9, row.salary])).rejects.toMatchObject(lost);
      await expect(client.query(`update staff set name = '${row.name}' where id = 7`)).rejects.toMatchObject(lost);
      await expect(save("team = $1 , email = 'u***' || '@example.com'", [9])).rejects.toMatchObject(lost);
      await save('team = $1', [9]);
      await save('email = $1, name = $2', ['new@example.com', 'New Name']);
      expect(await read("select concat_ws(' ', email, name, salary, team) from staff where id = 7")).toBe(
        'new@example.com New Name 7000 9',
      );
    });

    it('another channel of the session knows them, another session does not', async () => {
      const shown = (await client.query('select name from staff where id = 8')).rows[0].name as string;
      const sql = postgres(driverOptions(system, dsn).connectionString, {
        ssl: driverOptions(system, dsn).ssl,
        max: 1,
      });
      await expect(sql`update staff set name = ${shown} where id = 8`).rejects.toMatchObject({ code: '42501' });
      await sql.end();
      const other = await connectPg(system, (await system.dsn('alice')).dsn);
      await other.query('update staff set name = $1 where id = 8', [shown]);
      await other.end();
    });

    it.each([
      ['text', 'copy staff (id, email) from stdin', '101\tjo@example.com\n102\tj***@example.com\n'],
      ['CSV', 'copy staff (id, email) from stdin csv header', 'id,email\n101,"j***@example.com"\n'],
      ['text in another order', 'copy staff (email, id) from stdin', 'j\\*\\*\\*@example.com\t101\n'],
    ])('COPY FROM STDIN as %s', async (_name, text, data) => {
      const run = (body: string) => copyIn(client, text, body);
      await expect(run(data)).rejects.toMatchObject({
        code: '42501',
        message: 'This would store a masked value in staff.email, and the real one would be lost.',
      });
      expect(await read('select count(*)::int from staff where id > 100')).toBe(0);
      await run(data.replace(/j[\\*]+@/, 'jim@'));
      expect(await read("select count(*)::int from staff where id > 100 and email like 'jim@%'")).toBe(1);
      await direct.query('delete from staff where id > 100');
    });
  });

  describe('a bound on changed rows', () => {
    it('leaves nothing of a change beyond it, by either protocol', async () => {
      const before = await read('select sum(team)::int from staff');
      const tooMany = {
        code: '42501',
        message: '40 rows would have changed, and no more than 10 may: nothing was changed',
      };
      await expect(client.query('update staff set team = team + 1')).rejects.toMatchObject(tooMany);
      await expect(client.query('update staff set team = team + $1', [1])).rejects.toMatchObject(tooMany);
      await client.query('begin');
      await expect(client.query('update staff set team = team + 1')).rejects.toMatchObject(tooMany);
      expect((await client.query('commit')).command).toBe('ROLLBACK');
      for (const sql of ['truncate staff', 'with x as (delete from staff returning 1) select count(*) from x'])
        await expect(client.query(sql)).rejects.toMatchObject({ code: '42501' });
      expect(await read('select sum(team)::int from staff')).toBe(before);
      expect((await client.query('update staff set team = team where id <= 10')).rowCount).toBe(10);
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    });

    it('is recorded, and one that is only observed is noted', async () => {
      await client.query('select id from staff');
      expect(await notes('row-bound', '40 rows would have changed')).toBeDefined();
      expect(await notes('row-bound-observed', '10 rows were changed')).toBeDefined();
      expect(await notes('row-bound-observed', '40 rows were returned')).toBeDefined();
    });
  });
});
