import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { childFailed, isProcessAlive, superviseChild } from '@weir/embedded-postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPlace, killHard, runFixture, until } from './fixture-process.ts';

describe('a supervised child', () => {
  let place: ReturnType<typeof createPlace>;
  let logFile: string;
  const shell = (script: string, more = {}) =>
    superviseChild({ name: 'The child', command: '/bin/sh', args: ['-c', script], logFile, ...more });
  beforeEach(() => {
    place = createPlace();
    logFile = join(place.stateDir, 'logs', 'child.log');
  });
  afterEach(() => place.remove());

  it('writes to a log of its own that others cannot read, and tells its end of this run only', async () => {
    await (await shell('echo first run')).exited;
    const exit = await (await shell('echo out; echo err >&2; exit 3')).exited;
    expect(exit).toMatchObject({ code: 3, signal: null, wasStopped: false, logTail: 'out\nerr' });
    expect(readFileSync(logFile, 'utf8')).toBe('first run\nout\nerr\n');
    expect(statSync(logFile).mode & 0o777).toBe(0o600);
    expect(childFailed(exit, logFile)).toMatchObject({
      code: 'internal',
      message: 'The child ended with exit status 3.',
      why: 'The end of its log:\n    out\n    err',
      fix: `Read the log: ${logFile}`,
    });
  });

  it('is stopped politely', async () => {
    const child = await shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done");
    await until(() => readFileSync(logFile, 'utf8').includes('ready'));
    expect(await child.stop()).toMatchObject({ code: 0, wasStopped: true, logTail: 'ready\nbye' });
    expect(await child.stop()).toMatchObject({ code: 0 });
  });

  it('is killed when it does not hear', async () => {
    const child = await shell("trap '' TERM; echo ready; while :; do sleep 0.05; done", { graceMs: 100 });
    await until(() => readFileSync(logFile, 'utf8').includes('ready'));
    expect(await child.stop()).toMatchObject({ signal: 'SIGKILL', wasStopped: true });
  });

  it('is an error with a fix when it cannot be started', async () => {
    const starting = superviseChild({ name: 'The child', command: '/no/such/program', args: [], logFile });
    await expect(starting).rejects.toMatchObject({ code: 'internal', message: 'The child could not be started.' });
  });

  it('does not outlive a parent that is killed by SIGKILL', async () => {
    const fixture = await runFixture('hold-child', [logFile]);
    expect(isProcessAlive(fixture.told.pid)).toBe(true);
    await killHard(fixture);
    await until(() => !isProcessAlive(fixture.told.pid));
  });
});
