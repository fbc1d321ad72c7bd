import { execFile } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { WeirError } from '@weir/errors';
import type { ServerHome } from './server-home.ts';

/** What a new cluster is made with. */
export interface ClusterOptions {
  readonly dataDir: string;
  readonly superuser: string;
  readonly password: string;
  /** False leaves syncing to disk out: for data that can be generated again. */
  readonly isDurable: boolean;
  /** True from PostgreSQL 17 on; without it the locale is C of the system's library. */
  readonly hasBuiltinLocale: boolean;
}

/** Environment of the server's programs: only what they need, so that no PG* variable of the user changes them. */
export function serverEnvironment(installation: string): Record<string, string> {
  return { LD_LIBRARY_PATH: join(installation, 'lib'), PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

/**
 * Runs initdb unless the folder holds a cluster: UTF-8, built-in locale C.UTF-8 (the same order on every system), SCRAM for every connection.
 * It works aside and renames, so a kill leaves no half cluster. Throws WeirError `internal` with initdb's own words.
 */
export async function initialiseCluster(server: ServerHome, options: ClusterOptions): Promise<void> {
  if (existsSync(join(options.dataDir, 'PG_VERSION'))) return;
  const aside = `${options.dataDir}.new`;
  const passwordFile = `${options.dataDir}.password`;
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside, { recursive: true, mode: 0o700 });
  writeFileSync(passwordFile, `${options.password}\n`, { mode: 0o600 });
  try {
    if (server.account)
      for (const path of [aside, passwordFile]) chownSync(path, server.account.uid, server.account.gid);
    await runInitdb(server, [
      ...['-D', aside, `--username=${options.superuser}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'],
      ...['--encoding=UTF8', '--locale=C'],
      ...(options.hasBuiltinLocale ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : []),
      ...(options.isDurable ? [] : ['--no-sync']),
    ]);
    renameSync(aside, options.dataDir);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

async function runInitdb(server: ServerHome, args: string[]): Promise<void> {
  const program = join(server.installation, 'bin', 'initdb');
  try {
    await promisify(execFile)(program, args, {
      env: serverEnvironment(server.installation),
      cwd: server.home,
      ...(server.account && { uid: server.account.uid, gid: server.account.gid }),
    });
  } catch (cause) {
    const { stderr, message } = cause as { stderr?: string; message: string };
    throw new WeirError('internal', 'The embedded PostgreSQL could not make its data folder.', {
      why: (stderr || message).trim().split('\n').slice(-6).join('\n'),
      fix: 'Check free disk space and permissions, then: npm run reset',
      cause,
    });
  }
}
