import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { SshTarget } from '@weir/proto';
import { fingerprintOf, parseKeyLine } from '@weir/ssh-certificate';
import { createSshKey, createTemporaryFolder, type SshServer, startSshServer } from '@weir/testkit';
import { openSshLane } from '@weir/testkit/lane';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSshLane, openSshPolicy, type SshLane } from './fixture/ssh-lane.ts';

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
});
