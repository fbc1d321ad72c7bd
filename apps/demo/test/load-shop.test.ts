import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LoadedShop, loadShop } from '@weir/demo';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@weir/embedded-postgres';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyRows } from '../src/data/copy-in.ts';
import { generateCustomers } from '../src/data/customers.ts';

describe('the shop in a real server', () => {
  const appPassword = "it's a/pass@word";
  let folder: string;
  let server: EmbeddedPostgres;
  let shop: LoadedShop;
  let client: pg.Client;
  const rows = async (sql: string) => (await client.query({ text: sql, rowMode: 'array' })).rows;

  beforeAll(async () => {
    folder = mkdtempSync(join(realpathSync(tmpdir()), 'weir-shop-'));
    chmodSync(folder, 0o711);
    const home = join(folder, 'home');
    server = await startEmbeddedPostgres({
      stateDir: folder,
      home,
      role: 'shop',
      password: 'secret',
      isDurable: false,
    });
    shop = await loadShop(server.adminUrl, { customers: 300, appPassword });
    client = new pg.Client({ connectionString: shop.appUrl });
    await client.connect();
  });
  afterAll(async () => {
    await client?.end();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('holds what the generator makes', async () => {
    const [, second] = [...generateCustomers(2)];
    const { rows: found } = await client.query('SELECT * FROM customers WHERE id = 2');
    const { createdAt, ...rest } = second ?? { createdAt: '' };
    expect(found).toEqual([{ ...rest, created_at: new Date(createdAt) }]);
  });

  it('has the columns that scripts rely on, in order', async () => {
    const columns = await rows(`SELECT table_name, string_agg(column_name, ',' ORDER BY ordinal_position)
      FROM information_schema.columns WHERE table_schema = 'public' GROUP BY 1`);
    expect(Object.fromEntries(columns)).toMatchObject({
      customers: 'id,name,email,phone,ssn,card,iban,address,notes,created_at,profile',
      orders: expect.stringMatching(/^id,customer_id,amount,note/),
      payments: expect.stringMatching(/^id,order_id,amount,card/),
      employees: expect.stringMatching(/^id,name,email,salary/),
      users: 'id,email,password_hash,api_token',
      customer_contacts: 'id,name,email,phone,address',
    });
  });

  it('fills every table, with the events in their partitions', async () => {
    const counts = await rows(`SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM orders),
      (SELECT count(*) FROM payments), (SELECT count(*) FROM employees), (SELECT count(*) FROM users),
      (SELECT count(*) FROM events), (SELECT count(*) FROM events_2025_03) > 0, (SELECT count(*) FROM events_other)`);
    expect(counts).toEqual([['300', '600', '450', '300', '300', '300', true, '0']]);
  });

  it('belongs to a role that is no superuser', async () => {
    const owners = `SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'`;
    expect(await rows(owners)).toEqual([['shop_app']]);
    expect(await rows('SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user')).toEqual([
      [false, false],
    ]);
  });

  it('gives new rows numbers behind the loaded ones', async () => {
    await client.query('BEGIN');
    const { rows: added } = await client.query(
      `INSERT INTO customers (name, email) VALUES ('New', 'new@example.com') RETURNING id`,
    );
    await client.query('ROLLBACK');
    expect(added).toEqual([{ id: 301 }]);
  });

  it('is left as it is when it is loaded again, and takes a new password', async () => {
    const again = await loadShop(server.adminUrl, { customers: 10, appPassword: 'another' });
    expect(again.isNew).toBe(false);
    const other = new pg.Client({ connectionString: again.appUrl });
    await other.connect();
    expect((await other.query('SELECT count(*)::int AS n FROM customers')).rows).toEqual([{ n: 300 }]);
    await other.end();
  });

  it('is the same on a second load of the same seed', async () => {
    const twin = await loadShop(server.adminUrl, { customers: 300, appPassword, database: 'twin' });
    const digest = `SELECT md5(string_agg(c::text, ',' ORDER BY id)) FROM customers c`;
    const other = new pg.Client({ connectionString: twin.appUrl });
    await other.connect();
    expect((await other.query({ text: digest, rowMode: 'array' })).rows).toEqual(await rows(digest));
    await other.end();
  });

  it.each([
    ['rows that the server refuses', [['not a number', 'x']], 'invalid input syntax for type integer'],
    [
      'rows that cannot be made',
      (function* () {
        yield [1, 'x'];
        throw new Error('out of rows');
      })(),
      'out of rows',
    ],
  ])('fails clearly on %s and leaves the connection usable', async (_name, bad, message) => {
    await expect(copyRows(client, 'orders', ['id', 'note'], bad)).rejects.toThrow(message);
    expect(await rows('SELECT 1')).toEqual([[1]]);
  });
});
