import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WeirError } from '@weir/errors';
import { findFreePort } from './free-port.ts';
import { initialiseCluster, serverEnvironment } from './initialise-cluster.ts';
import { clearLeftoverServer, readPostmasterFile } from './postmaster-pid.ts';
import { prepareServerHome, type ServerHome, type ServerHomeOptions } from './server-home.ts';
import { acquireStateLock } from './state-lock.ts';
import { type ChildExit, childFailed, type SupervisedChild, superviseChild } from './supervise-child.ts';

/** How to run an embedded server. */
export interface EmbeddedPostgresOptions extends ServerHomeOptions {
  /** State folder of the caller; it must exist. The data goes to `<server home of stateDir>/<role>` (see serverHomePath). */
  readonly stateDir: string;
  /** Which of the state folder's servers this is: a folder name such as `store` or `demo`. */
  readonly role: string;
  /** 0 or absent: a free one. A number that is taken is an error. */
  readonly port?: number;
  /** Default 127.0.0.1. There is no Unix socket. */
  readonly host?: string;
  /** Default `postgres`. */
  readonly superuser?: string;
  /** Password of the superuser; it is set when the data folder is made and must be the same later. */
  readonly password: string;
  /** Server settings by name, over our defaults. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Default true. False for data that can be generated again: no fsync. */
  readonly isDurable?: boolean;
  /** Default `<stateDir>/logs/postgres-<role>.log`. */
  readonly logFile?: string;
  /** Told about each step in one sentence. */
  readonly log?: (message: string) => void;
}

/** A running server. */
export interface EmbeddedPostgres {
  readonly host: string;
  readonly port: number;
  readonly superuser: string;
  /** DSN of the superuser on database `postgres`. It holds the password: never log it. */
  readonly adminUrl: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly pid: number;
  /** Settles when the server has ended, however; never rejects. `childFailed` makes the error for the user. */
  readonly exited: Promise<ChildExit>;
  /** Fast shutdown, then harder; safe to call again. */
  stop(): Promise<void>;
}

/** How long a server may take to be ready: recovery after a kill replays its log. */
const readyTimeoutMs = 60_000;
const startAttempts = 4;

/**
 * Starts a PostgreSQL server of our own and waits until it accepts connections; makes the data folder at the first start. One process
 * at a time owns a role of a state folder (WeirError `conflict`); what a killed owner left is stopped first. The server ends with this process,
 * also after kill -9. Other failures are WeirError `internal` with the end of the log.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => undefined);
  const server = prepareServerHome(options.stateDir, options);
  const dataDir = join(server.home, options.role);
  const lock = await acquireStateLock(`${dataDir}.lock`, `The data folder ${dataDir}`);
  try {
    if (await clearLeftoverServer(dataDir)) log(`stopped a server that an earlier run left on ${dataDir}`);
    const { superuser = 'postgres', password, isDurable = true } = options;
    await initialiseCluster(server, {
      dataDir,
      superuser,
      password,
      isDurable,
      hasBuiltinLocale: options.installation === undefined,
    });
    const running = await startWithRetry(server, dataDir, options);
    log(`PostgreSQL (${options.role}) accepts connections on port ${running.port}`);
    void running.child.exited.then(() => lock.release());
    const host = options.host ?? '127.0.0.1';
    const credentials = `${encodeURIComponent(superuser)}:${encodeURIComponent(password)}`;
    return {
      host,
      port: running.port,
      superuser,
      adminUrl: `postgresql://${credentials}@${host}:${running.port}/postgres`,
      dataDir,
      logFile: logFileOf(options),
      pid: running.child.pid,
      exited: running.child.exited,
      stop: async () => {
        await running.child.stop();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function logFileOf(options: EmbeddedPostgresOptions): string {
  return options.logFile ?? join(options.stateDir, 'logs', `postgres-${options.role}.log`);
}

/** Between choosing a free port and binding it another process may take it; backends of a killed server may hold its memory a moment longer. */
async function startWithRetry(
  server: ServerHome,
  dataDir: string,
  options: EmbeddedPostgresOptions,
): Promise<{ child: SupervisedChild; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = options.port || (await findFreePort(0, options.host));
    const child = await superviseChild({
      name: `PostgreSQL (${options.role})`,
      command: join(server.installation, 'bin', 'postgres'),
      args: ['-D', dataDir, ...settingArguments(options, port)],
      env: serverEnvironment(server.installation),
      cwd: server.home,
      account: server.account,
      logFile: logFileOf(options),
      stopSignals: ['SIGINT', 'SIGQUIT'],
    });
    const failed = await untilReady(child, dataDir);
    if (!failed) return { child, port };
    const mayPass =
      /pre-existing shared memory/.test(failed.logTail) ||
      (!options.port && /Address already in use/.test(failed.logTail));
    if (!mayPass || attempt === startAttempts) throw childFailed(failed, logFileOf(options));
    await sleep(250 * attempt);
  }
}

function settingArguments(options: EmbeddedPostgresOptions, port: number): string[] {
  const settings: Record<string, string | number> = {
    listen_addresses: options.host ?? '127.0.0.1',
    port,
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] ',
    ...(options.isDurable === false && { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
    ...options.settings,
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** Waits as pg_ctl does: for the line `ready` in postmaster.pid of this very process. Gives the exit when the server ends before. */
async function untilReady(child: SupervisedChild, dataDir: string): Promise<ChildExit | undefined> {
  let exit: ChildExit | undefined;
  void child.exited.then((value) => {
    exit = value;
  });
  const end = Date.now() + readyTimeoutMs;
  while (!exit) {
    const file = readPostmasterFile(dataDir);
    if (file?.pid === child.pid && file.isReady) return undefined;
    if (Date.now() > end) {
      await child.stop();
      throw new WeirError('internal', `${child.name} was not ready within ${readyTimeoutMs / 1000} s.`, {
        fix: 'Look at its log, then start again.',
      });
    }
    await sleep(20);
  }
  return exit;
}
