import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSshLane } from '@weir/testkit/lane';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSshPolicy } from './fixture/ssh-policy.ts';
import { type SshSystem, startSshSystem, type Way } from './fixture/ssh-system.ts';
import { openTerminal, type Terminal } from './fixture/terminal.ts';
import { waitFor } from './fixture/wait.ts';

/** The stock client through gateway and agent to the stock server shows what it shows without them. */
openSshLane()('sessions of OpenSSH', () => {
  let ssh: SshSystem;
  beforeAll(async () => {
    ssh = await startSshSystem({ policy: openSshPolicy });
  });
  afterAll(() => ssh?.stop());

  const run = (command: string, input?: string) => ssh.ssh(ssh.way(), command, input === undefined ? {} : { input });
  const sshCommand = (way: Way, ...args: string[]): string[] => [
    ...['ssh', ...way.options, '-p', String(way.port)],
    ...[...args.slice(0, -1), way.to, ...args.slice(-1)].filter((word) => word !== ''),
  ];

  describe('commands', () => {
    it.each([
      ['true', 0],
      ['false', 1],
      ['exit 7', 7],
      ['exit 255', 255],
      ['no-such-program-here', 127],
      ['sh -c "echo out; echo err >&2; exit 3"', 3],
    ])('%s ends as it ends without Weir', async (command, status) => {
      const [through, direct] = [await run(command), await ssh.ssh(ssh.direct, command)];
      expect(through).toEqual(direct);
      expect(through.status).toBe(status);
    });

    it.each(['TERM', 'KILL', 'HUP', 'SEGV'])('one that dies by SIG%s', async (signal) => {
      const command = `sh -c 'kill -${signal} $$'; kill -${signal} $$`;
      const [through, direct] = [await run(command), await ssh.ssh(ssh.direct, command)];
      const plain = (text: string): string => text.replaceAll(/\d+ (?=[A-Z])/g, '');
      expect({ ...through, stderr: plain(through.stderr) }).toEqual({ ...direct, stderr: plain(direct.stderr) });
    });

    it('get their input, byte by byte, and its end', async () => {
      const input = Array.from({ length: 3000 }, (_, n) => `${n} äöü €\r\t`).join('\n');
      expect((await run('cat', input)).stdout).toBe(input);
      expect((await run('cat; echo end', '')).stdout).toBe('end\n');
      expect((await ssh.ssh(ssh.way(), 'echo early; exec 0<&-; echo late', { more: ['-n'] })).stdout).toBe(
        'early\nlate\n',
      );
    });

    it('carry every byte both ways', async () => {
      const bytes = join(ssh.files, 'bytes');
      writeFileSync(bytes, Buffer.from(Array.from({ length: 70_000 }, (_, n) => (n * 7 + (n >> 8)) & 0xff)));
      const copy = await ssh.run(ssh.way(), 'sh', ['-c', `$GIT_SSH_COMMAND_PLAIN cat < ${bytes} > ${bytes}.back`], {
        env: { ...process.env, GIT_SSH_COMMAND_PLAIN: sshCommand(ssh.way(), '').join(' ') },
      });
      expect(copy).toMatchObject({ status: 0, stderr: '' });
      expect(readFileSync(`${bytes}.back`).equals(readFileSync(bytes))).toBe(true);
    });

    it('keep their two streams apart, 10,000 lines of each', async () => {
      const { stdout, stderr, status } = await run('for i in `seq 10000`; do echo "out $i"; echo "err $i" >&2; done');
      const lines = (word: string) => Array.from({ length: 10_000 }, (_, n) => `${word} ${n + 1}\n`).join('');
      expect(status).toBe(0);
      expect(stdout).toBe(lines('out'));
      expect(stderr).toBe(lines('err'));
    });

    it('get variables that policy lets through', async () => {
      const { stdout } = await ssh.ssh(ssh.way(), 'echo "$LC_WEIR $WEIR_X"', {
        more: ['-o', 'SendEnv=LC_WEIR WEIR_X'],
        env: { ...process.env, LC_WEIR: 'one', WEIR_X: 'two' },
      });
      expect(stdout).toBe('one two\n');
    });

    it('go on over many new keys', async () => {
      const { stdout, stderr } = await ssh.ssh(ssh.way(), 'head -c 30000000 /dev/zero | tr "\\0" x', {
        more: ['-o', 'RekeyLimit=1M', '-v', '-o', 'LogLevel=DEBUG1'],
      });
      expect(stdout).toHaveLength(30_000_000);
      expect(stderr.match(/SSH2_MSG_NEWKEYS received/g)?.length ?? 0).toBeGreaterThan(3);
    });

    it('share one connection (ControlMaster), side by side', async () => {
      const socket = join(ssh.files, 'master');
      const master = ssh.start(ssh.way(), ['-M', '-S', socket, '-N']);
      const ended = once(master, 'close');
      await waitFor('the master', () => existsSync(socket) || undefined);
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          ssh.ssh(ssh.way(), `cat; echo ${n} >&2; exit ${n}`, { more: ['-S', socket], input: `in ${n}` }),
        ),
      );
      expect(answers.map(({ status, stdout, stderr }) => [status, stdout, stderr])).toEqual(
        Array.from({ length: 8 }, (_, n) => [n, `in ${n}`, `${n}\n`]),
      );
      expect((await ssh.ssh(ssh.way(), undefined, { more: ['-S', socket, '-O', 'exit'] })).status).toBe(0);
      await ended;
      const sessions = await (await ssh.system.as('alice')).listSessions();
      expect(sessions.length).toBeGreaterThan(0);
    });
  });

  describe('terminals', () => {
    const open = (way: Way, command = '', term = 'vt100', ...more: string[]): Terminal =>
      openTerminal(sshCommand(way, '-tt', ...more, command), term);

    it('a shell with its size, what is typed, window changes, signals and its status', async () => {
      const terminal = open(ssh.way());
      terminal.write('PS1=; echo "size $(stty size)"\n');
      await terminal.until(/size 24 80/);
      terminal.resize(132, 43);
      await new Promise((resolve) => setTimeout(resolve, 300));
      terminal.write('echo "size $(stty size)"\n');
      await terminal.until(/size 43 132/);
      terminal.write('echo "term $TERM"; tty\n');
      expect(await terminal.until(/\/dev\/pts\//)).toContain('term vt100');
      // ^C ends the program, not the shell; ^D ends the shell.
      terminal.write('echo going; sleep 60; echo "after $?"\n');
      await terminal.until(/\rgoing\r\n/);
      await new Promise((resolve) => setTimeout(resolve, 300));
      terminal.write('\x03');
      terminal.write('echo still-"here"\n');
      await terminal.until(/still-here/);
      terminal.write('trap "echo win" WINCH; (exit 9)\n');
      terminal.write('exit 9\n');
      expect(await terminal.ended).toBe(9);
    });

    it.each([
      ['bytes of all kinds', `printf 'a\\033[31mred\\033[0m \\303\\244\\342\\202\\254 \\r\\n\\007 \\t x'`],
      ['10,000 fast lines', 'seq 10000'],
      ['an end by a signal', 'kill -9 $$'],
      ['colours of ls', 'ls --color=always /'],
    ])('%s are shown as without Weir', async (_what, command) => {
      const shown: string[] = [];
      for (const way of [ssh.way(), ssh.direct]) {
        const terminal = open(way, command);
        const status = await terminal.ended;
        shown.push(`${terminal.shown()} ${status}`);
      }
      expect(shown[0]).toBe(shown[1]);
    });

    it('vim draws and edits as without Weir', async () => {
      const results: string[] = [];
      for (const way of [ssh.way(), ssh.direct]) {
        const file = join(ssh.files, 'vim.txt');
        writeFileSync(file, Array.from({ length: 100 }, (_, n) => `line ${n + 1} äöü`).join('\n'));
        const terminal = open(way, `vim -u NONE -N -n --not-a-term ${file}`);
        await terminal.until(/line 23/);
        let from = terminal.shown().length;
        terminal.write('ihello\x1b');
        await terminal.until(/hello/, from);
        from = terminal.shown().length;
        terminal.write('G');
        await terminal.until(/100/, from);
        from = terminal.shown().length;
        terminal.write(':wq\r');
        expect(await terminal.ended).toBe(0);
        expect(readFileSync(file, 'utf8')).toMatch(/^helloline 1 /);
        results.push(terminal.shown());
      }
      expect(results[0]).toBe(results[1]);
    });

    it('top draws as without Weir, numbers aside', async () => {
      const results: string[] = [];
      for (const way of [ssh.way(), ssh.direct]) {
        const terminal = open(way, 'top -n 1 -p 1', 'xterm');
        expect(await terminal.ended).toBe(0);
        results.push(terminal.shown().replaceAll(/[\d.:,]+|\s+|user?s?|min|day/g, ''));
      }
      expect(results[0]).toBe(results[1]);
      expect(results[0]).toContain('\x1b[H');
    });

    it('what is pasted in brackets and typed with special keys arrives as it is', async () => {
      const terminal = open(ssh.way(), 'stty raw -echo; echo ready; head -c 25 | od -An -tx1 -w25');
      await terminal.until(/ready/);
      terminal.write('\x1b[200~rm -rf x\r\x1b[201~\x1b[A\x00');
      const typed = Buffer.from('\x1b[200~rm -rf x\r\x1b[201~\x1b[A\x00').toString('hex').replaceAll(/../g, ' $&');
      expect((await terminal.until(/ 41 00/)).replaceAll('\r\n', '')).toContain(typed);
      await terminal.ended;
    });
  });
});
