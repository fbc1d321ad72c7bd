import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from './commands.ts';
import { createTemporaryFolder } from './temporary-folder.ts';
import type { TestServer } from './test-server.ts';

/** Name of the database that the suite's scripts expect. */
export const suiteDatabase = 'regression';

/** PostgreSQL's regression suite where `scripts/fetch-regression-suite.sh` has put it; undefined = not fetched. The newest where there are several. */
export function findSuite(): string | undefined {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'weir', 'postgresql-regression');
  if (!existsSync(cache)) return undefined;
  const versions = readdirSync(cache).filter((name) => existsSync(join(cache, name, 'sql')));
  const newest = versions.sort((a, b) => Number.parseFloat(b) - Number.parseFloat(a))[0];
  return newest === undefined ? undefined : join(cache, newest);
}

/** Scripts in the order of the suite's own schedule, which puts each behind those that it needs. */
export function scriptsInOrder(suite: string): string[] {
  return readFileSync(join(suite, 'parallel_schedule'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('test:'))
    .flatMap((line) => line.slice('test:'.length).trim().split(/\s+/));
}

/** A copy of the suite that a server of another account can read and write beside. */
export interface SuiteFolder {
  readonly path: string;
  /** Runs one script with psql as the suite's own driver does; gives what psql wrote to both streams, in order. */
  run(dsn: string, script: string): Promise<string>;
  remove(): void;
}

/** Copies the suite to a temporary folder. Both sides need the same path: it is part of what the scripts print. */
export function openSuite(suite: string): SuiteFolder {
  const folder = createTemporaryFolder('weir-regress', 0o755);
  for (const part of ['sql', 'data']) cpSync(join(suite, part), join(folder.path, part), { recursive: true });
  const results = join(folder.path, 'results');
  mkdirSync(results);
  // COPY writes there as the server's account.
  chmodSync(results, 0o777);
  return {
    path: folder.path,
    async run(dsn, script) {
      const file = join(folder.path, 'sql', `${script}.sql`);
      const command = `exec psql -X -a -q -d "$WEIR_TEST_DSN" -v HIDE_TABLEAM=on -v HIDE_TOAST_COMPRESSION=on < '${file}' 2>&1`;
      const env = {
        ...process.env,
        WEIR_TEST_DSN: dsn,
        PAGER: '',
        LC_MESSAGES: 'C',
        PG_ABS_SRCDIR: folder.path,
        PG_ABS_BUILDDIR: folder.path,
        PG_LIBDIR: '/usr/lib/postgresql/15/lib',
        PG_DLSUFFIX: '.so',
      };
      return (await runCommand('sh', ['-c', command], { env, timeoutMs: 600_000, cwd: folder.path })).stdout;
    },
    remove: () => folder.remove(),
  };
}

/** Settings of a server that make two runs comparable: nothing happens in the background, and no plan depends on when it is made. */
export const suiteSettings = {
  autovacuum: 'off',
  max_prepared_transactions: 2,
  wal_level: 'replica',
  fsync: 'off',
  lc_messages: 'C',
} as const;

/** Creates the suite's database with the settings that its own driver gives it. */
export async function createSuiteDatabase(server: TestServer): Promise<void> {
  const settings = {
    lc_messages: 'C',
    lc_monetary: 'C',
    lc_numeric: 'C',
    lc_time: 'C',
    bytea_output: 'hex',
    timezone_abbreviations: 'Default',
    timezone: 'PST8PDT',
    datestyle: 'Postgres, MDY',
    intervalstyle: 'postgres_verbose',
  };
  const statements = [
    `CREATE DATABASE ${suiteDatabase} TEMPLATE template0`,
    ...Object.entries(settings).map(
      ([name, value]) =>
        `ALTER DATABASE ${suiteDatabase} SET ${name} TO ${name === 'datestyle' ? value : `'${value}'`}`,
    ),
  ];
  for (const sql of statements) execFileSync('psql', ['-X', '-q', '-d', server.adminUrl, '-c', sql]);
}
