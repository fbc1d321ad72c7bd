import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createTemporaryFolder } from '@weir/testkit';
import { openSshLane } from '@weir/testkit/lane';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Bypass, bypasses } from './fixture/ssh-bypasses.ts';
import { type SshSystem, startSshSystem } from './fixture/ssh-system.ts';
import { openTerminal, type Terminal } from './fixture/terminal.ts';
import { waitFor } from './fixture/wait.ts';

const secret = 'weir-secret-7391';

const policy = (dir: string): string => `
apiVersion: weir.dev/v1
kind: Access
metadata: { name: developers }
spec: { who: { groups: [developers] }, connections: { names: ["*"] } }
---
apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: keep-secrets }
spec:
  match: { ssh: { paths: ["${dir}/**"] } }
  action: deny
  reason: it stays on the host
---
apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: destructive }
spec:
  match: { kinds: [exec], ssh: { destructive: true } }
  action: require-approval
  approval: { approvers: { groups: [security] }, mode: retry }
---
apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: typed }
spec:
  match: { kinds: [input], ssh: { programs: [truncate] } }
  action: deny
  reason: files are not emptied here
`;

/** Every known way around the rules about a host, by the stock client, with what becomes of it. */
openSshLane()('ways around the rules about SSH', () => {
  const folder = createTemporaryFolder('weir-bypass', 0o755);
  const place = (name: string): string => join(folder.path, name);
  let ssh: SshSystem;
  let master: string;
  let file = '';
  const fill = (text: string): string => {
    const values: Record<string, string> = {
      ...{
        dir: place('kept'),
        name: 'kept',
        secret: place('kept/secret'),
        canary: place('canary'),
        work: place('work'),
      },
      ...{ file, to: ssh.way().to, port: String(new URL(ssh.system.target.adminUrl).port) },
    };
    return text.replaceAll(/\{(\w+)\}/g, (all, name: string) => values[name] ?? all);
  };

  beforeAll(async () => {
    mkdirSync(place('kept'));
    writeFileSync(place('kept/secret'), `${secret}\n`);
    ssh = await startSshSystem({ policy: policy(place('kept')) });
    master = place('master');
    ssh.start(ssh.way(), ['-M', '-S', master, '-N']);
    await waitFor('the master', () => existsSync(master) || undefined);
  });
  afterAll(async () => {
    await ssh?.stop();
    folder.remove();
  });
  beforeEach(() => {
    for (const name of ['work', 'canary']) rmSync(place(name), { recursive: true, force: true });
    for (const name of ['work', 'canary/within']) mkdirSync(place(name), { recursive: true });
    writeFileSync(place('work/script'), `#!/bin/sh\nrm -rf ${place('canary')}\n`, { mode: 0o755 });
    writeFileSync(place('work/tool'), `#!/bin/sh\nrm -rf ${place('canary')}\n`, { mode: 0o755 });
  });

  const of = (by: Bypass['by']): (readonly [string, Bypass['verdict'], string])[] =>
    bypasses.filter((row) => row.by === by).map(({ verdict, how, text }) => [how, verdict, text]);

  /** Nothing of the secret is anywhere, nothing is gone, nothing new is where it must not be. */
  const nothingHappened = (shown: string): void => {
    expect(shown).not.toContain(secret);
    expect(existsSync(place('canary/within'))).toBe(true);
    expect(readFileSync(place('kept/secret'), 'utf8')).toBe(`${secret}\n`);
    expect(existsSync(place('kept/new'))).toBe(false);
    // A folder of its own is made by the client before it asks for what is to be in it.
    for (const name of ['x', 'got', 'got/secret', 'moved', 'hard', 'copy']) {
      const path = place(`work/${name}`);
      expect(existsSync(path) && !statSync(path).isDirectory(), name).toBe(false);
    }
    expect(existsSync('/etc/weir-canary')).toBe(false);
  };

  describe('commands', () => {
    it.each(of('exec'))('%s: %s: %j', async (_how, verdict, text) => {
      const { status, stdout, stderr } = await ssh.ssh(ssh.way(), fill(text), {
        more: ['-S', master],
        timeoutMs: 30_000,
      });
      nothingHappened(stdout + stderr);
      if (verdict === 'allowed') expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      else {
        expect({ status, stdout }).toEqual({ status: 254, stdout: '' });
        expect(stderr).toMatch(verdict === 'approval' ? /^weir: .*approval/m : /^weir: (?!.*needs approval)/);
      }
    });
  });

  describe('files', () => {
    it.each(of('sftp'))('%s: %s: sftp> %j', async (_how, verdict, text) => {
      const { status, stdout, stderr } = await ssh.run(ssh.way(), 'sftp', ['-b', '-', '{to}'], {
        input: `${fill(text)}\n`,
      });
      nothingHappened(stdout + stderr);
      expect(status === 0 ? 'allowed' : 'denied', stderr).toBe(verdict);
      if (verdict === 'denied') expect(stderr + stdout).toMatch(/denied|Permission/i);
    });

    it.each([...of('scp'), ...of('rsync')])('%s: %s: %j', async (how, verdict, text) => {
      const program = how.endsWith('scp') ? 'scp' : 'rsync';
      const args = fill(text).match(/--rsync-path='[^']*'|\S+/g) ?? [];
      const plain = args.map((word) => word.replaceAll("'", ''));
      const { status, stdout, stderr } = await ssh.run(ssh.way(), program, plain, { timeoutMs: 30_000 });
      nothingHappened(stdout + stderr);
      expect(status === 0 ? 'allowed' : 'denied', stderr).toBe(verdict);
    });
  });

  describe('forwards and more', () => {
    it.each([
      ['-L to the database', ['-L', '{work}/db.sock:127.0.0.1:{port}', '-N', '-S', 'none']],
      ['-W to the database', ['-W', '127.0.0.1:{port}']],
      ['-R to the client', ['-R', '{work}/back.sock:127.0.0.1:{port}', '-N', '-o', 'ExitOnForwardFailure=yes']],
    ])('%s is denied', async (_what, args) => {
      if (args.includes('-L')) {
        // The listener is the client's own; what it asks for is refused.
        const way = ssh.way();
        const client = ssh.start({ ...way, options: ['-o', 'LogLevel=INFO', ...way.options] }, args.map(fill));
        let said = '';
        client.stderr?.on('data', (chunk: Buffer) => {
          said += chunk.toString();
        });
        await waitFor('the socket', () => existsSync(place('work/db.sock')) || undefined);
        const found = await new Promise<string>((resolve) => {
          const socket = connect(place('work/db.sock'));
          let bytes = '';
          socket.on('data', (chunk) => {
            bytes += chunk.toString('latin1');
          });
          socket.on('error', () => undefined).once('close', () => resolve(bytes));
          socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
        });
        expect(found).toBe('');
        await waitFor('the reason', () => /administratively prohibited|open failed/.test(said) || undefined);
        client.kill();
        return;
      }
      const { status, stdout, stderr } = await ssh.ssh(ssh.way(), undefined, {
        more: args.map(fill),
        timeoutMs: 30_000,
      });
      expect({ isRefused: status !== 0, stdout }).toEqual({ isRefused: true, stdout: '' });
      expect(stderr).toMatch(/prohibited|failed|refused/);
    });

    it('a variable that loads code is not set, and the agent of the client is not there', async () => {
      const { stdout } = await ssh.ssh(ssh.way(), 'env', {
        more: ['-A', '-o', 'SendEnv=LD_PRELOAD_X BASH_ENV'],
        env: { ...process.env, LD_PRELOAD_X: 'x', BASH_ENV: '/nowhere' },
      });
      expect(stdout).toContain('HOME=');
      expect(stdout).not.toMatch(/LD_PRELOAD_X|BASH_ENV|SSH_AUTH_SOCK/);
    });

    it('a subsystem that no rule names is denied', async () => {
      const { status } = await ssh.ssh(ssh.way(), 'netconf', { more: ['-s'] });
      expect(status).not.toBe(0);
    });
  });

  describe('lines that are typed, where rules are advice', () => {
    let terminal: Terminal;
    let number = 0;
    beforeAll(async () => {
      const way = ssh.way();
      terminal = openTerminal(['ssh', ...way.options, '-p', String(way.port), '-tt', way.to], 'dumb');
      terminal.write('PS1=; stty sane\n');
      terminal.write('echo re""ady\n');
      await terminal.until(/^ready/m);
    });
    afterAll(() => terminal?.kill());

    const type = async (text: string): Promise<void> => {
      for (const line of text.split('\n')) {
        number += 1;
        const from = terminal.shown().length;
        terminal.write(`${line}\n`);
        await new Promise((resolve) => setTimeout(resolve, 200));
        terminal.write(`echo do""ne-${number}\n`);
        await terminal.until(new RegExp(`^done-${number}`, 'm'), from);
      }
    };

    it.each([...of('typed'), ['the history', 'advisory', 'truncat\x7f\x7f\x7f\x7f\x7f\x7f\x7ftrue'] as const])(
      '%s: %s: %j',
      async (_how, verdict, text) => {
        file = place(`file-${number}`);
        writeFileSync(file, 'full');
        await type(fill(text));
        if (text.includes('{file}')) expect(statSync(file).size === 0 ? 'advisory' : 'denied').toBe(verdict);
      },
    );

    it('an editor’s own commands: advisory', async () => {
      file = place('file-vim');
      writeFileSync(file, 'full');
      const way = ssh.way();
      const editor = openTerminal(['ssh', ...way.options, '-p', String(way.port), '-tt', way.to], 'vt100');
      editor.write('PS1=; vim -u NONE -N -n\n');
      await editor.until(/~.*~/s);
      editor.write(`:!truncate -s 0 ${file}\r`);
      await waitFor('the editor', () => statSync(file).size === 0 || undefined);
      editor.kill();
    });
  });
});
