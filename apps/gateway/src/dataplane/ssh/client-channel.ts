import type { WeirError } from '@weir/errors';
import {
  createMessageReader,
  encodeMessage,
  extendedDataStderr,
  messageNumber,
  openFailure,
  type SshMessage,
} from '@weir/wire-ssh';
import type { ClientSide, RelayEnd } from '../relay.ts';
import {
  channelHead,
  connectionNumber,
  dataHead,
  extendedDataHead,
  openConfirmation,
  openFailureMessage,
} from './channel-message.ts';
import { createClientInput, maxPacketBytes, windowBytes } from './client-input.ts';
import type { SshTransport } from './transport.ts';

/** The client's end of a channel's numbers (RFC 4254, section 5.1). */
export interface RemoteEnd {
  readonly channel: number;
  /** Bytes that the client takes now. */
  window: number;
  /** Most bytes of data in one packet. */
  readonly maxPacketBytes: number;
}

/** What a channel of a client stands on. */
export interface ClientChannelParts {
  readonly transport: SshTransport;
  /** Our number. */
  readonly local: number;
  readonly isSession: boolean;
  /** Null = the target opens it: the client is asked when the agent says so. */
  readonly remote: RemoteEnd | null;
  /** Asks the client to open it (CHANNEL_OPEN). */
  askClient(): void;
  /** Neither end uses the number any more. */
  onFreed(): void;
  /** The agent's side has ended; called once. */
  onAgentDone(): void;
}

/** One SSH channel of a client. */
export interface ClientChannel {
  /** The channel's relay drives this. */
  createSide(end: RelayEnd): ClientSide;
  /** A message of the client for this channel, which may be written into. @returns false = the client broke the protocol */
  receive(payload: Buffer): boolean;
  /** Tells the client that its channel is open. */
  confirm(): void;
  /** The client has opened the channel that it was asked for. */
  opened(remote: RemoteEnd): void;
  /** The client will not open it. */
  refused(reason: number, text: string): void;
  /** The transport has room again. */
  pump(): void;
  /** The client's connection is gone. */
  gone(reason: string): void;
}

/** Larger pieces wait for the end of the turn, so that they leave in full packets. */
const bulkBytes = 4_096;
/** How long a session channel that cannot begin waits for the request that it refuses. */
const refusalMs = 10_000;
/** Exit status of what Weir ended, and of what could not be reached. */
const status = { ended: 254, failed: 255 } as const;

/** Creates the client's end of a channel. */
export function createClientChannel(parts: ClientChannelParts): ClientChannel {
  const { transport, local, isSession } = parts;
  let remote = parts.remote;
  /** What the client has been told. */
  let state: 'opening' | 'open' | 'closed' = 'opening';
  let isClosedByClient = false;
  let isFreed = false;
  let isPaused = false;
  let isAgentDone = false;
  let isOnLane = false;
  /** The agent has the client's CLOSE, or one in its stead. */
  let isCloseOnLane = false;
  let isClientAsked = false;
  let isPumpPlanned = false;
  let end: RelayEnd | undefined;
  /** Of a session channel that ends before its program was asked for: what it says then. */
  let refusal: { readonly text: string; readonly status: number } | undefined;
  const reader = createMessageReader();
  /** Messages for the client, in order. */
  const queue: SshMessage[] = [];
  const input = createClientInput({
    toAgent: (payload) => end?.toAgent(payload) ?? true,
    adjust(bytes) {
      if (remote !== null) transport.send(channelHead(connectionNumber.windowAdjust, remote.channel, bytes));
    },
    onClosed() {
      isCloseOnLane = true;
      end?.noMoreFromClient();
    },
  });

  const free = () => {
    if (isFreed || state !== 'closed' || !isClosedByClient) return;
    isFreed = true;
    parts.onFreed();
  };
  const sendClose = () => {
    if (state === 'closed' || remote === null) return;
    if (state === 'open') transport.send(channelHead(messageNumber.channelClose, remote.channel));
    state = 'closed';
    queue.length = 0;
    free();
  };
  /** The channel was never open at the client. */
  const refuseOpening = (reason: number, text: string) => {
    if (state !== 'opening') return;
    state = 'closed';
    isClosedByClient = true;
    if (parts.remote !== null) transport.send(openFailureMessage(parts.remote.channel, reason, text));
    free();
  };
  const confirm = () => {
    if (state !== 'opening') return;
    if (remote === null) {
      isClientAsked = true;
      return parts.askClient();
    }
    state = 'open';
    transport.send(openConfirmation(remote.channel, local, windowBytes, maxPacketBytes));
  };

  const sendStderr = (text: string) => {
    if (state !== 'open' || remote === null) return;
    const bytes = Buffer.from(input.hasTerminal ? text.replace(/\r?\n/g, '\r\n') : text);
    const piece = bytes.subarray(0, Math.min(remote.window, remote.maxPacketBytes));
    if (piece.length === 0) return;
    remote.window -= piece.length;
    transport.send(extendedDataHead(remote.channel, extendedDataStderr, piece.length), [piece]);
  };
  const sayLastWords = (text: string, exitStatus: number) => {
    if (state !== 'open' || remote === null) return;
    for (; input.openReplies > 0; input.answered())
      transport.send(channelHead(messageNumber.channelSuccess, remote.channel));
    sendStderr(text);
    forward({ type: 'request', wantReply: false, request: { name: 'exit-status', status: exitStatus } });
    forward({ type: 'eof' });
    sendClose();
  };

  /** Sends a message that is not data. */
  const forward = (message: SshMessage) => {
    if (remote === null) return;
    const bytes = encodeMessage(message);
    // A lane message is as long as the SSH message: its length stands where the channel's number comes behind the message's own.
    bytes[0] = bytes[4] as number;
    bytes.writeUInt32BE(remote.channel, 1);
    transport.send(bytes);
  };
  const control = (message: SshMessage) => {
    switch (message.type) {
      case 'open-confirmation':
        return confirm();
      case 'open-failure':
        return refuseOpening(message.reason, message.text);
      case 'close':
        return sendClose();
      case 'success':
      case 'failure':
        input.answered();
        return forward(message);
      case 'eof':
      case 'request':
        return forward(message);
    }
  };
  /** Takes data of one stream from the queue's head, as much as a packet and the window hold. */
  const takeData = (to: RemoteEnd): void => {
    const first = queue[0];
    if (first?.type !== 'data' && first?.type !== 'extended-data') return;
    const code = first.type === 'data' ? -1 : first.code;
    const limit = Math.min(to.window, to.maxPacketBytes);
    const pieces: Buffer[] = [];
    let length = 0;
    let used = 0;
    for (const message of queue) {
      const isSame = message.type === 'data' ? code < 0 : message.type === 'extended-data' && message.code === code;
      if (!isSame) break;
      const { bytes } = message as { bytes: Buffer };
      if (length + bytes.length > limit) {
        const part = bytes.subarray(0, limit - length);
        if (part.length > 0) pieces.push(part);
        queue[used] = { ...message, bytes: bytes.subarray(part.length) } as SshMessage;
        length = limit;
        break;
      }
      pieces.push(bytes);
      length += bytes.length;
      used += 1;
    }
    queue.splice(0, used);
    if (length === 0) return;
    to.window -= length;
    transport.send(code < 0 ? dataHead(to.channel, length) : extendedDataHead(to.channel, code, length), pieces);
  };
  const pump = (): boolean => {
    while (!isPaused) {
      const first = queue[0];
      if (first === undefined) break;
      if (first.type !== 'data' && first.type !== 'extended-data') {
        queue.shift();
        control(first);
      } else {
        if (remote === null || state !== 'open') queue.shift();
        else if (remote.window === 0 || !transport.hasRoom()) return false;
        else takeData(remote);
      }
    }
    if (queue.length > 0) return false;
    if (isAgentDone) {
      refuseOpening(openFailure.connectFailed, 'the channel ended');
      if (refusal === undefined) sendClose();
    }
    return true;
  };
  const pumpAndCredit = () => {
    if (pump()) end?.giveCredit();
  };
  const planPump = () => {
    if (isPumpPlanned) return;
    isPumpPlanned = true;
    setImmediate(() => {
      isPumpPlanned = false;
      pumpAndCredit();
    });
  };

  const agentDone = () => {
    if (isAgentDone) return;
    isAgentDone = true;
    parts.onAgentDone();
  };
  const cut = (error: WeirError) => {
    const text = `weir: ${error.message}\n`;
    const exitStatus = error.code === 'session_ended' ? status.ended : status.failed;
    queue.length = 0;
    isPaused = false;
    if (state === 'opening' && !isSession) return refuseOpening(openFailure.connectFailed, error.message);
    if (!isSession) return sendClose();
    if (input.isStarted) return sayLastWords(text, exitStatus);
    refusal = { text, status: exitStatus };
    setTimeout(sendClose, refusalMs).unref();
  };

  /** There is no agent: requests succeed until the one that starts something, which says why it cannot. */
  const answerAlone = (text: string, exitStatus: number) => {
    if (remote === null) return;
    if (input.isStarted) return sayLastWords(text, exitStatus);
    for (; input.openReplies > 0; input.answered())
      transport.send(channelHead(messageNumber.channelSuccess, remote.channel));
  };

  return {
    createSide(relayEnd) {
      end = relayEnd;
      return {
        start() {
          isOnLane = true;
          if (!isPaused) input.release();
        },
        deliver(data) {
          // The client has gone or has closed the channel: what comes is dropped, its credit returned, so that the agent can finish.
          if (state === 'closed' || transport.isOver) return true;
          reader.push(data);
          let isBulk = false;
          for (let message = reader.next(); message !== null; message = reader.next()) {
            queue.push(message);
            if ('bytes' in message && message.bytes.length >= bulkBytes) isBulk = true;
          }
          if (!isBulk) return pump();
          planPump();
          return false;
        },
        finish() {
          agentDone();
          pumpAndCredit();
        },
        resumeReading: () => input.resume(),
        cut(error, done) {
          cut(error);
          done();
          agentDone();
        },
        pause(notice) {
          isPaused = true;
          input.hold();
          if (input.hasTerminal && input.isStarted) sendStderr(`\nweir: ${notice}\n`);
        },
        resume(notice) {
          isPaused = false;
          if (input.hasTerminal && input.isStarted) sendStderr(`weir: ${notice}\n`);
          if (isOnLane) input.release();
          pumpAndCredit();
        },
      };
    },
    receive(payload) {
      switch (payload[0]) {
        case messageNumber.channelClose:
          if (isClosedByClient || !input.take(payload)) return false;
          isClosedByClient = true;
          if (isAgentDone) sendClose();
          free();
          return true;
        case connectionNumber.windowAdjust:
          if (remote === null || payload.length !== 9) return false;
          remote.window += payload.readUInt32BE(5);
          if (remote.window > 0xffff_ffff) return false;
          pumpAndCredit();
          return true;
        default:
          if (isClosedByClient) return false;
          if (!input.take(payload)) return false;
          if (refusal !== undefined) answerAlone(refusal.text, refusal.status);
          return true;
      }
    },
    confirm,
    opened(opening) {
      if (!isClientAsked || state !== 'opening' || remote !== null) return;
      remote = opening;
      state = 'open';
      end?.toAgent(encodeMessage({ type: 'open-confirmation' }));
      pumpAndCredit();
    },
    refused(reason, text) {
      if (!isClientAsked || state !== 'opening' || remote !== null) return;
      end?.toAgent(encodeMessage({ type: 'open-failure', reason, text }));
      end?.noMoreFromClient();
      refuseOpening(reason, text);
    },
    pump: pumpAndCredit,
    gone(reason) {
      state = 'closed';
      queue.length = 0;
      // What is held goes with the client.
      if (!isCloseOnLane) end?.toAgent(encodeMessage({ type: 'close' }));
      isClosedByClient = true;
      end?.gone(reason);
      if (!isOnLane) agentDone();
    },
  };
}
