import { createHash } from 'node:crypto';
import {
  chmodSync,
  constants,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '@weir/errors';
import { findServerBinaries } from './server-binaries.ts';
import { type Account, serverAccount } from './unprivileged-account.ts';

/** Where the servers of one state folder live. */
export interface ServerHome {
  /** Holds one folder of data per role. */
  readonly home: string;
  /** The installation to run: `bin`, `lib`, `share`. */
  readonly installation: string;
  /** Account to run as, when we are root. */
  readonly account: Account | undefined;
}

/**
 * Path of the server home for a state folder, which must exist. An ordinary user's is inside it. Root's is /var/lib/weir-<hash of the folder>,
 * because PostgreSQL runs under another account there, to which a 0700 home is closed. WEIR_SERVER_HOME names another folder, by which
 * a launcher gives several state folders one home.
 */
export function serverHomePath(
  stateDir: string,
  uid = process.getuid?.() ?? -1,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  if (env['WEIR_SERVER_HOME']) return env['WEIR_SERVER_HOME'];
  if (uid !== 0) return join(stateDir, 'postgres');
  return `/var/lib/weir-${createHash('sha256').update(realpathSync(stateDir)).digest('hex').slice(0, 12)}`;
}

/** Other places than the usual ones. */
export interface ServerHomeOptions {
  /** Instead of serverHomePath(stateDir). Its parents must be open to the server's account. */
  readonly home?: string | undefined;
  /** Another PostgreSQL than npm's, from 15 on: the folder that holds `bin`. It must be open to the server's account. */
  readonly installation?: string | undefined;
}

/** Makes the server home for a state folder: as root with a copy of the server's files that its account can read. Cheap when it exists. */
export function prepareServerHome(stateDir: string, options: ServerHomeOptions = {}): ServerHome {
  const account = serverAccount();
  const home = makeHome(options.home ?? serverHomePath(stateDir), account);
  return { home, installation: options.installation ?? prepareInstallation(home), account };
}

/** npm's PostgreSQL where the server's account can run it: as it is for an ordinary user, copied into `folder` (once) for root. */
export function prepareInstallation(folder: string): string {
  const binaries = findServerBinaries();
  if (!serverAccount()) return binaries.root;
  const installation = join(folder, `server-${binaries.version}`);
  if (!existsSync(installation)) copyInstallation(binaries.root, installation);
  return installation;
}

function makeHome(home: string, account: Account | undefined): string {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    // Others may pass through to what is theirs and list nothing.
    if (account) chmodSync(home, 0o711);
    return home;
  } catch (cause) {
    throw new WeirError('internal', `The folder ${home} cannot be made.`, {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: 'Make the folder writable, or name another one in WEIR_SERVER_HOME.',
      cause,
    });
  }
}

/** Copied aside and renamed, so that a kill in between leaves no half installation. */
function copyInstallation(from: string, to: string): void {
  const aside = `${to}.${process.pid}`;
  rmSync(aside, { recursive: true, force: true });
  cpSync(from, aside, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE });
  openToReaders(aside);
  try {
    renameSync(aside, to);
  } catch (error) {
    // Another process was first: its copy is as good.
    rmSync(aside, { recursive: true, force: true });
    if (!existsSync(to)) throw error;
  }
}

/** The source may come from a strict umask: folders 0755, files readable, and executable where they were. */
function openToReaders(path: string): void {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return;
  const isOpenable = stat.isDirectory() || (stat.mode & 0o100) !== 0;
  chmodSync(path, isOpenable ? 0o755 : 0o644);
  if (!stat.isDirectory()) return;
  for (const entry of readdirSync(path)) openToReaders(join(path, entry));
}
