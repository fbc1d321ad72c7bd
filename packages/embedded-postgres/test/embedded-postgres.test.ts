import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import {
  findFreePort,
  isProcessAlive,
  lockHolder,
  processCommand,
  runningPostmaster,
  startEmbeddedPostgres,
} from '@weir/embedded-postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPlace, killHard, runFixture, until } from './fixture-process.ts';

describe('an embedded PostgreSQL', { timeout: 120_000 }, () => {
  let place: ReturnType<typeof createPlace>;
  const start = (more = {}) => {
    const { stateDir, home } = place;
    return startEmbeddedPostgres({ stateDir, home, role: 'held', password: 'secret', isDurable: false, ...more });
  };
  beforeEach(() => {
    place = createPlace();
  });
  afterEach(() => place.remove());

  it('starts on a new folder, stops, and starts again with its data', async () => {
    const first = await start();
    expect(first.adminUrl).toBe(`postgresql://postgres:secret@127.0.0.1:${first.port}/postgres`);
    expect(await answersTls(first.port)).toBe('N');
    expect(processCommand(first.pid)).toContain(first.dataDir);
    const systemId = readFileSync(join(first.dataDir, 'global', 'pg_control')).readBigUInt64LE(0);
    await first.stop();
    expect(await first.exited).toMatchObject({ code: 0, wasStopped: true });
    expect(isProcessAlive(first.pid)).toBe(false);

    const second = await start();
    expect(readFileSync(join(second.dataDir, 'global', 'pg_control')).readBigUInt64LE(0)).toBe(systemId);
    await second.stop();
  });

  it('keeps its data from other accounts and asks every connection for a password', async () => {
    const server = await start();
    expect(statSync(server.dataDir).mode & 0o777).toBe(0o700);
    const rules = readFileSync(join(server.dataDir, 'pg_hba.conf'), 'utf8').match(/^(local|host).*/gm) ?? [];
    expect(rules.every((rule) => rule.endsWith('scram-sha-256'))).toBe(true);
    expect(existsSync(`${server.dataDir}.password`)).toBe(false);
    await server.stop();
  });

  it('belongs to one owner at a time', async () => {
    const server = await start();
    await expect(start()).rejects.toMatchObject({
      code: 'conflict',
      fix: `Stop that process first: kill ${process.pid}`,
    });
    expect(isProcessAlive(server.pid)).toBe(true);
    await server.stop();
  });

  it('tells why it cannot start, with the end of its log', async () => {
    await expect(start({ settings: { shared_buffers: 'much' } })).rejects.toMatchObject({
      code: 'internal',
      message: 'PostgreSQL (held) ended with exit status 1.',
      why: expect.stringContaining('shared_buffers'),
    });
  });

  it('refuses a port that is taken', async () => {
    const server = await start();
    await expect(start({ role: 'other', port: server.port })).rejects.toMatchObject({
      why: expect.stringContaining('could not bind'),
    });
    expect(await findFreePort(server.port)).not.toBe(server.port);
    await server.stop();
  });

  it('tells that it died', async () => {
    const server = await start();
    process.kill(server.pid, 'SIGKILL');
    expect(await server.exited).toMatchObject({ signal: 'SIGKILL', wasStopped: false });
    await (await start()).stop();
  });

  it('does not outlive an owner that is killed by SIGKILL', async () => {
    const owner = await runFixture('hold-server', [place.stateDir, place.home]);
    await killHard(owner);
    await until(() => !isProcessAlive(owner.told.pid));
    await (await start()).stop();
  });

  it('stops the server of a killed owner before it starts its own', async () => {
    const owner = await runFixture('hold-server', [place.stateDir, place.home]);
    // Without its watchdog the server stays, as after a crash that took both.
    killWatchdogOf(owner.child.pid as number);
    await killHard(owner);
    const dataDir = join(place.home, 'held');
    expect(runningPostmaster(dataDir)?.pid).toBe(owner.told.pid);
    expect(lockHolder(`${dataDir}.lock`)).toBeUndefined();
    const messages: string[] = [];
    const server = await start({ log: (message: string) => messages.push(message) });
    expect(messages[0]).toContain('stopped a server that an earlier run left');
    expect(isProcessAlive(owner.told.pid)).toBe(false);
    await server.stop();
  });

  it('starts over a postmaster.pid whose number another process has now', async () => {
    const server = await start();
    await server.stop();
    writeFileSync(join(server.dataDir, 'postmaster.pid'), `${process.pid}\n${server.dataDir}\n1\n5432\n\n\n\nready\n`);
    await (await start()).stop();
    expect(isProcessAlive(process.pid)).toBe(true);
  });
});

/** Sends SSLRequest (PostgreSQL manual, 54.2.10) and gives the one byte of the answer. */
function answersTls(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])));
    socket.once('data', (data) => {
      resolve(data.toString('latin1', 0, 1));
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

/** Kills the watchdog of a process, which is stopped first: it would start another. */
function killWatchdogOf(owner: number): void {
  process.kill(owner, 'SIGSTOP');
  const processes = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,command='], { encoding: 'utf8' });
  const [, watchdog] = new RegExp(`^ *(\\d+) +${owner} .*weir-watchdog`, 'm').exec(processes) ?? [];
  process.kill(Number(watchdog), 'SIGKILL');
}
