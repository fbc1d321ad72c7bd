import pg from 'pg';
import { copyRows } from './copy-in.ts';
import { type Customer, generateCustomers, shopSeed } from './customers.ts';
import {
  type Cell,
  generateEmployees,
  generateEvents,
  generateOrders,
  generatePayments,
  generateUsers,
} from './shop-rows.ts';
import { shopConstraints, shopTables } from './shop-schema.ts';

/** What to load. */
export interface LoadShopOptions {
  /** Default 100,000. The other tables grow with it. */
  readonly customers?: number;
  readonly seed?: number;
  /** Default `shop`. Lower-case letters, digits and underscores. */
  readonly database?: string;
  /** Password of the role `shop_app`, which owns database and tables and is no superuser. */
  readonly appPassword: string;
}

/** The loaded database. */
export interface LoadedShop {
  readonly database: string;
  /** DSN of the superuser on the shop's database. */
  readonly adminUrl: string;
  /** DSN of `shop_app`. */
  readonly appUrl: string;
  /** False when it was there already and nothing was loaded. */
  readonly isNew: boolean;
}

/**
 * Makes the shop in a server unless it is there: role, database, tables, rows, keys. It is loaded under another name and renamed at the end, so a
 * kill leaves no half shop. `adminUrl` is a superuser's. The same count and seed give the same rows everywhere.
 */
export async function loadShop(adminUrl: string, options: LoadShopOptions): Promise<LoadedShop> {
  const { database = 'shop', appPassword } = options;
  const dsn = (name: string, user?: string): string => {
    const url = new URL(adminUrl);
    url.pathname = `/${name}`;
    if (user !== undefined) Object.assign(url, { username: user, password: encodeURIComponent(appPassword) });
    return url.href;
  };
  const loading = `${database}_loading`;
  const isNew = await withClient(adminUrl, async (admin) => {
    await setRole(admin, appPassword);
    const { rowCount } = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (rowCount) return false;
    await admin.query(`DROP DATABASE IF EXISTS ${loading} WITH (FORCE)`);
    await admin.query(
      `CREATE DATABASE ${loading} OWNER shop_app TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`,
    );
    await withClient(dsn(loading, 'shop_app'), (client) => fillShop(client, options));
    await withClient(dsn(loading), (client) => client.query('VACUUM (ANALYZE)'));
    await admin.query(`ALTER DATABASE ${loading} RENAME TO ${database}`);
    return true;
  });
  return { database, adminUrl: dsn(database), appUrl: dsn(database, 'shop_app'), isNew };
}

/** A utility statement takes no parameters, so the password is quoted by the driver. */
async function setRole(admin: pg.Client, password: string): Promise<void> {
  const { rowCount } = await admin.query("SELECT 1 FROM pg_roles WHERE rolname = 'shop_app'");
  const act = rowCount ? 'ALTER' : 'CREATE';
  await admin.query(`${act} ROLE shop_app LOGIN PASSWORD ${admin.escapeLiteral(password)}`);
}

async function fillShop(client: pg.Client, options: LoadShopOptions): Promise<void> {
  const { customers = 100_000, seed = shopSeed } = options;
  const orders = customers * 2;
  await client.query(shopTables);
  const load = (table: string, columns: string, rows: Iterable<readonly Cell[]>): Promise<number> =>
    copyRows(client, table, columns.split(' '), rows);
  await load(
    'customers',
    'id name email phone ssn card iban address notes created_at profile',
    customerRows(customers, seed),
  );
  await load('orders', 'id customer_id amount note created_at', generateOrders(orders, customers, seed));
  await load('payments', 'id order_id amount card paid_at', generatePayments(Math.ceil(orders * 0.75), orders, seed));
  await load('employees', 'id name email salary department', generateEmployees(Math.min(500, customers), seed));
  await load('users', 'id email password_hash api_token', generateUsers(Math.min(2_000, customers), seed));
  await load('events', 'id customer_id kind payload occurred_at', generateEvents(customers, customers, seed));
  await client.query(shopConstraints);
}

function* customerRows(count: number, seed: number): Generator<Cell[]> {
  for (const customer of generateCustomers(count, seed)) yield customerRow(customer);
}

function customerRow(c: Customer): Cell[] {
  const notes = c.notes === '' ? null : c.notes;
  return [
    c.id,
    c.name,
    c.email,
    c.phone,
    c.ssn,
    c.card,
    c.iban,
    c.address,
    notes,
    c.createdAt,
    JSON.stringify(c.profile),
  ];
}

async function withClient<T>(connectionString: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString });
  // A lost connection rejects the query that runs; the event is told for idle ones and would end the process unheard.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
