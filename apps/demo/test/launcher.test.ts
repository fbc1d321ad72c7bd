import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { lockHolder, processCommand, runningPostmaster } from '@weir/embedded-postgres';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findSshd } from '../src/launcher/ssh-target.ts';

const here = import.meta.dirname;

/** A launcher that runs: what it wrote so far. */
interface Launcher {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
}

// The machine may be busy with other tests: a start takes seconds then.
describe('the launcher', { timeout: 120_000 }, () => {
  let root: string;
  let state: string;
  const running: ChildProcess[] = [];

  beforeEach(() => {
    root = mkdtempSync(join(realpathSync(tmpdir()), 'weir demo-'));
    chmodSync(root, 0o711);
    state = join(root, '.weir');
    for (const name of ['gateway', 'agent', 'cli']) {
      mkdirSync(join(root, 'apps', name, 'dist'), { recursive: true });
      const standIn = join(here, 'stand-ins', `${name}.mjs`);
      if (existsSync(standIn)) cpSync(standIn, join(root, 'apps', name, 'dist', 'main.js'));
    }
    writeFileSync(join(root, 'package.json'), '{"type":"module"}');
    writeFileSync(join(root, 'apps', 'cli', 'dist', 'main.js'), '');
    mkdirSync(join(root, 'apps', 'demo', 'policy'), { recursive: true });
    writeFileSync(join(root, 'apps', 'demo', 'policy', 'shop.yaml'), '');
  });
  afterEach(async () => {
    for (const child of running.splice(0)) child.kill('SIGKILL');
    await until(() => processes().length === 0);
    rmSync(root, { recursive: true, force: true });
  });

  function launch(sshd = 'none'): Launcher {
    const main = join(here, '..', 'src', 'main.ts');
    const args = ['--conditions=source', main, '--checkout', root, '--customers', '30', '--sshd', sshd];
    const env = { ...process.env, WEIR_SERVER_HOME: join(root, 'servers'), HOME: undefined };
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    running.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const closed = [child.stdout, child.stderr].map((stream) => once(stream as Readable, 'end'));
    const ended = Promise.all([once(child, 'exit'), ...closed]).then(([[code]]) => code as number | null);
    return { child, output: () => output, ended };
  }

  async function launchReady(sshd?: string): Promise<Launcher> {
    const launcher = launch(sshd);
    await until(() => launcher.output().includes('Press Ctrl-C') || launcher.child.exitCode !== null);
    expect(launcher.output()).toContain('Weir is ready');
    return launcher;
  }

  /** What runs on this checkout: programs that have its path among their arguments, and the target. */
  function processes(): number[] {
    const launcher = lockHolder(join(state, 'launcher.lock'))?.pid;

    const target = runningPostmaster(join(root, 'servers', 'demo'))?.pid;
    return [launcher, target].filter((pid) => pid !== undefined).concat(programs());
  }

  function programs(): number[] {
    const known = new Set<number>();
    for (const name of ['gateway', 'agent']) {
      const file = join(state, 'logs', `${name}.log`);
      if (!existsSync(file)) continue;
      for (const [, pid] of readFileSync(file, 'utf8').matchAll(/^pid (\d+)$/gm)) known.add(Number(pid));
    }
    return [...known].filter((pid) => processCommand(pid)?.includes(root) === true);
  }

  it('ends with everything ready, and stops it all on SIGTERM', async () => {
    const launcher = await launchReady();
    const demo = JSON.parse(readFileSync(join(state, 'demo.json'), 'utf8'));
    expect(statSync(join(state, 'demo.json')).mode & 0o777).toBe(0o600);
    expect(demo).toMatchObject({
      api: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      users: [
        { name: 'alice', groups: ['developers'] },
        { name: 'bob', groups: ['security'] },
        { name: 'admin', groups: ['admins'] },
      ],
      connections: [{ name: 'demo-pg', protocol: 'postgres' }],
      targets: [{ connection: 'demo-pg' }],
    });
    expect(JSON.parse(readFileSync(join(state, 'client.json'), 'utf8'))).toMatchObject({
      api: demo.api,
      ca: 'the CA\n',
    });
    expect(launcher.output()).toContain('No demo-ssh: this machine has no sshd.');
    for (const { password } of demo.users) expect(launcher.output()).toContain(password);
    const admin = new pg.Client({ connectionString: demo.targets[0].adminUrl });
    await admin.connect();
    expect((await admin.query('SELECT count(*)::int AS n FROM customers')).rows).toEqual([{ n: 30 }]);
    await admin.end();
    expect(processes()).toHaveLength(4);

    launcher.child.kill('SIGTERM');
    expect(await launcher.ended).toBe(0);
    expect(existsSync(join(state, 'demo.json'))).toBe(false);
    expect(processes()).toEqual([]);
    expect(readFileSync(join(state, 'logs', 'gateway.log'), 'utf8')).toContain('gateway stops');
  });

  it('offers the machine as an SSH host when it has an sshd, to holders of certificates alone', async () => {
    const sshd = findSshd();
    mkdirSync(state, { recursive: true, mode: 0o700 });
    const key = (name: string) => join(root, name);
    if (sshd !== undefined) {
      for (const name of ['ca', 'key']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key(name)]);
      cpSync(key('ca.pub'), join(state, 'ca.pub'));
    }
    const launcher = await launchReady(sshd ?? 'none');
    const demo = JSON.parse(readFileSync(join(state, 'demo.json'), 'utf8'));
    if (sshd === undefined) {
      expect(launcher.output()).toContain('No demo-ssh');
      return;
    }
    expect(demo.connections).toContainEqual({ name: 'demo-ssh', protocol: 'ssh' });
    const log = readFileSync(join(state, 'logs', 'gateway.log'), 'utf8');
    const { port, user, hostKeys, auth } = JSON.parse(/^demo-ssh (.*)$/m.exec(log)?.[1] ?? '{}');
    expect(auth).toBe('certificate');
    const printed = execFileSync('ssh-keygen', ['-l', '-f', join(state, 'demo-ssh', 'host_ed25519.pub')], {
      encoding: 'utf8',
    });
    expect(printed).toContain(hostKeys[0]);
    const knock = (): string => {
      const options = [
        'BatchMode=yes',
        'StrictHostKeyChecking=no',
        'UserKnownHostsFile=/dev/null',
        'IdentityAgent=none',
      ];
      const args = ['-F', '/dev/null', '-i', key('key'), ...options.flatMap((option) => ['-o', option])];
      const ssh = spawnSync('ssh', [...args, '-p', String(port), `${user}@127.0.0.1`, 'echo in'], { encoding: 'utf8' });
      return ssh.stdout.trim();
    };
    expect(knock()).toBe('');
    execFileSync('ssh-keygen', ['-q', '-s', key('ca'), '-I', 'x', '-n', user, '-V', '-1m:+5m', key('key.pub')]);
    expect(knock()).toBe('in');
    const sample = readFileSync(join(state, 'demo-ssh', 'customers.csv'), 'utf8');
    expect(sample.split('\n')[1]).toMatch(/^[^,]+,[^,]+@[^,]+,[\d ]+,\d{3}-\d{2}-\d{4}$/);
    launcher.child.kill('SIGTERM');
    expect(await launcher.ended).toBe(0);
    expect(knock()).toBe('');
  });

  it('refuses a second start, and says which process runs', async () => {
    const first = await launchReady();
    const second = launch();
    expect(await second.ended).toBe(1);
    expect(second.output()).toContain(`error: Weir is already running here (process ${first.child.pid}).`);
    expect(second.output()).toContain(`kill ${first.child.pid}`);
    expect(existsSync(join(state, 'demo.json'))).toBe(true);
  });

  it('leaves no process behind after kill -9, and the next start recovers without enrolling again', async () => {
    const first = await launchReady();
    first.child.kill('SIGKILL');
    await until(() => processes().length === 0);
    // And once more without a pause, while the watchdog is at work.
    const next = await launchReady();
    next.child.kill('SIGKILL');
    await next.ended;
    const second = await launchReady();
    const log = readFileSync(join(state, 'logs', 'gateway.log'), 'utf8');
    expect(log.match(/join-tokens/g)).toHaveLength(1);
    // As when npm, which started it, is gone.
    second.child.disconnect();
    expect(await second.ended).toBe(0);
    expect(processes()).toEqual([]);
  });

  it('stops everything with the reason when a process dies', async () => {
    const launcher = await launchReady();
    const [gateway] = programs();
    process.kill(gateway as number, 'SIGKILL');
    expect(await launcher.ended).toBe(1);
    expect(launcher.output()).toContain('error: The gateway ended by signal SIGKILL.');
    expect(processes()).toEqual([]);
    expect(existsSync(join(state, 'demo.json'))).toBe(false);
  });

  it('shows the end of the log when the gateway does not start', async () => {
    writeFileSync(join(root, 'apps', 'gateway', 'dist', 'main.js'), "throw new Error('no room on disk')");
    const launcher = launch();
    expect(await launcher.ended).toBe(1);
    expect(launcher.output()).toContain('error: The gateway ended with exit status 1.');
    expect(launcher.output()).toContain('no room on disk');
    expect(processes()).toEqual([]);
  });

  it('shows why the agent cannot enrol', async () => {
    writeFileSync(
      join(root, 'apps', 'agent', 'dist', 'main.js'),
      "process.stderr.write('the token is spent'); process.exit(4)",
    );
    const launcher = launch();
    expect(await launcher.ended).toBe(1);
    expect(launcher.output()).toContain('error: The agent could not enrol.\n  why: the token is spent');
    expect(processes()).toEqual([]);
  });

  it('can be stopped while it starts', async () => {
    const launcher = launch();
    await until(() => launcher.output().includes('Starting the demo database'));
    launcher.child.kill('SIGINT');
    expect(await launcher.ended).toBe(0);
    expect(processes()).toEqual([]);
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}
