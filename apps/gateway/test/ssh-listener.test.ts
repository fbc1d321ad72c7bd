import { spawn } from 'node:child_process';
import { createSshKey, createTemporaryFolder } from '@weir/testkit';
import { openSshLane } from '@weir/testkit/lane';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type SshWorld, startSshWorld } from './fixture/ssh-world.ts';

const suite = openSshLane();

suite('OpenSSH', () => {
  const folder = createTemporaryFolder('weir-ssh-listener');
  let world: SshWorld;
  let key: string;
  beforeAll(async () => {
    key = (await createSshKey(folder.path, 'id')).path;
    world = await startSshWorld();
  });
  afterAll(() => {
    world.close();
    folder.remove();
  });
  const options = () => [
    ...['-F', 'none', '-i', key, '-p', String(world.port), '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes'],
    ...['-o', 'StrictHostKeyChecking=no', '-o', `UserKnownHostsFile=${folder.path}/known_hosts`],
  ];
  const run = (program: string, args: readonly string[], input: string | null = '') =>
    new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) => {
      const child = spawn(program, args);
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (data: Buffer) => {
        stdout += data.toString('latin1');
      });
      child.stderr.on('data', (data: Buffer) => {
        stderr += data.toString('latin1');
      });
      child.on('close', (status) => resolve({ status, stdout, stderr }));
      if (input !== null) child.stdin.end(input);
    });
  const ssh = (args: readonly string[], input?: string | null) =>
    run('ssh', [...options(), 'anna+box@127.0.0.1', ...args], input);

  test('runs a command', async () => {
    const done = await ssh(['echo out; echo err >&2; exit 7']);
    expect(done).toMatchObject({ status: 7, stdout: 'out\n' });
    expect(done.stderr).toContain('err\n');
  });
});
