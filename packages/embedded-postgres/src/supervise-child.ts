import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, statSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import { WeirError } from '@weir/errors';
import { readLogTail } from './log-tail.ts';
import { createWatchdog, type Watchdog } from './watchdog.ts';

/** A log that grew beyond this many bytes is emptied at the next start. */
const maxLogBytes = 16 * 1024 * 1024;

/** What to run and how to end it. */
export interface SuperviseOptions {
  /** Name in messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Account to run as (needs root); our own when absent. */
  readonly account?: { readonly uid: number; readonly gid: number } | undefined;
  /** File that gets stdout and stderr (appended, made with mode 0600). The child holds it itself, so it writes on when we are gone. */
  readonly logFile: string;
  /** Polite signals in order, each followed by `graceMs` of waiting; SIGKILL comes last by itself. Default: SIGTERM. */
  readonly stopSignals?: readonly NodeJS.Signals[];
  /** Default 10,000 ms. */
  readonly graceMs?: number;
}

/** How a child ended. */
export interface ChildExit {
  readonly name: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** True when `stop` asked for it. */
  readonly wasStopped: boolean;
  /** Last lines of its log. */
  readonly logTail: string;
}

/** A child that ends with us: by `stop`, and by the watchdog when this process dies in any way. */
export interface SupervisedChild {
  readonly name: string;
  readonly pid: number;
  /** Settles when the process has ended; never rejects. */
  readonly exited: Promise<ChildExit>;
  /** Ends the child politely, then by SIGKILL; safe to call again. */
  stop(): Promise<ChildExit>;
}

let watchdog: Watchdog | undefined;

/** Starts a child process that cannot outlive this process. Throws WeirError `internal` when it cannot be started. */
export async function superviseChild(options: SuperviseOptions): Promise<SupervisedChild> {
  const logStart = prepareLog(options.logFile);
  const child = spawnLogged(options);
  const signals = options.stopSignals ?? ['SIGTERM'];
  watchdog ??= createWatchdog();
  const { pid } = child;
  // In the same turn as the spawn: a kill of this process finds the child watched.
  if (pid !== undefined) watchdog.watch(pid, signals[0] ?? 'SIGTERM');
  let wasStopped = false;
  const exited = new Promise<ChildExit>((resolve) => {
    child.once('exit', (code, signal) => {
      if (pid !== undefined) watchdog?.forget(pid);
      resolve({ name: options.name, code, signal, wasStopped, logTail: readLogTail(options.logFile, 15, logStart) });
    });
  });
  await untilSpawned(child, options);
  return {
    name: options.name,
    pid: pid as number,
    exited,
    stop: async () => {
      wasStopped = true;
      for (const signal of [...signals, 'SIGKILL'] as const) {
        child.kill(signal);
        if (await settlesWithin(exited, options.graceMs ?? 10_000)) break;
      }
      return exited;
    },
  };
}

/** The error that tells a user about a child which ended by itself. */
export function childFailed(exit: ChildExit, logFile: string): WeirError {
  const how = exit.signal === null ? `with exit status ${exit.code}` : `by signal ${exit.signal}`;
  return new WeirError('internal', `${exit.name} ended ${how}.`, {
    why: exit.logTail === '' ? 'Its log is empty.' : `The end of its log:\n${indent(exit.logTail)}`,
    fix: `Read the log: ${logFile}`,
  });
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '    ');
}

/** Makes room for the log; gives the byte at which this run's lines begin. */
function prepareLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= maxLogBytes) return size;
  truncateSync(path);
  return 0;
}

/** A group of its own: Ctrl-C in the terminal reaches only us, and we end the children in order. */
function spawnLogged(options: SuperviseOptions): ChildProcess {
  const log = openSync(options.logFile, 'a', 0o600);
  try {
    return spawn(options.command, options.args, {
      stdio: ['ignore', log, log],
      detached: true,
      cwd: options.cwd ?? '/',
      env: options.env ?? process.env,
      ...(options.account && { uid: options.account.uid, gid: options.account.gid }),
    });
  } finally {
    closeSync(log);
  }
}

async function untilSpawned(child: ChildProcess, options: SuperviseOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => {
      reject(
        new WeirError('internal', `${options.name} could not be started.`, {
          why: `${options.command}: ${cause.message}`,
          fix: 'Check that the file exists and may be executed: npm run reset, then npm start',
          cause,
        }),
      );
    });
  });
}

/** Does the promise settle within the time? */
export async function settlesWithin(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
