import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { SshTarget } from '@weir/proto';
import { fingerprintOf, lengthAnd, parseKeyLine, uint32 } from '@weir/ssh-certificate';
import { createSshKey, createTemporaryFolder, type SshServer, startSshServer } from '@weir/testkit';
import { openSshLane } from '@weir/testkit/lane';
import { encodeGlobalRequest, encodeMessage } from '@weir/wire-ssh';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSshLane, openSshPolicy, type SshLane, sshPlanOf } from './fixture/ssh-lane.ts';

openSshLane()('channels to an SSH host', () => {
  const folder = createTemporaryFolder('weir-ssh-channels');
  let server: SshServer;
  let lane: SshLane;
  let target: SshTarget;

  beforeAll(async () => {
    const key = await createSshKey(folder.path, 'key');
    server = await startSshServer({ authorizedKeys: [key.publicKey] });
    target = {
      ...{ protocol: 'ssh', host: server.host, port: server.port, user: server.user, auth: 'private-key' },
      ...{ secret: { from: 'none' }, jumps: [], keepaliveSeconds: 30 },
      hostKeys: [fingerprintOf(parseKeyLine(server.hostKey).key)],
    };
    lane = createSshLane(target, openSshPolicy, { secret: readFileSync(key.path, 'utf8') });
  });
  afterAll(async () => {
    lane?.close();
    await server?.stop();
    folder.remove();
  });

  const connected = async () => {
    const connection = lane.open({ type: 'connection' });
    await connection.until(() => connection.messages.length > 0);
    expect(connection.messages[0]).toMatchObject({ type: 'open-confirmation' });
    return connection;
  };
  const run = async (command: string, input?: string) => {
    const channel = lane.open({ type: 'session' });
    channel.request({ name: 'exec', command });
    if (input !== undefined) channel.data(input);
    channel.eof();
    return { channel, status: await channel.exit() };
  };

  it('runs a command: output, errors, exit status and evidence in front of what the client gets', async () => {
    const connection = await connected();
    const { channel, status } = await run('cat; echo oops >&2; exit 7', 'hello');
    expect([channel.stdout(), channel.stderr(), status]).toEqual(['hello', 'oops\n', 7]);
    expect(channel.events.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['channel-opened', 'statement', 'output', 'output', 'exit', 'channel-closed']),
    );
    const sha256 = createHash('sha256').update('hello').digest('hex');
    expect(channel.events.find(({ event }) => event === 'exit')).toMatchObject({
      ...{ statement: 1, status: 7, signal: null, stdinBytes: 5, stdoutBytes: 5, stderrBytes: 5 },
      ...{ stdoutSha256: sha256, isWhole: true },
    });
    const output = channel.order.indexOf(channel.order.find((line) => line.endsWith(' output')) ?? '');
    const data = channel.order.findIndex((line) => line.startsWith('message data'));
    expect(output).toBeLessThan(data);
    connection.close();
    expect(await connection.ended).toBeUndefined();
  });

  it('gives a shell its terminal, its size and its changes, and records all that is shown', async () => {
    const connection = await connected();
    const channel = lane.open({ type: 'session' });
    const size = { widthPixels: 0, heightPixels: 0 };
    channel.request({ name: 'pty-req', term: 'xterm', columns: 81, rows: 25, ...size, modes: Buffer.of(0) });
    channel.request({ name: 'env', variable: 'LC_WEIR', value: 'from-client' });
    channel.request({ name: 'shell' });
    channel.data('PS1=; stty size; echo $LC_WEIR\r');
    await channel.until(() => channel.stdout().includes('25 81') && channel.stdout().includes('from-client\r\n'));
    channel.request({ name: 'window-change', columns: 100, rows: 30, ...size }, false);
    channel.data('stty size; exit 3\r');
    expect(await channel.exit()).toBe(3);
    expect(channel.stdout()).toContain('30 100');
    const shown = channel.events.filter(({ event }) => event === 'output').map(({ text }) => text);
    expect(shown.join('')).toBe(channel.stdout());
    expect(channel.events).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ event: 'terminal', term: 'xterm', columns: 81, rows: 25 }),
        expect.objectContaining({ event: 'resize', columns: 100, rows: 30 }),
        expect.objectContaining({ event: 'exit', status: 3, stdoutSha256: null, isWhole: true }),
      ]),
    );
    connection.close();
  });

  const shell = async (policy: string) => {
    const channel = lane.open({ type: 'session' }, { policy });
    const size = { columns: 80, rows: 24, widthPixels: 0, heightPixels: 0 };
    channel.request({ name: 'pty-req', term: 'xterm', ...size, modes: Buffer.of(0) });
    channel.request({ name: 'shell' });
    channel.data("PS1='pro''mpt> '\r");
    await channel.until(() => channel.stdout().includes('prompt> '));
    return channel;
  };

  it('records what is typed as policy says, and never what was not echoed', async () => {
    const connection = await connected();
    const channel = await shell(openSshPolicy);
    channel.data('echo visible-word\r');
    await channel.until(() => channel.stdout().split('visible-word').length > 2);
    channel.data('stty -echo; printf "Password: "; read secret; stty echo; echo; echo got $secret | wc -c\r');
    await channel.until(() => /[\r\n]Password: /.test(channel.stdout()));
    channel.data('hunter2!\r');
    await channel.until(() => /[\r\n]13\r/.test(channel.stdout()));
    channel.data('exit\r');
    await channel.exit();
    const typed = channel.events.filter(({ event }) => event === 'input').map(({ text }) => String(text));
    expect(typed.join('')).toContain('echo visible-word');
    expect(JSON.stringify(channel.events)).not.toContain('hunter2');
    connection.close();
  });

  it('keeps a line from running that a rule about input denies, as far as it is seen', async () => {
    const connection = await connected();
    const channel = await shell(`${openSshPolicy}---
apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: no-shutdown }
spec: { match: { kinds: [input], ssh: { programs: [touch] } }, action: deny, reason: no traces }
`);
    channel.data(`touch ${folder.path}/forbidden\r`);
    await channel.until(() => channel.stderr().includes('no traces'));
    channel.data('echo still here\r');
    await channel.until(() => channel.stdout().split('still here').length > 2);
    expect(existsSync(`${folder.path}/forbidden`)).toBe(false);
    channel.data('exit\r');
    await channel.exit();
    connection.close();
  });

  it('holds a shell that is open to the rules of now', async () => {
    const connection = await connected();
    const channel = await shell(openSshPolicy);
    const plan = sshPlanOf(`${openSshPolicy}---
apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: no-touch }
spec: { match: { kinds: [input], ssh: { programs: [touch] } }, action: deny, reason: no traces }
---
apiVersion: weir.dev/v1
kind: Masking
metadata: { name: emails }
spec: { output: [terminal, exec], detect: [email] }
`);
    lane.runtime.replacePlan('ses_1', Buffer.from(JSON.stringify(plan)));
    channel.data(`touch ${folder.path}/too-late\r`);
    await channel.until(() => channel.stderr().includes('no traces'));
    channel.data("printf 'to dora@%s now\\n' example.com\r");
    await channel.until(() => / now\r?\n/.test(channel.stdout().split('to ').at(-1) ?? ''));
    expect(channel.stdout()).not.toContain('dora@example.com');
    expect(existsSync(`${folder.path}/too-late`)).toBe(false);
    channel.data('exit\r');
    await channel.exit();
    connection.close();
  });

  it('masks what detectors find in a terminal and in a command, across chunks', async () => {
    const connection = await connected();
    const policy = `${openSshPolicy}---
apiVersion: weir.dev/v1
kind: Masking
metadata: { name: emails }
spec: { output: [terminal, exec], detect: [email] }
`;
    const command = 'printf "mail alice@exa"; sleep 0.1; echo "mple.com now"; echo bob@example.com >&2';
    const exec = lane.open({ type: 'session' }, { policy });
    exec.request({ name: 'exec', command });
    expect(await exec.exit()).toBe(0);
    expect([exec.stdout(), exec.stderr()]).toEqual(['mail [email] now\n', '[email]\n']);
    const terminal = await shell(policy);
    terminal.data("printf 'to carol@%s now\\n' example.com\r");
    await terminal.until(() => / now\r?\n/.test(terminal.stdout().split('to ').at(-1) ?? ''));
    expect(terminal.stdout()).not.toContain('carol@example.com');
    terminal.data('exit\r');
    await terminal.exit();
    const shown = [...exec.events, ...terminal.events].filter(({ event }) => event === 'output');
    expect(JSON.stringify(shown)).not.toMatch(/alice@example|bob@example|carol@example/);
    connection.close();
  });

  it('tells a signal that ended a command', async () => {
    const connection = await connected();
    const { channel } = await run('kill -TERM $$');
    const ends = channel.messages.filter((message) => message.type === 'request').map(({ request }) => request);
    expect(ends).toEqual([expect.objectContaining({ name: 'exit-signal', signal: 'TERM' })]);
    connection.close();
  });

  it('passes 50 MB each way whole, and records the first of it', async () => {
    const connection = await connected();
    const { channel, status } = await run('head -c 50000000 /dev/zero | tr "\\0" x');
    expect([status, channel.outBytes()]).toEqual([0, 50_000_000]);
    const recorded = channel.events.filter(({ event }) => event === 'output').map(({ text }) => String(text));
    expect(recorded.join('')).toBe('x'.repeat(4096));
    const sha256 = createHash('sha256').update('x'.repeat(50_000_000)).digest('hex');
    expect(channel.events.find(({ event }) => event === 'exit')).toMatchObject({
      ...{ stdoutBytes: 50_000_000, stdoutSha256: sha256, isWhole: false },
    });
    connection.close();
  });

  it('reads no more from the target than its window while the client takes nothing', async () => {
    const connection = await connected();
    const channel = lane.open({ type: 'session' });
    channel.stall(true);
    channel.request({ name: 'exec', command: 'head -c 30000000 /dev/zero; echo done >&2' });
    await channel.until(() => channel.outBytes() > 0);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = process.memoryUsage().arrayBuffers;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(3_000_000);
    expect(channel.outBytes()).toBeLessThan(2_000_000);
    channel.stall(false);
    expect([await channel.exit(), channel.outBytes(), channel.stderr()]).toEqual([0, 30_000_000, 'done\n']);
    connection.close();
  });

  it('denies with the reason on stderr and status 254, and asks nobody at the target', async () => {
    const connection = await connected();
    const policy = `${openSshPolicy}---
apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: no-rm }
spec: { match: { ssh: { programs: [rm] } }, action: deny, reason: files stay }
`;
    const channel = lane.open({ type: 'session' }, { policy });
    channel.request({ name: 'exec', command: 'rm -rf /nowhere' });
    expect(await channel.exit()).toBe(254);
    expect(channel.stderr()).toMatch(/^weir: .*files stay/);
    connection.close();
  });

  it('waits for an approval, and says so', async () => {
    const connection = await connected();
    const policy = `${openSshPolicy}---
apiVersion: weir.dev/v1
kind: Guardrail
metadata: { name: second-person }
spec: { match: { ssh: { programs: [uname] } }, action: require-approval, approval: { approvers: { groups: [leads] } }, reason: look first }
`;
    const channel = lane.open({ type: 'session' }, { policy });
    channel.request({ name: 'exec', command: 'uname; cat' });
    channel.data('typed early');
    channel.eof();
    await channel.until(() => channel.asks.length > 0);
    channel.decide({ state: 'approved' });
    expect(await channel.exit()).toBe(0);
    expect(channel.stdout()).toBe('Linux\ntyped early');
    connection.close();
  });

  it('ends what runs when the session is killed, with the reason', async () => {
    const connection = await connected();
    const channel = lane.open({ type: 'session' });
    channel.request({ name: 'exec', command: 'echo here; sleep 30' });
    await channel.until(() => channel.stdout() === 'here\n');
    lane.runtime.kill('ses_1', 'the grant has ended');
    expect(await channel.exit()).toBe(254);
    expect(channel.stderr()).toContain('the grant has ended');
    await connection.until(() => connection.messages.some(({ type }) => type === 'disconnect'));
  });

  it('tells the client why when the target is lost', async () => {
    const connection = await connected();
    const channel = lane.open({ type: 'session' });
    channel.request({ name: 'exec', command: 'echo here; sleep 30' });
    await channel.until(() => channel.stdout() === 'here\n');
    server.dropConnections();
    expect(await channel.exit()).toBe(255);
    expect(channel.stderr()).toMatch(/^weir: the connection to .* was lost/);
    await connection.until(() => connection.messages.some(({ type }) => type === 'disconnect'));
  });

  it('lets a channel wait for its connection', async () => {
    const channel = lane.open({ type: 'session', connection: 7 });
    channel.request({ name: 'exec', command: 'echo late' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const connection = lane.open({ type: 'connection', connection: 7 });
    expect([await channel.exit(), channel.stdout()]).toEqual([0, 'late\n']);
    connection.close();
  });

  it('refuses channels of a connection that could not be made, with the reason', async () => {
    lane.target = { ...target, hostKeys: [] };
    const connection = lane.open({ type: 'connection' });
    const channel = lane.open({ type: 'session' });
    channel.request({ name: 'exec', command: 'true' });
    expect(await channel.exit()).toBe(255);
    expect(channel.stderr()).toMatch(/^weir: the host key of .* is not known yet: SHA256:/);
    await connection.until(() => connection.messages.length > 0);
    expect(connection.events).toContainEqual(expect.objectContaining({ event: 'note', code: 'host-key-unknown' }));
    lane.target = target;
  });

  it('forwards to a port that the target reaches, and records how much', async () => {
    const connection = await connected();
    const { port, host } = target;
    const forward = lane.open({
      type: 'direct-tcpip',
      destination: { host, port },
      origin: { host: '10.0.0.1', port: 5 },
    });
    await forward.until(() => forward.stdout().includes('\n'));
    expect(forward.stdout()).toMatch(/^SSH-2.0-OpenSSH/);
    forward.close();
    await forward.ended;
    expect(forward.events).toContainEqual(
      expect.objectContaining({ event: 'forward', destination: `${host}:${port}`, bytesDown: forward.outBytes() }),
    );
    const nowhere = lane.open({ type: 'direct-tcpip', destination: { host, port: 1 } });
    await nowhere.until(() => nowhere.messages.length > 0);
    expect(nowhere.messages[0]).toMatchObject({ type: 'open-failure', reason: 2 });
    connection.close();
  });

  it('lets the target listen and passes what arrives there', async () => {
    const connection = await connected();
    const listen = { name: 'tcpip-forward', host: '127.0.0.1', port: 0 } as const;
    connection.lane.write(encodeGlobalRequest(listen, true));
    await connection.until(() => connection.messages.some(({ type }) => type === 'request-success'));
    const answer = connection.messages.find((message) => message.type === 'request-success');
    const socket = connect(answer?.port ?? 0, '127.0.0.1');
    socket.end('ping');
    await connection.until(() => connection.messages.some(({ type }) => type === 'open'));
    const open = connection.messages.find((message) => message.type === 'open');
    const incoming = lane.open({ type: 'forwarded-tcpip', incoming: open?.number ?? 0 });
    await incoming.until(() => incoming.messages.length > 0);
    incoming.lane.write(encodeMessage({ type: 'open-confirmation' }));
    await incoming.until(() => incoming.stdout() === 'ping');
    incoming.data('pong');
    incoming.eof();
    const heard = await new Promise((resolve) => socket.on('data', (bytes) => resolve(bytes.toString())));
    expect(heard).toBe('pong');
    connection.close();
  });

  it('speaks sftp file by file, with hashes', async () => {
    const connection = await connected();
    const channel = lane.open({ type: 'session' });
    channel.request({ name: 'subsystem', subsystem: 'sftp' });
    const packet = (type: number, ...fields: Buffer[]) => {
      const body = Buffer.concat([Buffer.of(type), ...fields]);
      return Buffer.concat([uint32(body.length), body]);
    };
    const path = `${folder.path}/upload.txt`;
    const content = Buffer.from('some content');
    channel.data(packet(1, uint32(3)));
    await channel.until(() => channel.outBytes() > 0);
    channel.data(packet(3, uint32(1), lengthAnd(path), uint32(0x1a), uint32(0)));
    await channel.until(() => channel.messages.filter(({ type }) => type === 'data').length > 1);
    const bytes = channel.messages.flatMap((message) => (message.type === 'data' ? [message.bytes] : []));
    const stream = Buffer.concat(bytes);
    const second = stream.subarray(4 + stream.readUInt32BE(0));
    expect(second[4]).toBe(102);
    const handle = second.subarray(13, 13 + second.readUInt32BE(9));
    channel.data(packet(6, uint32(2), lengthAnd(handle), uint32(0), uint32(0), lengthAnd(content)));
    channel.data(packet(4, uint32(3), lengthAnd(handle)));
    await channel.until(() => channel.events.some(({ event }) => event === 'file'));
    expect(channel.events.find(({ event }) => event === 'file')).toMatchObject({
      ...{ operation: 'write', path, bytes: content.length, isWhole: true, error: null },
      sha256: createHash('sha256').update(content).digest('hex'),
    });
    expect(readFileSync(path, 'utf8')).toBe('some content');
    channel.close();
    connection.close();
  });
});
