import { WeirError } from '@weir/errors';
import type { SshOpen } from '@weir/proto';
import type { Forward } from '@weir/wire-ssh';
import type { FactsOf, ProtocolRuntime, SessionChannel } from '../protocol-runtime.ts';
import type { SessionServices } from '../session-services.ts';
import { openSessionChannel } from '../targets/open-ssh-channel.ts';
import { type DialledSsh, dialSsh } from '../targets/ssh.ts';
import type { SshChannelParts } from './channel-ground.ts';
import { createConnectionChannel } from './connection-channel.ts';
import { createForwardChannel } from './forward-channel.ts';
import { createSshSessionChannel } from './session-channel.ts';
import { createUpstream, type Upstream } from './upstream.ts';

const testTimeoutMs = 10_000;

/** Creates what channels to SSH hosts share. */
export function createSshRuntime(services: SessionServices): ProtocolRuntime<SshOpen> {
  /** Connections to targets, by session and number of the client's connection: each lives as long as its channel of type `connection`. */
  const upstreams = new Map<string, Upstream>();
  const upstreamOf = (key: string): Upstream => {
    const known = upstreams.get(key);
    if (known !== undefined) return known;
    const made = createUpstream(services);
    upstreams.set(key, made);
    // A failed one is told to the channels that wait for it; what comes later may find another.
    made.settled(({ is }) => {
      if (is === 'failed' && upstreams.get(key) === made && !made.hasBegun) upstreams.delete(key);
    });
    return made;
  };
  const keyOf = ({ sessionId, ssh }: FactsOf<SshOpen>) => `${sessionId}/${ssh.connection}`;

  return {
    open(open, evaluator, lane, onClosed) {
      const key = keyOf(open);
      const upstream = upstreamOf(key);
      if (open.ssh.type === 'connection') {
        if (upstream.hasBegun) throw new WeirError('protocol_violation', 'this connection is open already');
        upstream.begin(open);
        const parts = { open, lane, evaluator, upstream, services };
        return createConnectionChannel({
          ...parts,
          onClosed() {
            if (upstreams.get(key) === upstream) upstreams.delete(key);
            onClosed();
          },
        });
      }
      return openIn({ open, lane, evaluator, upstream, services, onClosed });
    },
    sessionEnded: () => undefined,
    async test(target, onStep) {
      const dialled = await dialSsh(target, {
        secret: () => services.resolvePassword(target.secret, 'test'),
        ...{ sshKey: services.sshKey, timeoutMs: testTimeoutMs, now: services.now, onStep },
      });
      try {
        await tryChannel(dialled);
        onStep({ name: 'channel', ok: true, detail: dialled.serverVersion });
      } finally {
        dialled.close();
      }
    },
    close() {
      for (const upstream of upstreams.values()) upstream.close();
      upstreams.clear();
    },
  };
}

/** @throws WeirError when the channel is not one that the connection has */
function openIn(parts: SshChannelParts): SessionChannel {
  const { ssh } = parts.open;
  switch (ssh.type) {
    case 'session':
      return createSshSessionChannel(parts);
    case 'direct-tcpip':
    case 'direct-streamlocal@openssh.com':
      return createForwardChannel(parts, outgoing(ssh), null);
    default: {
      const incoming = ssh.incoming === undefined ? undefined : parts.upstream.takeIncoming(ssh.incoming);
      if (incoming === undefined || incoming.type !== ssh.type)
        throw new WeirError('target_unavailable', 'the host has not opened this channel');
      const { destIP: host = '', destPort: port = 0, srcIP = '', srcPort = 0, socketPath: path = '' } = incoming.data;
      const origin = { host: srcIP, port: srcPort };
      const isListening = false;
      const forwards = {
        'forwarded-tcpip': { kind: 'forwarded-tcpip', isListening, destination: { host, port }, origin },
        'forwarded-streamlocal@openssh.com': { kind: 'forwarded-streamlocal', isListening, destination: { path } },
        'auth-agent@openssh.com': { kind: 'incoming-auth-agent' },
        x11: { kind: 'incoming-x11', origin },
      } as const satisfies Record<string, Forward>;
      if (ssh.type === 'connection') throw new WeirError('internal', 'a connection is no channel');
      return createForwardChannel(parts, forwards[ssh.type], incoming);
    }
  }
}

function outgoing({ destination, origin }: SshOpen['ssh']): Forward {
  if (destination === undefined) throw new WeirError('protocol_violation', 'the forward leads nowhere');
  return 'path' in destination
    ? { kind: 'direct-streamlocal', destination }
    : { kind: 'direct-tcpip', destination, origin: origin ?? null };
}

function tryChannel({ client }: DialledSsh): Promise<void> {
  return new Promise((resolve, reject) => {
    openSessionChannel(
      client,
      () => undefined,
      (channel, refused) => {
        channel?.close();
        if (refused === null) resolve();
        else reject(new WeirError('target_unavailable', `the host opens no session: ${refused.text}`));
      },
    );
  });
}
