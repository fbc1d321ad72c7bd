import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { SshTarget } from '@weir/proto';
import { fingerprintOf, parseKeyLine } from '@weir/ssh-certificate';
import { createSshKey, createTemporaryFolder, type SshServer, startSshServer } from '@weir/testkit';
import { openSshLane } from '@weir/testkit/lane';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openForwardChannel, openSessionChannel, startProgram } from '../src/targets/open-ssh-channel.ts';
import { type DialledSsh, dialSsh } from '../src/targets/ssh.ts';
import { TargetChannel, type TargetChannelEvent } from '../src/targets/ssh-channel.ts';
import { passEndOfWrite, protocolOf } from '../src/targets/ssh2-internals.ts';

describe('ssh2', () => {
  it('has the version whose internals are used', () => {
    const { version } = createRequire(import.meta.url)('ssh2/package.json') as { version: string };
    expect(version).toBe('1.17.0');
  });
});

openSshLane()('channels of our own on a connection of ssh2', () => {
  const folder = createTemporaryFolder('weir-ssh2');
  let server: SshServer;
  let dialled: DialledSsh;

  beforeAll(async () => {
    const key = await createSshKey(folder.path, 'key');
    // A new key exchange after each megabyte.
    server = await startSshServer({ authorizedKeys: [key.publicKey], settings: ['RekeyLimit 1M'] });
    const target: SshTarget = {
      ...{ protocol: 'ssh', host: server.host, port: server.port, user: server.user, auth: 'private-key' },
      ...{ secret: { from: 'none' }, jumps: [], keepaliveSeconds: 1 },
      hostKeys: [fingerprintOf(parseKeyLine(server.hostKey).key)],
    };
    const secret = async () => readFileSync(key.path, 'utf8');
    dialled = await dialSsh(target, { secret, sshKey: undefined as never, timeoutMs: 5000, now: Date.now });
  });
  afterAll(async () => {
    dialled?.close();
    await server?.stop();
    folder.remove();
  });

  const run = async (
    command: string,
    each: (event: TargetChannelEvent, channel: TargetChannel) => void = () => undefined,
  ) => {
    const events: TargetChannelEvent[] = [];
    let channel: TargetChannel | undefined;
    const closed = new Promise<void>((resolve) => {
      openSessionChannel(
        dialled.client,
        (event) => {
          events.push(event);
          each(event, channel as TargetChannel);
          if (event.type === 'close') resolve();
        },
        (opened) => {
          channel = opened as TargetChannel;
          const request = { kind: 'exec', command, terminal: false } as const;
          const start = { request, terminal: null, environment: [], forwardsAgent: false, x11: null };
          startProgram(channel, start, (why) => expect(why).toBeNull());
        },
      );
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    return { events, closed, channel: channel as TargetChannel };
  };
  const bytesOf = (events: readonly TargetChannelEvent[]) =>
    Buffer.concat(events.flatMap((event) => (event.type === 'data' ? [event.bytes] : [])));

  it('keep their data whole through many key exchanges, both ways', async () => {
    const sent = Buffer.alloc(12_000_000, 'abcdefgh');
    const { events, closed, channel } = await run('cat');
    for (let at = 0; at < sent.length; at += 100_000) {
      if (!channel.write(sent.subarray(at, at + 100_000)))
        await new Promise<void>((resolve) => {
          channel.onDrain = resolve;
        });
    }
    channel.eof();
    await closed;
    expect(bytesOf(events).equals(sent)).toBe(true);
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['exit-status', 'eof']));
    expect(events.at(-1)).toEqual({ type: 'close' });
  });

  it('keep everything in order while they are paused again and again', async () => {
    const { events, closed, channel } = await run('head -c 3000000 /dev/zero; exit 4', (event, paused) => {
      if (event.type !== 'data') return;
      paused.pause();
      setTimeout(() => paused.resume(), 1);
    });
    await closed;
    expect(channel.incoming.state).toBe('closed');
    expect(bytesOf(events)).toHaveLength(3_000_000);
    expect(events).toContainEqual({ type: 'exit-status', status: 4 });
    expect(events.slice(-2).map(({ type }) => type)).toEqual(expect.arrayContaining(['close']));
  });

  it('hear that a program reads no more, which ssh2 drops', async () => {
    const { events, closed, channel } = await run('cat');
    passEndOfWrite(dialled.client);
    const { _handlers } = protocolOf(dialled.client);
    const arrived = _handlers['CHANNEL_REQUEST'] as unknown as (...fields: unknown[]) => void;
    arrived(protocolOf(dialled.client), channel.incoming.id, 'eow@openssh.com', false, Buffer.alloc(0));
    channel.eof();
    await closed;
    expect(events.map(({ type }) => type)).toContain('eow');
  });

  it('tell why a forward failed', async () => {
    const refused = await new Promise((resolve) => {
      const to = { host: '127.0.0.1', port: 1, origin: { host: '127.0.0.1', port: 2 } };
      openForwardChannel(
        dialled.client,
        to,
        () => undefined,
        (_channel, why) => resolve(why),
      );
    });
    expect(refused).toEqual({ reason: 2, text: 'Connection refused' });
  });
});
