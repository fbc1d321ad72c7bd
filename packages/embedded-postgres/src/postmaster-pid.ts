import { existsSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WeirError } from '@weir/errors';
import { isProcessAlive, processCommand } from './process-identity.ts';

/** What a running server says of itself in its data folder (PostgreSQL sources, src/include/utils/pidfile.h). */
export interface PostmasterFile {
  readonly pid: number;
  readonly dataDir: string;
  readonly port: number;
  readonly isReady: boolean;
}

/** Reads the text of postmaster.pid; undefined while it is not complete. */
export function tryPostmasterFile(text: string): PostmasterFile | undefined {
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  const port = Number(lines[3] ?? '0');
  // A negative number is a standalone backend.
  if (!Number.isInteger(pid) || pid <= 0 || lines[1] === undefined) return undefined;
  return { pid, dataDir: lines[1], port, isReady: lines[7]?.trim() === 'ready' };
}

/** The postmaster.pid of a data folder, undefined when there is none or it is half written. */
export function readPostmasterFile(dataDir: string): PostmasterFile | undefined {
  try {
    return tryPostmasterFile(readFileSync(join(dataDir, 'postmaster.pid'), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The server that runs on this data folder, whoever started it; undefined when the file is left from a kill. */
export function runningPostmaster(dataDir: string): PostmasterFile | undefined {
  const file = readPostmasterFile(dataDir);
  if (!file || !isProcessAlive(file.pid)) return undefined;
  // The number may belong to another process by now: ours has the data folder among its arguments (we start it so).
  const command = processCommand(file.pid) ?? '';
  return command.includes(dataDir) || command.includes(realpathSync(dataDir)) ? file : undefined;
}

/**
 * Ends what a killed launcher left on a data folder: a server that still runs is shut down (fast, immediate, then SIGKILL), a stale
 * postmaster.pid is removed. The caller holds the folder's lock, so nobody else owns that server. Returns true when a server ran.
 */
export async function clearLeftoverServer(dataDir: string, graceMs = 10_000): Promise<boolean> {
  if (!existsSync(dataDir)) return false;
  const left = runningPostmaster(dataDir);
  if (left) {
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
      process.kill(left.pid, signal);
      if (await isGoneWithin(left.pid, graceMs)) break;
    }
    if (isProcessAlive(left.pid)) {
      throw new WeirError(
        'conflict',
        `A PostgreSQL server left from an earlier run (process ${left.pid}) cannot be stopped.`,
        {
          fix: `Stop it: kill -9 ${left.pid}`,
        },
      );
    }
  }
  rmSync(join(dataDir, 'postmaster.pid'), { force: true });
  return left !== undefined;
}

async function isGoneWithin(pid: number, timeoutMs: number): Promise<boolean> {
  const end = Date.now() + timeoutMs;
  while (isProcessAlive(pid)) {
    if (Date.now() > end) return false;
    await sleep(25);
  }
  return true;
}
