import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createTemporaryFolder, hasCommand, runCommand } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { root, waitFor } from './fixture/wait.ts';

/** How a newcomer's account runs a command in the clone. */
interface Newcomer {
  readonly name: string;
  readonly checkout: string;
  readonly env: NodeJS.ProcessEnv;
  readonly wrap: (command: readonly string[]) => readonly string[];
}

const isRoot = process.getuid?.() === 0;
const account = 'weir-newcomer';

/** The environment of a login, without what the test runner added. */
const cleanEnv = (home: string | undefined): NodeJS.ProcessEnv => {
  const kept = ['PATH', 'LANG', 'NODE_EXTRA_CA_CERTS', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'TMPDIR'];
  const env = Object.fromEntries(
    kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
  const path = (process.env['PATH'] ?? '').split(':').filter((folder) => !folder.startsWith(root));
  return { ...env, PATH: path.join(':'), ...(home === undefined ? {} : { HOME: home }) };
};

function suite(title: string, make: () => Newcomer) {
  lane(
    'fresh clone',
    () => hasCommand('git') && existsSync(join(root, '.git')),
    'needs git and a git checkout',
  )(title, () => {
    let newcomer: Newcomer;
    let started: ChildProcess | undefined;
    const run = (command: readonly string[], input?: string, timeoutMs = 600_000) => {
      const [program, ...args] = newcomer.wrap(command) as [string, ...string[]];
      return runCommand(program, args, {
        cwd: newcomer.checkout,
        env: newcomer.env,
        timeoutMs,
        ...(input === undefined ? {} : { input }),
      });
    };
    const demoFile = () => join(newcomer.checkout, '.weir/demo.json');
    const start = async () => {
      const [program, ...args] = newcomer.wrap(['npm', 'start']) as [string, ...string[]];
      let said = '';
      const child = spawn(program, args, {
        cwd: newcomer.checkout,
        env: newcomer.env,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      started = child;
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (chunk: Buffer) => {
          said += chunk.toString();
        });
      await waitFor(
        'npm start to be ready',
        () => {
          if (child.exitCode !== null) throw new Error(`npm start ended with ${child.exitCode}:\n${said}`);
          return existsSync(demoFile()) || undefined;
        },
        600_000,
      );
      return () => said;
    };
    const stop = async () => {
      const ended = new Promise((resolve) => started?.once('exit', resolve));
      process.kill(-(started?.pid as number), 'SIGINT');
      await ended;
      started = undefined;
    };

    beforeAll(() => {
      newcomer = make();
    }, 120_000);
    afterAll(async () => {
      if (started !== undefined) await stop();
      await run(['npm', 'run', 'reset']);
      rmSync(newcomer.checkout, { recursive: true, force: true });
    }, 120_000);

    it('npm start shows masked rows, denies and records; it ends on Ctrl-C and starts again without network', async () => {
      const said = await start();
      const demo = JSON.parse(readFileSync(demoFile(), 'utf8')) as {
        api: string;
        users: { name: string; password: string }[];
        connections: { name: string }[];
        targets: { adminUrl: string }[];
      };
      expect(statSync(demoFile()).mode & 0o777).toBe(0o600);
      expect(demo.users.map(({ name }) => name)).toEqual(expect.arrayContaining(['alice', 'bob', 'admin']));
      expect((await fetch(`${demo.api}/healthz`)).status).toBe(200);
      const passwordOf = (name: string) => demo.users.find((user) => user.name === name)?.password ?? '';
      const login = await run(['./weir', 'login', '--user', 'alice', '--password-stdin'], passwordOf('alice'));
      expect(login.status, login.stderr).toBe(0);
      const masked = await run([
        './weir',
        'exec',
        'demo-pg',
        'SELECT id, email, card FROM customers WHERE id = 1',
        '--json',
      ]);
      expect(masked.status, masked.stderr).toBe(0);
      expect(JSON.parse(masked.stdout)).toHaveLength(1);
      const denied = await run(['./weir', 'exec', 'demo-pg', 'DROP TABLE orders']);
      expect(denied.status).toBe(5);
      expect(denied.stdout).toBe('');
      const pending = await run(['./weir', 'exec', 'demo-pg', 'DELETE FROM orders WHERE id = 1']);
      expect(pending.status).toBe(6);
      await waitFor('the screen', () => /demo-pg/.test(said()) || undefined);
      // The machine itself, where it has an sshd: output, error output and exit status come through.
      const hasHost = demo.connections.some(({ name }) => name === 'demo-ssh');
      expect(hasHost || said().includes('No demo-ssh: this machine has no sshd.'), said()).toBe(true);
      if (hasHost) {
        const ran = await run(['./weir', 'ssh', 'demo-ssh', '--', 'cat; echo err >&2; exit 7'], 'in');
        expect(ran).toMatchObject({ status: 7, stdout: 'in', stderr: expect.stringContaining('err') });
      }

      await stop();
      expect(existsSync(demoFile())).toBe(false);
      newcomer = {
        ...newcomer,
        env: { ...newcomer.env, npm_config_offline: 'true', npm_config_registry: 'http://127.0.0.1:9/' },
      };
      await start();
      const again = await run(['./weir', 'exec', 'demo-pg', 'SELECT 1 AS one', '--json']);
      expect(again.status, again.stderr).toBe(0);

      // kill -9 of the launcher: nothing stays, and the next start recovers.
      process.kill(-(started?.pid as number), 'SIGKILL');
      started = undefined;
      await waitFor(
        'the gateway to be gone',
        async () => ((await fetch(`${demo.api}/healthz`).catch(() => undefined)) === undefined ? true : undefined),
        30_000,
      );
      rmSync(demoFile(), { force: true });
      await start();
      const recovered = await run(['./weir', 'exec', 'demo-pg', 'SELECT 2 AS two', '--json']);
      expect(recovered.status, recovered.stderr).toBe(0);
      const admin = await run(['./weir', 'login', '--user', 'admin', '--password-stdin'], passwordOf('admin'));
      expect(admin.status, admin.stderr).toBe(0);
      const verified = await run(['./weir', 'audit', 'verify']);
      expect(verified.status, verified.stdout + verified.stderr).toBe(0);
      await stop();
    }, 900_000);

    it('npm test runs', async () => {
      const tested = await run(['npm', 'test', '--', 'packages/policy/test/access', 'packages/proto']);
      expect(tested.status, tested.stdout + tested.stderr).toBe(0);
      expect(tested.stdout).toMatch(/Tests\s+.*passed/);
    }, 600_000);
  });
}

function clone(into: string): string {
  const checkout = join(into, 'weir checkout');
  execFileSync('git', ['clone', '--quiet', '--no-hardlinks', root, checkout]);
  return checkout;
}

if (isRoot) {
  suite('a fresh clone as root, in a home that others cannot enter, HOME unset', () => {
    const folder = createTemporaryFolder('weir-root', 0o700);
    return { name: 'root', checkout: clone(folder.path), env: cleanEnv(undefined), wrap: (command) => command };
  });
  lane('ordinary user', () => hasCommand('useradd') && hasCommand('runuser'), 'needs useradd and runuser');
  suite('a fresh clone as an ordinary user', () => {
    if (spawnStatus('id', [account]) !== 0) execFileSync('useradd', ['--create-home', '--shell', '/bin/bash', account]);
    const home = `/home/${account}`;
    mkdirSync(home, { recursive: true });
    const checkout = clone(home);
    chmodSync(home, 0o700);
    execFileSync('chown', ['-R', `${account}:`, home]);
    return {
      name: account,
      checkout,
      env: cleanEnv(home),
      wrap: (command) => ['runuser', '-u', account, '--', ...command],
    };
  });
} else {
  suite('a fresh clone as this user', () => ({
    name: userInfo().username,
    checkout: clone(createTemporaryFolder('weir-clone').path),
    env: cleanEnv(homedir()),
    wrap: (command) => command,
  }));
}

function spawnStatus(command: string, args: readonly string[]): number {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return 0;
  } catch (error) {
    return (error as { status?: number }).status ?? 1;
  }
}
