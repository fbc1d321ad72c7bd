import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { acquireStateLock, lockHolder, processIdentity } from '@weir/embedded-postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPlace } from './fixture-process.ts';

describe('the lock of a state folder', () => {
  let place: ReturnType<typeof createPlace>;
  let path: string;
  beforeEach(() => {
    place = createPlace();
    path = join(place.stateDir, 'lock');
  });
  afterEach(() => place.remove());

  it('is held until it is released, and names its holder', async () => {
    const lock = await acquireStateLock(path, 'The state folder');
    expect(lockHolder(path)).toEqual({ pid: process.pid, identity: processIdentity(process.pid) });
    await expect(acquireStateLock(path, 'The state folder')).rejects.toMatchObject({
      code: 'conflict',
      message: `The state folder is in use by process ${process.pid}.`,
      fix: `Stop that process first: kill ${process.pid}`,
    });
    lock.release();
    expect(lockHolder(path)).toBeUndefined();
    expect(readdirSync(place.stateDir)).toEqual([]);
  });

  it.each([
    ['of a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1, identity: 'x' })],
    ['whose number another process has now', JSON.stringify({ pid: process.pid, identity: 'an earlier start' })],
    ['that is empty', ''],
    ['that is not JSON', '{"pid": 1'],
    ['of another form', '[1, 2]'],
  ])('takes over a lock %s', async (_name, text) => {
    writeFileSync(path, text);
    expect(lockHolder(path)).toBeUndefined();
    const lock = await acquireStateLock(path, 'The state folder');
    expect(lockHolder(path)?.pid).toBe(process.pid);
    lock.release();
    expect(existsSync(path)).toBe(false);
  });

  it('goes to one only of many that find the same stale lock', async () => {
    writeFileSync(path, '');
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => acquireStateLock(path, 'The state folder')),
    );
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });

  it('does not release a lock that another holder has taken over', async () => {
    const lock = await acquireStateLock(path, 'The state folder');
    const other = JSON.stringify({ pid: process.ppid, identity: processIdentity(process.ppid) });
    writeFileSync(path, other);
    lock.release();
    expect(lockHolder(path)?.pid).toBe(process.ppid);
  });
});
