import { execFileSync, spawn } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverInstallation } from '@weir/testkit';

/** A PostgreSQL server of its own for one test file, reachable by a unix socket only. */
export interface RealServer {
  readonly socketPath: string;
  readonly version: string;
  stop(): Promise<void>;
}

/** Starts npm's server, or Debian's of the lane `postgresql-15`. As root it runs as the account `postgres` or nobody. */
export async function startRealServer(
  options: { version?: '15' | '18'; hba?: readonly string[] } = {},
): Promise<RealServer> {
  const bin = join(serverInstallation(options.version ?? '18'), 'bin');
  const root = mkdtempSync(join(tmpdir(), 'wire-postgres-'));
  const account = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {};
  if (account.uid !== undefined && account.gid !== undefined) chownSync(root, account.uid, account.gid);
  const data = join(root, 'data');
  const environment = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8', TZ: 'UTC' };
  const initdb = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  execFileSync(join(bin, 'initdb'), initdb, { ...account, env: environment, cwd: root, stdio: 'pipe' });
  if (options.hba !== undefined) writeFileSync(join(data, 'pg_hba.conf'), `${options.hba.join('\n')}\n`);
  const settings = [
    '-F',
    '-c',
    'listen_addresses=',
    '-c',
    `unix_socket_directories=${root}`,
    '-c',
    'shared_buffers=16MB',
  ];
  const child = spawn(join(bin, 'postgres'), ['-D', data, ...settings], {
    ...account,
    env: environment,
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (bytes: Buffer) => {
      text = (text + bytes.toString()).slice(-4000);
      if (text.includes('database system is ready to accept connections')) resolve();
    });
    child.on('exit', () => reject(new Error(`PostgreSQL did not start: ${text}`)));
  });
  child.stderr.resume();
  return {
    socketPath: join(root, '.s.PGSQL.5432'),
    version: execFileSync(join(bin, 'postgres'), ['--version'], { encoding: 'utf8' }).trim(),
    async stop() {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGQUIT');
      await gone;
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function idOf(flag: '-u' | '-g'): number {
  const names = ['postgres', 'nobody'];
  for (const name of names) {
    const id = tryId(flag, name);
    if (id !== undefined) return id;
  }
  throw new Error('no unprivileged account for the server');
}

function tryId(flag: string, name: string): number | undefined {
  try {
    return Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }));
  } catch (error) {
    return error instanceof Error ? undefined : Number.NaN;
  }
}
