import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { runCommand } from '@weir/testkit';
import { openSshLane } from '@weir/testkit/lane';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openSshPolicy } from './fixture/ssh-policy.ts';
import { type SshSystem, startSshSystem } from './fixture/ssh-system.ts';
import { waitFor } from './fixture/wait.ts';

const digest = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

/** Files and forwards by the stock programs, through gateway and agent to the stock server. */
openSshLane()('files and forwards of OpenSSH', () => {
  let ssh: SshSystem;
  let here: string;
  let there: string;
  beforeAll(async () => {
    ssh = await startSshSystem({ policy: openSshPolicy });
  });
  afterAll(() => ssh?.stop());
  beforeEach(() => {
    here = join(ssh.files, 'here');
    there = join(ssh.files, 'there');
    for (const folder of [here, there]) {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder);
    }
    writeFileSync(join(here, 'small'), 'small\n');
    writeFileSync(join(here, 'a name, with "all" kinds of $things'), 'odd');
    writeFileSync(join(here, 'large'), randomBytes(3_000_000));
    mkdirSync(join(here, 'tree/deep'), { recursive: true });
    writeFileSync(join(here, 'tree/deep/leaf'), 'leaf', { mode: 0o640 });
    utimesSync(join(here, 'tree/deep/leaf'), 1_000_000_000, 1_000_000_000);
  });

  const run = (program: string, args: readonly string[], input?: string) =>
    ssh.run(ssh.way(), program, args, input === undefined ? {} : { input });

  it('sftp lists, puts, gets, renames, links and removes', async () => {
    const batch = [
      `put "${here}/large" "${there}/large"`,
      `put "${here}/a name, with \\"all\\" kinds of $things" "${there}/odd"`,
      `get "${there}/large" "${here}/back"`,
      `mkdir "${there}/folder"`,
      `rename "${there}/odd" "${there}/folder/renamed"`,
      `symlink "${there}/large" "${there}/link"`,
      `chmod 600 "${there}/large"`,
      `put -r "${here}/tree" "${there}/tree"`,
      `get -r "${there}/tree" "${here}/tree-back"`,
      `rm "${there}/link"`,
      `ls -l "${there}"`,
      `df "${there}"`,
    ].join('\n');
    const { status, stdout, stderr } = await run('sftp', ['-b', '-', '{to}'], `${batch}\n`);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toMatch(/-rw------- .* 3000000 .*large/);
    expect(digest(join(here, 'back'))).toBe(digest(join(here, 'large')));
    expect(readFileSync(join(there, 'folder/renamed'), 'utf8')).toBe('odd');
    expect(readFileSync(join(here, 'tree-back/deep/leaf'), 'utf8')).toBe('leaf');
    const missing = await run('sftp', ['-b', '-', '{to}'], `get "${there}/none" "${here}/none"\n`);
    expect(missing.status).toBe(1);
    expect(missing.stderr + missing.stdout).toMatch(/not found|No such file/);
  });

  it.each([
    ['by sftp', []],
    ['by its own protocol', ['-O']],
  ])('scp %s copies both ways, whole trees and times, too', async (_how, flags) => {
    const remote = (path: string): string => `{to}:${path}`;
    const up = await run('scp', [...flags, '-q', join(here, 'large'), join(here, 'small'), remote(`${there}/`)]);
    expect(up).toMatchObject({ status: 0, stderr: '' });
    expect(digest(join(there, 'large'))).toBe(digest(join(here, 'large')));
    expect(await run('scp', [...flags, '-q', '-r', '-p', join(here, 'tree'), remote(there)])).toMatchObject({
      status: 0,
    });
    expect(statSync(join(there, 'tree/deep/leaf')).mtimeMs).toBe(1_000_000_000_000);
    expect(statSync(join(there, 'tree/deep/leaf')).mode & 0o777).toBe(0o640);
    expect(await run('scp', [...flags, '-q', remote(`${there}/large`), join(here, 'back')])).toMatchObject({
      status: 0,
    });
    expect(digest(join(here, 'back'))).toBe(digest(join(here, 'large')));
    expect(
      await run('scp', [...flags, '-q', '-r', '-p', remote(`${there}/tree`), join(here, 'back-tree')]),
    ).toMatchObject({
      status: 0,
    });
    expect(readFileSync(join(here, 'back-tree/deep/leaf'), 'utf8')).toBe('leaf');
    const missing = await run('scp', [...flags, '-q', remote(`${there}/none`), here]);
    expect(missing.status).not.toBe(0);
    expect(missing.stderr).toContain('No such file or directory');
  });

  it('rsync copies, deletes and copies back', async () => {
    writeFileSync(join(there, 'extra'), 'x');
    const up = await run('rsync', ['-a', '--delete', `${here}/`, `{to}:${there}/`]);
    expect(up).toMatchObject({ status: 0, stderr: '' });
    expect((await runCommand('diff', ['-r', here, there])).stdout).toBe('');
    const back = await run('rsync', ['-a', `{to}:${there}/`, `${here}-back/`]);
    expect(back).toMatchObject({ status: 0, stderr: '' });
    expect((await runCommand('diff', ['-r', here, `${here}-back`])).stdout).toBe('');
    rmSync(`${here}-back`, { recursive: true });
  });

  it('git clones, pushes and fetches', async () => {
    const bare = join(there, "it's bare.git");
    const env = {
      ...process.env,
      ...{
        GIT_AUTHOR_NAME: 'a',
        GIT_AUTHOR_EMAIL: 'a@example.com',
        GIT_COMMITTER_NAME: 'a',
        GIT_COMMITTER_EMAIL: 'a@example.com',
      },
    };
    const git = async (...args: string[]) => {
      const result = await ssh.run(ssh.way(), 'git', args, { env });
      expect(result, result.stderr).toMatchObject({ status: 0 });
      return result.stdout;
    };
    await runCommand('git', ['init', '-q', '--bare', bare]);
    const clone = join(here, 'clone');
    await git('clone', '-q', `{to}:${bare}`, clone);
    writeFileSync(join(clone, 'file'), randomBytes(200_000));
    await git('-C', clone, 'add', '.');
    await git('-C', clone, 'commit', '-q', '-m', 'one');
    await git('-C', clone, 'push', '-q', 'origin', 'HEAD:main');
    await git('clone', '-q', '-b', 'main', `{to}:${bare}`, join(here, 'second'));
    expect(digest(join(here, 'second/file'))).toBe(digest(join(clone, 'file')));
  });

  describe('forwards', () => {
    let echo: Server;
    let port: number;
    beforeAll(async () => {
      echo = createServer((socket: Socket) => {
        socket.on('error', () => undefined);
        socket.pipe(socket);
      });
      await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
      port = (echo.address() as { port: number }).port;
    });
    afterAll(() => echo.close());

    /** Sends bytes to a port of loopback and gives what comes back until the other side ends. */
    const roundTrip = (to: number | string, bytes: Buffer): Promise<Buffer> =>
      new Promise((resolve, reject) => {
        const socket = typeof to === 'number' ? connect(to, '127.0.0.1') : connect(to);
        const found: Buffer[] = [];
        socket.on('data', (chunk: Buffer) => found.push(chunk)).once('error', reject);
        socket.once('close', () => resolve(Buffer.concat(found)));
        socket.end(bytes);
      });
    const freePort = async (): Promise<number> => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port: found } = server.address() as { port: number };
      await new Promise((resolve) => server.close(resolve));
      return found;
    };
    const withForward = async (args: readonly string[], probe: () => Promise<void>): Promise<void> => {
      const client = ssh.start(ssh.way(), ['-N', '-o', 'ExitOnForwardFailure=yes', ...args]);
      let said = '';
      client.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      try {
        await probe();
        expect(said).toBe('');
      } finally {
        client.kill();
      }
    };
    const bytes = randomBytes(300_000);
    const untilItAnswers = async (to: number | string): Promise<void> => {
      const answer = await waitFor('the forward', async () => {
        const found = await roundTrip(to, bytes).catch(() => Buffer.alloc(0));
        return found.length > 0 ? found : undefined;
      });
      expect(answer.equals(bytes)).toBe(true);
    };

    it('-L to a port, many at once', async () => {
      const local = await freePort();
      await withForward(['-L', `${local}:127.0.0.1:${port}`], async () => {
        await untilItAnswers(local);
        const answers = await Promise.all(Array.from({ length: 10 }, () => roundTrip(local, bytes)));
        for (const answer of answers) expect(answer.equals(bytes)).toBe(true);
      });
    });

    it('-L to and from sockets', async () => {
      const [local, remote] = [join(ssh.files, 'local.sock'), join(ssh.files, 'remote.sock')];
      const server = createServer((socket) => socket.pipe(socket));
      await new Promise<void>((resolve) => server.listen(remote, resolve));
      await withForward(['-L', `${local}:${remote}`], () => untilItAnswers(local));
      server.close();
    });

    it('-R back to the client', async () => {
      const remote = await freePort();
      await withForward(['-R', `127.0.0.1:${remote}:127.0.0.1:${port}`], () => untilItAnswers(remote));
      const socket = join(ssh.files, 'back.sock');
      await withForward(['-R', `${socket}:127.0.0.1:${port}`], () => untilItAnswers(socket));
    });

    it('-D, a proxy of its own', async () => {
      const proxy = await freePort();
      await withForward(['-D', String(proxy)], async () => {
        // SOCKS 5 (RFC 1928): no authentication, connect by address.
        const greeting = Buffer.from([5, 1, 0]);
        const request = Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 0xff]);
        const answer = await waitFor('the proxy', async () => {
          const found = await roundTrip(proxy, Buffer.concat([greeting, request, bytes])).catch(() => Buffer.alloc(0));
          return found.length > 12 ? found : undefined;
        });
        expect(answer.subarray(12).equals(bytes)).toBe(true);
      });
    });

    it('-W and -J on to another host', async () => {
      const { options, to } = ssh.direct;
      const through = ['ssh', ...ssh.way().options, '-p', String(ssh.way().port), '-W', '%h:%p', ssh.way().to].join(
        ' ',
      );
      const result = await runCommand('ssh', [
        ...options,
        ...['-p', String(ssh.direct.port), '-o', `ProxyCommand=${through}`, to, 'echo beyond; exit 4'],
      ]);
      expect(result).toMatchObject({ status: 4, stdout: 'beyond\n' });
    });

    it('-A, the agent of the client', async () => {
      const started = await runCommand('ssh-agent', ['-s']);
      const [, socket = ''] = /SSH_AUTH_SOCK=([^;]+)/.exec(started.stdout) ?? [];
      const [, pid = ''] = /SSH_AGENT_PID=(\d+)/.exec(started.stdout) ?? [];
      const env = { ...process.env, SSH_AUTH_SOCK: socket };
      try {
        const key = ssh.way('bob').options[3] ?? '';
        expect(await runCommand('ssh-add', ['-q', key], { env })).toMatchObject({ status: 0 });
        // The first value of an option is the one that counts.
        const way = ssh.way();
        const options = ['-o', `IdentityAgent=${socket}`, ...way.options];
        const { stdout, stderr } = await ssh.ssh({ ...way, options }, 'ssh-add -l', { env, more: ['-A'] });
        expect({ stdout, stderr }).toMatchObject({ stdout: expect.stringContaining('key-bob') });
      } finally {
        process.kill(Number(pid));
      }
    });
  });
});
