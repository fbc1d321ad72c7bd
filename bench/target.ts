import { hasPostgres15, runCommand, startPostgres15, startPostgres18 } from '@weir/testkit';
import pg from 'pg';
import type { CleanUp } from './clean-up.ts';

/** The measured database. */
export interface BenchTarget {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly version: string;
  /** DSN of the role that Weir uses, too, by this address. */
  dsn(port?: number): string;
}

/** How much is loaded. */
export interface TargetSize {
  readonly pgbenchScale: number;
  readonly people: number;
  /** Rows with a text of 50,000 bytes. */
  readonly wideRows: number;
}

/** The columns of one kind have the same width, so that the clear and the masked result have the same number of bytes before masking. */
export const resultColumns = {
  clear: 'id, name, login, reference, city, token, remark, created_at',
  masked: 'id, name, email, card, city, token, remark, created_at',
} as const;

/** People whose rows are about 220 bytes as a DataRow of eight columns. */
const peopleSql = (count: number) => `
CREATE TABLE people AS SELECT
  i AS id,
  'Person Number ' || lpad(i::text, 8, '0') AS name,
  'person.' || lpad(i::text, 8, '0') || '@example.com' AS email,
  'person.' || lpad(i::text, 8, '0') || '#example.com' AS login,
  '4000 ' || to_char(i / 100000000, 'FM0000') || ' ' || to_char((i / 10000) % 10000, 'FM0000') || ' ' || to_char(i % 10000, 'FM0000') AS card,
  'REF- ' || to_char(i / 100000000, 'FM0000') || ' ' || to_char((i / 10000) % 10000, 'FM0000') || ' ' || to_char(i % 10000, 'FM0000') AS reference,
  (ARRAY['Amsterdam', 'Barcelona', 'Copenhagen', 'Dublin', 'Edinburgh'])[1 + i % 5] AS city,
  md5(i::text) AS token,
  'remark about an ordinary order, ' || i % 97 AS remark,
  timestamptz '2025-01-01' + i * interval '31 seconds' AS created_at
FROM generate_series(1, ${count}) AS i;
ALTER TABLE people ADD PRIMARY KEY (id);
VACUUM ANALYZE people;
`;

/** Rows that are stored as they are: what the server would spend on unpacking them is not what is measured. */
const wideSql = (count: number) => `
CREATE TABLE wide (id int PRIMARY KEY, body text);
ALTER TABLE wide ALTER COLUMN body SET STORAGE EXTERNAL;
INSERT INTO wide SELECT i, left(repeat(md5(i::text), 1563), 50000) FROM generate_series(1, ${count}) AS i;
VACUUM ANALYZE wide;
`;

/** Starts a server (Debian's 15 where it is installed, else npm's 18) and loads pgbench's tables and the people. */
export async function startTarget(cleanUp: CleanUp, size: TargetSize): Promise<BenchTarget> {
  const settings = { shared_buffers: '256MB', max_connections: 200, max_wal_size: '4GB' };
  const starting = hasPostgres15() ? startPostgres15({ settings }) : startPostgres18({ settings });
  // Also when the bench is stopped before the server is ready.
  cleanUp.add('the database', async () => (await starting).stop());
  const server = await starting;
  const [user, password, database] = ['bench_app', 'bench-password-1', 'bench'];
  const dsn = (port = server.port) => `postgresql://${user}:${password}@${server.host}:${port}/${database}`;
  const admin = new pg.Client({ connectionString: server.adminUrl });
  await admin.connect();
  await admin.query(`CREATE ROLE ${user} LOGIN PASSWORD '${password}'`);
  await admin.query(`CREATE DATABASE ${database} OWNER ${user}`);
  const { rows } = await admin.query('SHOW server_version');
  await admin.end();
  const init = await runCommand('pgbench', ['-i', '-q', '-s', String(size.pgbenchScale), `${dsn()}?sslmode=disable`], {
    timeoutMs: 300_000,
  });
  if (init.status !== 0) throw new Error(`pgbench -i failed: ${init.stderr}`);
  const client = new pg.Client({ connectionString: dsn() });
  await client.connect();
  const sqls = `${peopleSql(size.people)}${wideSql(size.wideRows)}`.split(';\n');
  for (const sql of sqls) if (sql.trim() !== '') await client.query(sql);
  await client.end();
  const version = String(rows[0]?.server_version);
  return { host: server.host, port: server.port, database, user, password, version, dsn };
}
