import { WeirError } from '@weir/errors';
import type { SshOpen, SshTarget } from '@weir/proto';
import { encodeGlobalRequest, FieldReader, type IncomingChannel, messageNumber, openFailure } from '@weir/wire-ssh';
import { type ChannelGround, openChannel } from '../open-channel.ts';
import type { LiveSession } from '../ports.ts';
import { type ClientSide, createRelay, type RelayEnd } from '../relay.ts';
import { channelHead, connectionNumber, openFailureMessage, pong } from './channel-message.ts';
import { channelOpeningMessage, readChannelOpening } from './channel-opening.ts';
import { type ClientChannel, createClientChannel, type RemoteEnd } from './client-channel.ts';
import { createConnectionSide } from './connection-side.ts';
import { createGlobalReplies, maxWaitingReplies } from './global-replies.ts';
import type { SshTransport } from './transport.ts';

/** What the connection of a client that has signed in stands on. */
export interface ConnectionParts {
  readonly transport: SshTransport;
  readonly ground: ChannelGround;
  readonly session: LiveSession;
  readonly target: SshTarget;
  readonly clientAddress: string;
  /** Number of the connection in its session, from 1. */
  readonly number: number;
  /** The client is gone and the agent has said its last of all channels. */
  onEnded(reason: string): void;
}

/** The SSH connection of one client (RFC 4254): its channels and global requests. */
export interface SshConnection {
  /** A message of the client. @throws WeirError protocol_violation. */
  receive(payload: Buffer): void;
  /** The transport has room again. */
  pump(): void;
  /** The client is gone. */
  gone(reason: string): void;
}

/** Bytes of each output stream of a command without a terminal that are recorded. */
const recordedStreamBytes = 1024 * 1024;
/** Channels that a client may have at once. */
const maxChannels = 256;
/** How long the agent may take for its last records when the client has gone. */
const lastRecordsMs = 5_000;
/** How long a connection that ends waits until its client has read why in its channels and has closed them. */
const farewellMs = 1_000;
/** How often a silent client is asked whether it is there, and how often it may not answer. */
const keepalive = { everyMs: 30_000, maxMissed: 3 };
const smallestPacketBytes = 1;
/** Global requests that are about the connection to the gateway itself. */
const ownRequests: ReadonlySet<string> = new Set([
  'keepalive@openssh.com',
  'no-more-sessions@openssh.com',
  'hostkeys-prove-00@openssh.com',
]);
const keepaliveRequest = encodeGlobalRequest({ name: 'keepalive@openssh.com' }, true).subarray(4);
const violation = (why: string) => new WeirError('protocol_violation', why);

/** Opens the `connection` channel at the agent and serves the client's. */
export function createSshConnection(parts: ConnectionParts): SshConnection {
  const { transport, ground, session, target, clientAddress } = parts;
  const channels = new Map<number, ClientChannel>();
  const replies = createGlobalReplies((payload) => transport.send(payload));
  let nextLocal = 0;
  let noMoreSessions = false;
  let waitingReplies = 0;
  let isGone = false;
  /** Lane channels whose agent has not ended, the connection's own included. */
  let atAgent = 1;
  let goneReason = '';
  let farewell: { readonly reason: number; readonly text: string } | undefined;
  let heard = true;
  let missed = 0;

  const settle = () => {
    if (!isGone || atAgent > 0) return;
    clearTimeout(lastRecords);
    lastRecords = undefined;
    parts.onEnded(goneReason);
  };
  let lastRecords: NodeJS.Timeout | undefined;
  const agentDone = () => {
    atAgent -= 1;
    if (atAgent === 0) settle();
  };
  /** The target is gone: channels say so first, each in its own way. */
  const sayFarewell = (reason: number, text: string) => {
    if (farewell !== undefined) return;
    farewell = { reason, text };
    setTimeout(() => transport.disconnect(reason, text), farewellMs).unref();
    leaveWhenQuiet();
  };
  const leaveWhenQuiet = () => {
    if (farewell === undefined || channels.size > 0) return;
    const { reason, text } = farewell;
    // The client learns of its last channel's end before that of the connection.
    setTimeout(() => transport.disconnect(reason, text), 200).unref();
  };

  const openOf = (ssh: Pick<SshOpen['ssh'], 'type' | 'destination' | 'origin' | 'incoming'>): SshOpen['ssh'] => ({
    connection: parts.number,
    clientVersion: transport.clientVersion,
    ...ssh,
  });
  const openLane = (
    ssh: Parameters<typeof openOf>[0],
    createSide: (end: RelayEnd) => ClientSide,
    needsSecret = false,
  ) => {
    openChannel(ground, {
      // Rules may have changed since the connection began.
      session: ground.controlPlane.current(session.id) ?? session,
      ...{ target, clientAddress, needsSecret },
      createRelay: (relayParts) => createRelay(relayParts, createSide),
      contentOf: (basis, sealed) => ({
        ...{ ...basis, target: sealed, ssh: openOf(ssh) },
        recording: { ...basis.recording, maxBytes: recordedStreamBytes },
      }),
    });
  };

  const addChannel = (
    remote: RemoteEnd | null,
    ssh: Parameters<typeof openOf>[0],
    askClient: (local: number) => void,
  ): ClientChannel => {
    const local = nextLocal;
    nextLocal = (nextLocal + 1) >>> 0;
    atAgent += 1;
    const channel = createClientChannel({
      ...{ transport, local, remote, isSession: ssh.type === 'session' },
      askClient: () => askClient(local),
      onFreed: () => {
        channels.delete(local);
        leaveWhenQuiet();
      },
      onAgentDone: agentDone,
    });
    channels.set(local, channel);
    openLane(ssh, channel.createSide);
    return channel;
  };

  const openForClient = (payload: Buffer) => {
    const { sender, window, maxPacketBytes, wish, type } = readChannelOpening(payload);
    const refuse = (reason: number, text: string) => transport.send(openFailureMessage(sender, reason, text));
    if (wish === null) return refuse(openFailure.unknownType, `weir: channels of type ${type} are not known`);
    if (channels.size >= maxChannels) return refuse(openFailure.resourceShortage, 'weir: too many channels');
    if (wish.type === 'session' && noMoreSessions)
      return refuse(openFailure.prohibited, 'weir: the client asked for no more sessions');
    if (maxPacketBytes < smallestPacketBytes) return refuse(openFailure.prohibited, 'weir: the packets are too small');
    if (farewell !== undefined || ground.controlPlane.current(session.id) === null)
      return refuse(openFailure.prohibited, farewell?.text ?? 'weir: the session has ended');
    const remote = { channel: sender, window, maxPacketBytes: Math.min(maxPacketBytes, 32_768) };
    const channel = addChannel(remote, wish, () => undefined);
    // What a session may do is judged by its requests; a forward is judged before it is open.
    if (wish.type === 'session') channel.confirm();
  };
  const openForTarget = (number: number, channel: IncomingChannel) => {
    const isTooMany = channels.size >= maxChannels;
    const added = addChannel(null, { type: channel.type, incoming: number }, (local) =>
      transport.send(channelOpeningMessage(channel, local)),
    );
    // The agent hears of it by the end of the lane channel.
    if (isTooMany) added.gone('too many channels');
  };

  const own = createConnectionSide({
    openForTarget,
    sayFarewell,
    onTargetFailed(message) {
      const user = session.principal.name;
      const detail = { code: 'target_unavailable', message, sessionId: session.id };
      ground.controlPlane.refused({ what: 'target', user, clientAddress, ...detail });
    },
    answer(isSuccess, port) {
      waitingReplies -= 1;
      replies.answer(isSuccess, port);
    },
    onAgentDone: agentDone,
  });
  openLane({ type: 'connection' }, own.createSide, true);

  const globalRequest = (payload: Buffer) => {
    const fields = new FieldReader(payload, 1);
    const type = fields.text();
    const wantsReply = fields.boolean();
    if (type === 'no-more-sessions@openssh.com') noMoreSessions = true;
    if (ownRequests.has(type)) {
      // As sshd does: any answer shows that the connection lives.
      if (wantsReply) replies.own(false);
      return;
    }
    if (wantsReply) {
      waitingReplies += 1;
      if (waitingReplies > maxWaitingReplies) throw violation('too many global requests');
      replies.expect();
    }
    if (!own.send(payload)) throw violation('too many global requests');
  };
  const channelOf = (payload: Buffer): ClientChannel | undefined =>
    payload.length < 5 ? undefined : channels.get(payload.readUInt32BE(1));

  const clock = setInterval(() => {
    if (heard) missed = 0;
    else missed += 1;
    if (missed > keepalive.maxMissed) return transport.destroy('the client does not answer');
    if (!heard) transport.send(keepaliveRequest);
    heard = false;
  }, keepalive.everyMs);
  clock.unref();

  return {
    receive(payload) {
      heard = true;
      const number = payload[0] ?? 0;
      if (number >= connectionNumber.windowAdjust && number <= messageNumber.channelFailure) {
        // Of a channel that both ends have closed something may still be on its way.
        const channel = channelOf(payload);
        if (channel !== undefined && !channel.receive(payload))
          throw violation('a message in a channel is malformed, or comes without room for it');
        return;
      }
      switch (number) {
        case messageNumber.globalRequest:
          return globalRequest(payload);
        case messageNumber.channelOpen:
          return openForClient(payload);
        case messageNumber.channelOpenConfirmation: {
          if (payload.length < 17) throw violation('a message is too short');
          const [channel, window, maxPacketBytes] = [5, 9, 13].map((at) => payload.readUInt32BE(at)) as [
            number,
            number,
            number,
          ];
          const asked = channelOf(payload);
          // The agent has given it up meanwhile.
          if (asked === undefined) return transport.send(channelHead(messageNumber.channelClose, channel));
          return asked.opened({ channel, window, maxPacketBytes: Math.min(maxPacketBytes, 32_768) });
        }
        case messageNumber.channelOpenFailure: {
          const fields = new FieldReader(payload, 5);
          return channelOf(payload)?.refused(fields.uint32(), fields.text());
        }
        case connectionNumber.ping:
          return transport.send(pong(payload));
        case messageNumber.requestSuccess:
        case messageNumber.requestFailure:
          // Our keepalive is the only request that the client answers.
          return;
        default:
          transport.unimplemented();
      }
    },
    pump() {
      for (const channel of [...channels.values()]) channel.pump();
    },
    gone(reason) {
      if (isGone) return;
      isGone = true;
      goneReason = reason;
      clearInterval(clock);
      for (const channel of [...channels.values()]) channel.gone(reason);
      own.gone(reason);
      lastRecords = setTimeout(() => {
        atAgent = 0;
        settle();
      }, lastRecordsMs);
      settle();
    },
  };
}
