import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSshLane } from '@weir/testkit/lane';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openSshPolicy } from './fixture/ssh-policy.ts';
import { type SshSystem, startSshSystem } from './fixture/ssh-system.ts';
import { waitFor } from './fixture/wait.ts';

openSshLane()('SSH when something goes wrong, or is slow, or is much', () => {
  let ssh: SshSystem;
  beforeAll(async () => {
    ssh = await startSshSystem({ policy: openSshPolicy });
  });
  afterAll(() => ssh?.stop());

  const residentBytes = (pid: number): number =>
    Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;

  it('a target that dies in the middle ends the session, and says so', async () => {
    const client = ssh.start(ssh.way(), [], 'echo ready; sleep 60');
    const [first] = (await once(client.stdout as NodeJS.EventEmitter, 'data')) as [Buffer];
    expect(first.toString()).toBe('ready\n');
    let said = '';
    client.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    ssh.host.dropConnections();
    const [status] = await once(client, 'close');
    expect(status).toBe(255);
    expect(said).not.toBe('');
  });

  it('a target that is away is told, and the next session works when it is back', async () => {
    await ssh.host.kill();
    const away = await ssh.ssh(ssh.way(), 'true');
    expect(away.status).toBe(255);
    // On stderr of the command, or in the DISCONNECT when the dial fails before the command is asked for.
    expect(away.stderr).toMatch(/weir: the host .* cannot be reached/);
    await ssh.host.start();
    expect((await ssh.ssh(ssh.way(), 'true')).status).toBe(0);
  });

  it('a reader that stalls holds nobody else up, and no memory', async () => {
    const agent = ssh.system.agent.pid;
    const gateway = ssh.system.gateway.pid;
    const before = residentBytes(agent) + residentBytes(gateway);
    const stalled = ssh.start(ssh.way(), [], 'cat /dev/zero');
    await once(stalled.stdout as NodeJS.EventEmitter, 'readable');
    await sleep(2000);
    expect((await ssh.ssh(ssh.way(), 'seq 1000')).stdout.split('\n')).toHaveLength(1001);
    expect(residentBytes(agent) + residentBytes(gateway) - before).toBeLessThan(150 * 1024 * 1024);
    stalled.kill('SIGKILL');
    await once(stalled, 'exit');
  });

  it('a slow reader gets everything, in order', async () => {
    const client = ssh.start(ssh.way(), [], 'seq 200000');
    let found = '';
    for await (const chunk of client.stdout ?? []) {
      found += (chunk as Buffer).toString();
      await sleep(5);
    }
    expect(found).toBe(Array.from({ length: 200_000 }, (_, n) => `${n + 1}\n`).join(''));
  });

  it('a client that vanishes takes its program along', async () => {
    const mark = `weir-vanish-${process.pid}`;
    const client = ssh.start(ssh.way(), ['-tt'], `exec -a ${mark} sleep 300`);
    const runs = async () => (await ssh.ssh(ssh.direct, `pgrep -f '^${mark}' || true`)).stdout.trim() !== '';
    await waitFor('the program to run', async () => (await runs()) || undefined);
    client.kill('SIGKILL');
    await waitFor('the program to end', async () => !(await runs()) || undefined);
  });

  it('200 sessions at once, over ten connections', async () => {
    const sockets = Array.from({ length: 10 }, (_, n) => `${ssh.files}/m${n}`);
    const masters = sockets.map((socket) => ssh.start(ssh.way(), ['-M', '-S', socket, '-N']));
    await Promise.all(
      sockets.map((socket) =>
        waitFor(
          'a master',
          async () =>
            (await ssh.ssh(ssh.way(), undefined, { more: ['-S', socket, '-O', 'check'] })).status === 0 || undefined,
        ),
      ),
    );
    // All of them run at the same time: none gets the end of its input before the last has begun.
    const begun = `${ssh.files}/begun`;
    const clients = Array.from({ length: 200 }, (_, n) => {
      const client = ssh.start(ssh.way(), ['-S', sockets[n % 10] ?? ''], `echo ${n} >> ${begun}; cat; exit ${n % 100}`);
      let found = '';
      client.stdout?.on('data', (chunk: Buffer) => {
        found += chunk.toString();
      });
      const ended = once(client, 'close').then(([status]) => [status, found]);
      return { client, ended };
    });
    const count = () => (existsSync(begun) ? readFileSync(begun, 'utf8').split('\n').length - 1 : 0);
    await waitFor('all to begin', () => count() === 200 || undefined, 90_000);
    for (const [n, { client }] of clients.entries()) client.stdin?.end(`session ${n}`);
    expect(await Promise.all(clients.map(({ ended }) => ended))).toEqual(
      Array.from({ length: 200 }, (_, n) => [n % 100, `session ${n}`]),
    );
    for (const master of masters) master.kill();
  });
});
