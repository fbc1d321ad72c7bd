import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { findFreePort } from '@weir/embedded-postgres';
import { WeirError } from '@weir/errors';
import { openSshLane } from '@weir/testkit/lane';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createOpenSshClient, type OpenSshClient } from './fixture/openssh-client.ts';
import { refuseToOpen, type SshWorld, startSshWorld } from './fixture/ssh-world.ts';

const suite = openSshLane();
const place = 'anna+box@127.0.0.1';

suite('OpenSSH at the listener', () => {
  let client: OpenSshClient;
  let world: SshWorld;
  beforeAll(async () => {
    client = await createOpenSshClient();
  });
  afterAll(() => client.close());
  beforeEach(async () => {
    world = await startSshWorld();
  });
  afterEach(() => world.close());
  const ssh = (args: readonly string[], input?: string | Buffer | null) => client.ssh(world.port, args, input);

  /** Resolves when the agent's end has been stopped for a while. */
  const stalled = async () => {
    let before = -1;
    await expect
      .poll(
        () => {
          const isSame = before === world.agent.sentBytes && before > 1_000_000;
          before = world.agent.sentBytes;
          return isSame;
        },
        { timeout: 10_000, interval: 200 },
      )
      .toBe(true);
  };

  describe('commands', () => {
    test.each([
      ['stdout, stderr and exit status', 'echo out; echo err >&2; exit 7', '', 7, 'out\n', 'err\n'],
      ['input up to its end', 'cat; echo end', 'one\ntwo\n', 0, 'one\ntwo\nend\n', ''],
      ['an empty input', 'cat; echo end', '', 0, 'end\n', ''],
      ['output of stderr only', 'echo err >&2', '', 0, '', 'err\n'],
      ['nothing at all', 'true', '', 0, '', ''],
      ['a signal as exit status 255', 'kill -TERM $$', '', 255, '', ''],
      ['a command with every kind of byte', "printf 'ü\\n'", '', 0, Buffer.from('ü\n').toString('latin1'), ''],
    ])('pass %s', async (_what, command, input, status, stdout, stderr) => {
      const done = await ssh([command], input);
      expect(done).toMatchObject({ status, stdout });
      expect(done.stderr).toContain(stderr);
    });

    test('end their session when the client has gone', async () => {
      await ssh(['true']);
      await expect.poll(() => world.left).toEqual([{ sessionId: 'ses_1', reason: expect.any(String) }]);
      expect(world.closedChannels).toHaveLength(2);
      expect(world.live.has('ses_1')).toBe(false);
    });

    test('pass 20 MB in both directions, exactly', async () => {
      const input = randomBytes(20 * 1024 * 1024);
      const { status, stdout } = await ssh(['cat'], input);
      expect(status).toBe(0);
      expect(createHash('sha256').update(stdout, 'latin1').digest('hex')).toBe(
        createHash('sha256').update(input).digest('hex'),
      );
      expect(world.agent.lanes.map(({ heldBytes }) => heldBytes)).toEqual([0, 0]);
    });

    test('are stopped by a reader that stalls, and go on', async () => {
      const running = client.spawn(world.port, [place, 'yes | head -c 30000000']);
      running.child.stdout.pause();
      await stalled();
      // What waits is bounded: in the lane, in the gateway, in the socket.
      expect(world.agent.lanes[1]?.pendingBytes).toBeLessThan(1_000_000);
      expect(world.agent.sentBytes).toBeLessThan(6_000_000);
      running.child.stdout.resume();
      expect((await running.done).stdout).toHaveLength(30_000_000);
    });
  });

  describe('requests', () => {
    test('reach the agent as they are: terminal with modes, size, environment, signal', async () => {
      const running = client.spawn(world.port, ['-tt', '-o', 'SetEnv=ONE=1 TWO=zwei', place, 'echo $ONE $TWO; cat']);
      await running.says('1 zwei');
      running.child.kill('SIGWINCH');
      running.child.stdin.end();
      await running.done;
      const requests = world.agent.heard.flatMap(({ message }) => (message.type === 'request' ? [message] : []));
      const named = (name: string) => requests.find(({ request }) => request.name === name);
      expect(named('pty-req')).toMatchObject({ wantReply: true, request: { term: expect.any(String) } });
      // OpenSSH ends modes by 0 (RFC 4254, section 8).
      const terminal = named('pty-req')?.request;
      expect(terminal?.name === 'pty-req' && terminal.modes.at(-1)).toBe(0);
      expect(named('env')).toMatchObject({ wantReply: false, request: { variable: 'ONE', value: '1' } });
      expect(named('exec')).toMatchObject({ wantReply: true, request: { command: 'echo $ONE $TWO; cat' } });
    });

    test.each([
      ['-A', 'auth-agent-req@openssh.com'],
      ['-X', 'x11-req'],
    ])('%s asks for %s, and the refusal comes back', async (flag, name) => {
      process.env['DISPLAY'] = ':7';
      process.env['SSH_AUTH_SOCK'] = '/nonexistent';
      const done = await ssh([flag, 'echo goes on']);
      expect(done.stdout).toBe('goes on\n');
      if (flag === '-A') return;
      expect(world.agent.heard).toContainEqual(
        expect.objectContaining({ message: expect.objectContaining({ request: expect.objectContaining({ name }) }) }),
      );
    });

    test('sftp transfers files both ways', async () => {
      const [local, remote, back] = ['local', 'remote', 'back'].map((name) => join(client.folder, name));
      const content = randomBytes(3_000_000);
      writeFileSync(local as string, content);
      const args = ['-b', '-', ...client.options(world.port), place];
      const done = await client.run('sftp', args, `put ${local} ${remote}\nget ${remote} ${back}\n`);
      expect(done).toMatchObject({ status: 0 });
      expect(readFileSync(back as string).equals(content)).toBe(true);
    });

    test('scp in its old form transfers files', async () => {
      const [local, remote] = ['scp-local', 'scp-remote'].map((name) => join(client.folder, name));
      writeFileSync(local as string, 'content');
      const done = await client.run('scp', [
        '-O',
        ...client.options(world.port),
        local as string,
        `${place}:${remote}`,
      ]);
      expect(done).toMatchObject({ status: 0 });
      expect(readFileSync(remote as string, 'utf8')).toBe('content');
    });

    test('several sessions share a connection (ControlMaster)', async () => {
      const control = ['-o', `ControlPath=${join(client.folder, 'control')}`];
      const master = client.spawn(world.port, [...control, '-M', '-N', place]);
      await expect
        .poll(async () => (await ssh([...control, '-O', 'check'])).status, { timeout: 5000, interval: 100 })
        .toBe(0);
      const all = await Promise.all([1, 2, 3, 4, 5].map((n) => ssh([...control, `echo ${n}; exit ${n}`])));
      expect(all.map(({ status, stdout }) => [status, stdout])).toEqual([1, 2, 3, 4, 5].map((n) => [n, `${n}\n`]));
      expect(new Set(world.agent.opened.map(({ ssh: { connection } }) => connection))).toEqual(new Set([1]));
      expect(world.agent.opened).toHaveLength(6);
      master.child.kill();
      await master.done;
    });
  });

  describe('forwards', () => {
    const echo = createServer((socket) => socket.pipe(socket));
    let echoPort: number;
    beforeAll(async () => {
      echo.listen(0, '127.0.0.1');
      await once(echo, 'listening');
      echoPort = (echo.address() as AddressInfo).port;
    });
    afterAll(() => void echo.close());
    const talk = async (port: number, text: string): Promise<string> => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      let said = '';
      socket.on('data', (data) => {
        said += data.toString();
      });
      socket.end(text);
      await once(socket, 'close');
      return said;
    };

    test('-L leads to where the target reaches, with destination and origin in the OPEN', async () => {
      const port = await findFreePort();
      const running = client.spawn(world.port, ['-N', '-v', '-L', `127.0.0.1:${port}:127.0.0.1:${echoPort}`, place]);
      await running.says('Local forwarding listening');
      await expect.poll(() => talk(port, 'hello there'), { timeout: 5000 }).toBe('hello there');
      expect(world.agent.opened.at(-1)?.ssh).toMatchObject({
        type: 'direct-tcpip',
        destination: { host: '127.0.0.1', port: echoPort },
        origin: { host: '127.0.0.1', port: expect.any(Number) },
      });
      running.child.kill();
    });

    test('a destination that cannot be reached is an open failure with the reason', async () => {
      const closed = await findFreePort();
      const done = await client.run('ssh', [...client.options(world.port), '-W', `127.0.0.1:${closed}`, place]);
      expect(done.stderr).toContain('connect failed: connect ECONNREFUSED');
    });

    test('-W passes bytes', async () => {
      const done = await client.run(
        'ssh',
        [...client.options(world.port), '-W', `127.0.0.1:${echoPort}`, place],
        'abc',
      );
      expect(done).toMatchObject({ stdout: 'abc' });
    });

    test('-R gets the port that the target chose, and its connections', async () => {
      const running = client.spawn(world.port, ['-N', '-v', '-R', `0:127.0.0.1:${echoPort}`, place]);
      await running.says('Allocated port');
      const port = Number(/Allocated port (\d+)/.exec(running.stderr())?.[1]);
      expect(await talk(port, 'from the other side')).toBe('from the other side');
      expect(world.agent.opened.at(-1)?.ssh).toMatchObject({ type: 'forwarded-tcpip', incoming: 1 });
      running.child.kill();
    });

    test('a refused -R is a request failure', async () => {
      const done = await ssh(['-o', 'ExitOnForwardFailure=yes', '-R', '/tmp/weir-test.sock:127.0.0.1:1', 'true']);
      expect(done).toMatchObject({ status: 255, stderr: expect.stringContaining('remote port forwarding failed') });
    });
  });

  describe('keys are exchanged anew', () => {
    test('by the client, in the middle of bulk data both ways', async () => {
      const input = randomBytes(8 * 1024 * 1024);
      const { status, stdout, stderr } = await ssh(['-v', '-o', 'RekeyLimit=512K', 'cat'], input);
      expect({ status, length: stdout.length }).toEqual({ status: 0, length: input.length });
      expect(stderr.match(/SSH2_MSG_NEWKEYS sent/g)?.length).toBeGreaterThan(5);
    });

    test('by the gateway', async () => {
      const own = await startSshWorld({ limits: { rekey: { bytes: 512 * 1024, ms: 3_600_000 } } });
      const input = randomBytes(8 * 1024 * 1024);
      const { status, stdout, stderr } = await client.ssh(own.port, ['-v', 'cat'], input);
      expect({ status, length: stdout.length }).toEqual({ status: 0, length: input.length });
      expect(Buffer.from(stdout, 'latin1').equals(input)).toBe(true);
      expect(stderr.match(/SSH2_MSG_NEWKEYS sent/g)?.length).toBeGreaterThan(5);
      own.close();
    });
  });

  describe('an end that Weir makes', () => {
    const killed = new WeirError('session_ended', 'access was withdrawn');

    test('is told on stderr of the program, with exit status 254 or a disconnect, at once', async () => {
      const running = client.spawn(world.port, [place, 'echo runs; sleep 60']);
      await running.says('runs');
      const before = Date.now();
      world.live.cut('ses_1', killed);
      const { status, stderr } = await running.done;
      expect(stderr).toContain('weir: access was withdrawn\n');
      expect([254, 255]).toContain(status);
      expect(Date.now() - before).toBeLessThan(2000);
    });

    test('is told with CR LF in a terminal', async () => {
      const running = client.spawn(world.port, ['-tt', place, 'echo runs; sleep 60']);
      await running.says('runs');
      world.live.cut('ses_1', killed);
      expect((await running.done).stderr).toContain('weir: access was withdrawn\r\n');
    });

    test('reaches a client without a session by the disconnect', async () => {
      const running = client.spawn(world.port, ['-N', '-v', place]);
      await running.says('Entering interactive session');
      await expect.poll(() => world.live.has('ses_1')).toBe(true);
      world.live.cut('ses_1', killed);
      expect((await running.done).stderr).toMatch(/Received disconnect from .*: weir: access was withdrawn/);
    });

    test('when the agent is lost, with exit status 255', async () => {
      const running = client.spawn(world.port, [place, 'echo runs; sleep 60']);
      await running.says('runs');
      for (const lane of world.agent.lanes) lane.reset({ code: 'agent_unavailable', message: 'the agent was lost' });
      const { status, stderr } = await running.done;
      expect({ status, stderr }).toMatchObject({ status: 255, stderr: expect.stringContaining('the agent was lost') });
    });

    test('also while the client does not read', async () => {
      const running = client.spawn(world.port, [place, 'yes']);
      running.child.stdout.pause();
      await stalled();
      world.live.cut('ses_1', killed);
      await expect.poll(() => world.left.length, { timeout: 4000 }).toBe(1);
      running.child.kill('SIGKILL');
    });

    test('a target that cannot be reached disconnects a client that waits for nothing', async () => {
      world.agent.greeting = { type: 'open-failure', reason: 2, text: 'weir: the host box does not answer\n' };
      const running = client.spawn(world.port, ['-N', place]);
      expect((await running.done).stderr).toMatch(/disconnect from .*: weir: the host box does not answer/);
    });
  });

  describe('a pause', () => {
    test('holds input and output until it is over; a terminal is told', async () => {
      const running = client.spawn(world.port, ['-tt', place, 'echo runs; cat']);
      await running.says('runs');
      world.live.pause('ses_1', 'Paused: nobody watches.');
      await running.says('weir: Paused: nobody watches.\r\n');
      running.child.stdin.write('held\n');
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(running.stdout()).not.toContain('held');
      world.live.resume('ses_1', 'Goes on: bob watches.');
      await running.says('held');
      expect(running.stderr()).toContain('weir: Goes on: bob watches.\r\n');
      running.child.kill();
    });
  });

  describe('a sign-in', () => {
    test('that policy refuses shows the reason and ends', async () => {
      world.decide = (_visitor, attempt) =>
        attempt.method === 'publickey'
          ? refuseToOpen('You may not use box.')
          : { kind: 'refused', methods: ['publickey'] };
      const { status, stderr } = await ssh(['true']);
      expect(status).toBe(255);
      expect(stderr).toContain('weir: You may not use box.');
      expect(stderr).toContain('weir: No access names it.');
      expect(stderr).toContain('weir: Ask for access.');
      expect(world.refused).toEqual([expect.objectContaining({ what: 'sign-in', code: 'not_permitted' })]);
    });

    test('that fails says nothing and is audited once', async () => {
      world.decide = (_visitor, attempt) =>
        attempt.method === 'publickey' && attempt.proof === undefined
          ? { kind: 'sign' }
          : { kind: 'refused', methods: ['publickey'], code: 'wrong_password', reason: 'the key is unknown' };
      const { status, stderr } = await ssh(['true']);
      expect(status).toBe(255);
      expect(stderr).toContain('Permission denied (publickey)');
      expect(world.refused).toEqual([expect.objectContaining({ what: 'sign-in', message: 'the key is unknown' })]);
    });

    test('by a link shows it, and goes on when it is approved', async () => {
      let approve = (): void => undefined;
      const approved = new Promise<void>((resolve) => {
        approve = resolve;
      });
      const accepted = await world.decide({} as never, { method: 'password', password: 'open sesame' });
      world.decide = (_visitor, attempt) =>
        attempt.method === 'keyboard-interactive'
          ? {
              kind: 'ask',
              question: { name: '', instruction: 'Open https://weir.example/ssh/ABCD', prompts: [] },
              respond: async () => {
                await approved;
                return accepted;
              },
            }
          : { kind: 'refused', methods: ['keyboard-interactive'] };
      const running = client.spawn(world.port, [place, 'echo in'], ['-o', 'BatchMode=no']);
      await running.says('https://weir.example/ssh/ABCD');
      approve();
      expect(await running.done).toMatchObject({ status: 0, stdout: 'in\n' });
    });

    test('names the connection by + or #', async () => {
      for (const name of ['anna+box', 'anna#box', 'a+b+box', 'anna'])
        await client.run('ssh', [...client.options(world.port), `${name}@127.0.0.1`, 'true']);
      const named = new Set(world.attempts.map(({ visitor: { user, connection } }) => `${user} ${connection}`));
      expect(named).toEqual(new Set(['anna box', 'a+b box', 'anna null']));
    });
  });
});
