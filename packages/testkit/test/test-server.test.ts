import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { hasCommand, hasPostgres15, loadShop, runPsql, startPostgres15, startPostgres18 } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import pg from 'pg';
import { describe, expect, it } from 'vitest';

const psql = lane('psql', () => hasCommand('psql'), 'psql is not on PATH');
const postgres15 = lane('postgresql-15', hasPostgres15, 'Debian package postgresql-15 is not installed');

async function versionOf(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query('SHOW server_version')).rows[0].server_version;
  } finally {
    await client.end();
  }
}

describe("a test's PostgreSQL 18", { timeout: 120_000 }, () => {
  it('accepts its own password and leaves nothing behind', async () => {
    const server = await startPostgres18({ settings: { max_connections: 12 } });
    expect(await versionOf(server.adminUrl)).toMatch(/^18\./);
    await server.stop();
    expect(existsSync(dirname(server.dataDir))).toBe(false);
  });
});

postgres15("a test's PostgreSQL 15", () => {
  it('runs beside and takes the shop', async () => {
    const server = await startPostgres15();
    expect(await versionOf(server.adminUrl)).toMatch(/^15\./);
    const shop = await loadShop(server.adminUrl, { customers: 20, appPassword: 'shop' });
    expect(await versionOf(shop.appUrl)).toMatch(/^15\./);
    await server.stop();
  });
});

psql('psql for tests', () => {
  it('gives rows, errors and exit status', async () => {
    const server = await startPostgres18();
    const good = await runPsql(server.adminUrl, 'SELECT 1, NULL;\n\\echo done\n');
    expect(good).toEqual({ status: 0, signal: null, stdout: '1|\ndone\n', stderr: '' });
    const bad = await runPsql(server.adminUrl, 'SELECT nothing;', ['-At', '-v', 'ON_ERROR_STOP=1']);
    expect(bad).toMatchObject({ status: 3, stderr: expect.stringContaining('column "nothing" does not exist') });
    await server.stop();
  });
});
