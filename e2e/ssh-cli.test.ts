import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort, runCommand } from '@weir/testkit';
import { openSshLane } from '@weir/testkit/lane';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createWeirCli, type RunningCli, type WeirCli } from './fixture/cli.ts';
import { type SshSystem, startSshSystem } from './fixture/ssh-system.ts';
import { openTerminal } from './fixture/terminal.ts';
import { root, waitFor } from './fixture/wait.ts';

const describe = openSshLane();
const program = join(root, 'apps/cli/dist/main.js');

describe('weir ssh and the programs of OpenSSH', () => {
  let ssh: SshSystem;
  let admin: WeirCli;
  /** Where temporary files of the CLI go. */
  let scratch: string;
  const started: RunningCli[] = [];
  const left = () => readdirSync(scratch).filter((name) => name.startsWith('weir-ssh-'));
  const open = async () =>
    (await admin.json<{ state: string; id: string }[]>('sessions', 'ls')).filter(({ state }) => state === 'active');

  beforeAll(async () => {
    ssh = await startSshSystem();
    scratch = join(ssh.files, 'scratch');
    mkdirSync(scratch);
    // Paths with blanks and tokens of ssh must not matter.
    admin = createWeirCli(ssh.system, 'admin', join(ssh.system.dir, 'cli of 100%h admin'), { TMPDIR: scratch });
    expect(await admin.login()).toMatchObject({ status: 0 });
  }, 180_000);
  afterAll(async () => {
    for (const cli of started) cli.kill('SIGKILL');
    await ssh?.stop();
  });

  it('passes standard output, standard error and the exit status through, and leaves nothing behind', async () => {
    const ran = await admin.run(['ssh', 'demo-ssh', '--', 'echo out; echo err >&2; exit 7']);
    expect(ran).toMatchObject({ status: 7, stdout: 'out\n', stderr: 'err\n' });
    expect(left()).toEqual([]);
    expect(await open()).toEqual([]);
  });

  it('passes standard input through, and its end', async () => {
    const bytes = Array.from({ length: 50_000 }, (_, index) => `line ${index}`).join('\n');
    expect(await admin.run(['ssh', 'demo-ssh', '--', 'cat'], bytes)).toMatchObject({
      status: 0,
      stdout: bytes,
      stderr: '',
    });
    expect(await admin.run(['ssh', 'demo-ssh', 'wc', '-l'], 'a\nb\n')).toMatchObject({ status: 0, stdout: '2\n' });
  });

  it('hands options of ssh on, before and behind the host', async () => {
    const ran = await admin.run(['ssh', '-T', '-o', 'SendEnv=NOTHING', 'demo-ssh', '-v', '--', 'true']);
    expect(ran.status).toBe(0);
    expect(ran.stderr).toContain('Authenticated to demo-ssh (via proxy) using "publickey"');
  });

  it.each([
    [['ssh', 'no-such-host', '--', 'true'], 2, 'no-such-host'],
    [['ssh', 'demo-pg', '--', 'true'], 2, 'The connection demo-pg is no SSH host'],
  ])('weir %j is refused before anything starts', async (args, status, message) => {
    const ran = await admin.run(args);
    expect(ran).toMatchObject({ status, stdout: '' });
    expect(ran.stderr).toContain(message);
    expect(left()).toEqual([]);
  });

  it('says when ssh is missing', async () => {
    const bare = createWeirCli(ssh.system, 'admin', admin.home, { PATH: scratch });
    const ran = await bare.run(['ssh', 'demo-ssh', '--', 'true']);
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr).toContain('The program ssh is not installed.');
    expect(ran.stderr).toContain('openssh-client');
    const { steps } = await admin.json<{ steps: { name: string; result: string; detail: string }[] }>('doctor');
    expect(steps.find(({ name }) => name === 'ssh')).toMatchObject({
      result: 'ok',
      detail: expect.stringContaining('OpenSSH_'),
    });
  });

  it('opens a shell on a terminal, which follows the size of the window', async () => {
    const terminal = openTerminal([
      'env',
      `WEIR_HOME=${admin.home}`,
      `TMPDIR=${scratch}`,
      process.execPath,
      program,
      'ssh',
      'demo-ssh',
    ]);
    try {
      await terminal.until(/[$#] $/);
      terminal.write('stty size; exit 5\r');
      await terminal.until(/24 80/);
      expect(await terminal.ended).toBe(5);
      expect(left()).toEqual([]);
    } finally {
      terminal.kill();
    }
  });

  it('forwards a port', async () => {
    const port = await freePort();
    const forward = admin.start([
      'ssh',
      '-N',
      '-o',
      'ExitOnForwardFailure=yes',
      '-L',
      `${port}:127.0.0.1:${ssh.host.port}`,
      'demo-ssh',
    ]);
    started.push(forward);
    const greeting = await waitFor('the forwarded port', async () => readGreeting(port), 30_000);
    // The policy of the test may refuse forwards; then the client sees why.
    expect(greeting === '' ? forward.stderr : greeting).toMatch(/SSH-2\.0|administratively prohibited/);
    forward.kill('SIGTERM');
    await forward.ended;
    expect(left()).toEqual([]);
  });

  it('weir connect gives a local port to ssh, scp, sftp and rsync', async () => {
    const running = admin.start(['connect', 'demo-ssh', '--json']);
    started.push(running);
    const { config, host } = JSON.parse(await running.line()) as { config: string; host: string };
    expect(host).toBe('demo-ssh');
    const file = join(ssh.files, 'letter.txt');
    writeFileSync(file, 'dear host\n');
    const answers = await Promise.all([
      runCommand('ssh', ['-F', config, host, 'cat', file]),
      runCommand('scp', ['-q', '-F', config, file, `${host}:${file}.scp`]),
      runCommand('rsync', ['-e', `ssh -F ${config}`, file, `${host}:${file}.rsync`]),
    ]);
    expect(answers.map(({ status, stderr }) => ({ status, stderr }))).toEqual(Array(3).fill({ status: 0, stderr: '' }));
    expect(answers[0]?.stdout).toBe('dear host\n');
    for (const kind of ['scp', 'rsync']) expect(readFileSync(`${file}.${kind}`, 'utf8')).toBe('dear host\n');
    running.kill('SIGINT');
    expect(await running.ended).toBe(0);
    expect(left()).toEqual([]);
  });

  it('weir connect HOST -- COMMAND runs a client and ends with it', async () => {
    const ran = await admin.run(['connect', 'demo-ssh', '--', 'ssh', 'demo-ssh', 'exit 9']);
    expect(ran).toMatchObject({ status: 9, stdout: '' });
    expect(left()).toEqual([]);
  });

  it.each([['proxy'], ['native']])('weir ssh config leads ssh to hosts (%s)', async (way) => {
    const own = join(ssh.files, `home-${way}`);
    mkdirSync(join(own, '.ssh'), { recursive: true });
    writeFileSync(join(own, '.ssh/config'), 'Host other\n  Port 2\n');
    const cli = createWeirCli(ssh.system, 'admin', join(ssh.system.dir, `cli-config-${way}`), {
      HOME: own,
      TMPDIR: scratch,
    });
    expect(await cli.login()).toMatchObject({ status: 0 });
    const more = way === 'native' ? ['--native'] : [];
    const shown = await cli.run(['ssh', 'config', ...more]);
    expect(shown.stdout).toContain('Host *.weir');
    for (let again = 0; again < 2; again += 1)
      expect(await cli.run(['ssh', 'config', '--write', ...more])).toMatchObject({ status: 0 });
    const config = readFileSync(join(own, '.ssh/config'), 'utf8');
    expect(config).toMatch(/^Include ".+"\n\nHost other\n {2}Port 2\n$/);
    const env = { ...process.env, HOME: own, WEIR_HOME: cli.home, TMPDIR: scratch };
    // ssh asks the system for the home, not HOME.
    const ran = await runCommand(
      'ssh',
      ['-F', join(own, '.ssh/config'), '-o', 'BatchMode=yes', 'demo-ssh.weir', 'echo in; exit 4'],
      { env },
    );
    expect(ran).toMatchObject({ status: 4, stdout: 'in\n', stderr: '' });
    await waitFor('the end of the session', async () => ((await open()).length === 0 ? true : undefined), 10_000);
    expect(await open()).toEqual([]);
  });

  it('an unknown host key stops the client', async () => {
    const stranger = createWeirCli(ssh.system, 'admin', join(ssh.system.dir, 'cli-stranger'), { TMPDIR: scratch });
    expect(await stranger.login()).toMatchObject({ status: 0 });
    expect(await stranger.run(['ssh', 'config'])).toMatchObject({ status: 0 });
    const known = join(stranger.home, 'ssh/known_hosts');
    const other = readFileSync(ssh.host.knownHosts, 'utf8').trim().split('\n')[0]?.split(' ').slice(1).join(' ') ?? '';
    writeFileSync(known, `weir-gateway ${other}\n`);
    const { config } = await stranger.json<{ config: string }>('ssh', 'config');
    writeFileSync(known, `weir-gateway ${other}\n`);
    const file = join(ssh.files, 'stranger-config');
    writeFileSync(file, config);
    const env = { ...process.env, WEIR_HOME: stranger.home };
    const ran = await runCommand('ssh', ['-F', file, '-o', 'BatchMode=yes', 'demo-ssh.weir', 'true'], { env });
    expect(ran.status).toBe(255);
    expect(ran.stderr).toMatch(/Host key verification failed|No ED25519 host key is known/);
  });
});

/** The first bytes of a server; undefined = nobody listens, '' = it closed. */
function readGreeting(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', (bytes) => {
      resolve(bytes.toString());
      socket.destroy();
    });
    socket.once('error', () => resolve(undefined));
    socket.once('close', () => resolve(''));
  });
}
