import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WeirError } from '@weir/errors';

/** How long the lock of a living process is waited for, ms; a renewal of tokens takes far less. */
const patienceMs = 45_000;
/** A thief's own lock that is older was left by a crash in the two calls that it covers. */
const thiefLifeMs = 10_000;

/**
 * Runs `work` while no other `weir` of this folder changes the profiles: a refresh token works once, so that two at once would end the sign-in.
 * The lock of a process that has died is taken over. @throws WeirError conflict when a living one does not let go.
 */
export async function withProfileLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'profiles.lock');
  const end = Date.now() + patienceMs;
  while (!tryLock(path)) {
    if (!isHeld(path)) takeOver(path);
    else if (Date.now() > end) {
      throw new WeirError('conflict', 'Another weir command holds the sign-in.', {
        why: `Process ${holderOf(path) ?? 'unknown'} has ${path}.`,
        fix: 'Wait for it or end it, then try again.',
      });
    } else await sleep(20 + Math.random() * 60);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function tryLock(path: string): boolean {
  try {
    const file = openSync(path, 'wx', 0o600);
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function holderOf(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Is the holder alive? One that has not written its number yet counts as alive for a moment. */
function isHeld(path: string): boolean {
  const pid = holderOf(path);
  if (pid === undefined) return ageOf(path) < thiefLifeMs;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Removes the lock of a dead process; one at a time, so that nobody removes the lock of the next holder. */
function takeOver(path: string): void {
  const thief = `${path}.takeover`;
  if (!tryLock(thief)) {
    if (ageOf(thief) > thiefLifeMs) rmSync(thief, { force: true });
    return;
  }
  try {
    if (!isHeld(path)) rmSync(path, { force: true });
  } finally {
    rmSync(thief, { force: true });
  }
}

function ageOf(path: string): number {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
