import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { WeirError } from '@weir/errors';
import { processIdentity } from './process-identity.ts';

/** Who holds a lock. */
export interface LockHolder {
  readonly pid: number;
  /** As processIdentity() gave it when the lock was taken. */
  readonly identity: string;
}

/** A lock that is held until `release`, or until this process ends. */
export interface StateLock {
  release(): void;
}

/** The living holder of the lock at `path`; undefined when nobody holds it (a lock of a dead process is nobody's). */
export function lockHolder(path: string): LockHolder | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const holder = tryHolder(text);
  return holder && processIdentity(holder.pid) === holder.identity ? holder : undefined;
}

/**
 * Takes the lock at `path` (a file; its folder must exist) or throws WeirError `conflict` that names the process which holds it.
 * The file is complete when it appears (written aside, then linked), so a kill at any moment leaves either no lock or a stale one.
 */
export async function acquireStateLock(path: string, what: string): Promise<StateLock> {
  const mine: LockHolder = { pid: process.pid, identity: processIdentity(process.pid) ?? '' };
  const aside = `${path}.${randomUUID()}`;
  writeFileSync(aside, JSON.stringify(mine), { mode: 0o600 });
  try {
    while (!tryLink(aside, path)) {
      const holder = lockHolder(path);
      if (holder) throw heldBy(holder, what);
      await removeStale(path);
    }
  } finally {
    rmSync(aside, { force: true });
  }
  return {
    release: () => {
      if (lockHolder(path)?.pid === process.pid) rmSync(path, { force: true });
    },
  };
}

/** Two processes may find the same stale lock: only the one that makes the folder removes it, after a second look. */
async function removeStale(path: string): Promise<void> {
  const guard = `${path}.takeover`;
  try {
    mkdirSync(guard);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const madeAt = statSync(guard, { throwIfNoEntry: false })?.mtimeMs;
    // The other one takes microseconds; a guard this old is left from a kill in between.
    if (madeAt !== undefined && Date.now() - madeAt > 5_000) rmSync(guard, { recursive: true, force: true });
    await sleep(20);
    return;
  }
  try {
    if (!lockHolder(path)) rmSync(path, { force: true });
  } finally {
    rmdirSync(guard);
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function tryHolder(text: string): LockHolder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, identity } = value as Record<string, unknown>;
    return typeof pid === 'number' && typeof identity === 'string' ? { pid, identity } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function heldBy(holder: LockHolder, what: string): WeirError {
  return new WeirError('conflict', `${what} is in use by process ${holder.pid}.`, {
    why: 'One process at a time may use it.',
    fix: `Stop that process first: kill ${holder.pid}`,
  });
}
