import { chmodSync, lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, prepareInstallation, startEmbeddedPostgres } from '@weir/embedded-postgres';
import { isExecutable } from './commands.ts';
import { createTemporaryFolder } from './temporary-folder.ts';

/** What a test may want of its server. */
export interface TestServerOptions {
  /** Default: a free one. */
  readonly port?: number;
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Default false: no fsync. */
  readonly isDurable?: boolean;
}

/** A real server with an empty cluster, superuser `postgres`; `stop` removes its data, too. */
export interface TestServer extends EmbeddedPostgres {
  readonly password: string;
}

/** Where Debian's postgresql-15 is installed. */
const debianInstallation = '/usr/lib/postgresql/15';

/** Folder of a server's programs (`bin`), for tests that start it in their own way: npm's 18, or Debian's 15 (lane `postgresql-15`). */
export function serverInstallation(version: '15' | '18'): string {
  return version === '15' ? debianInstallation : prepareInstallation(sharedFolder());
}

/** Is Debian's PostgreSQL 15 server installed? */
export function hasPostgres15(): boolean {
  return isExecutable(join(debianInstallation, 'bin', 'postgres'));
}

/** Starts Debian's PostgreSQL 15 (lane `postgresql-15`). */
export function startPostgres15(options: TestServerOptions = {}): Promise<TestServer> {
  return startTestServer(serverInstallation('15'), options);
}

/** Starts npm's PostgreSQL 18. */
export function startPostgres18(options: TestServerOptions = {}): Promise<TestServer> {
  return startTestServer(serverInstallation('18'), options);
}

async function startTestServer(installation: string, options: TestServerOptions): Promise<TestServer> {
  // Root's servers run under another account, which has to pass through.
  const folder = createTemporaryFolder('weir-pg', 0o711);
  const password = "test pass'word@1";
  try {
    const server = await startEmbeddedPostgres({
      stateDir: folder.path,
      home: join(folder.path, 'home'),
      role: 'test',
      password,
      isDurable: false,
      ...options,
      installation,
    });
    const stop = async (): Promise<void> => {
      await server.stop();
      folder.remove();
    };
    return { ...server, password, stop };
  } catch (error) {
    folder.remove();
    throw error;
  }
}

/** One copy of npm's server for all tests of this account, where root's servers can run it; an ordinary user's folder stays empty. */
function sharedFolder(): string {
  const path = join(realpathSync(tmpdir()), `weir-testkit-${process.getuid?.() ?? 'any'}`);
  mkdirSync(path, { recursive: true });
  if (lstatSync(path).uid !== process.getuid?.()) throw new Error(`${path} belongs to another account`);
  chmodSync(path, 0o755);
  return path;
}
