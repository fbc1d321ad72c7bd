import type { WeirError } from '@weir/errors';
import { createMessageReader, disconnectReason, type IncomingChannel, type SshMessage } from '@weir/wire-ssh';
import type { ClientSide, RelayEnd } from '../relay.ts';

/** What the agent says about a connection as a whole. */
export interface ConnectionNews {
  /** The target opens a channel; `number` names it at the agent. */
  openForTarget(number: number, channel: IncomingChannel): void;
  /** Answer to the oldest global request that went on. */
  answer(isSuccess: boolean, port: number | null): void;
  /** The target is gone or cannot be reached, or Weir ends the session: when the channels have said so, the client is disconnected. */
  sayFarewell(reason: number, text: string): void;
  /** Why the target could not be reached, or was lost: for the audit log. */
  onTargetFailed(text: string): void;
  onAgentDone(): void;
}

/** The lane channel that stands for a client's SSH connection. */
export interface ConnectionSide {
  createSide(end: RelayEnd): ClientSide;
  /** A GLOBAL_REQUEST of the client. @returns false = it floods */
  send(payload: Buffer): boolean;
  gone(reason: string): void;
}

/** Bytes of global requests that may wait while the connection is held. */
const maxHeldBytes = 256 * 1024;
/** Most characters of a reason that clients show. */
const maxTextLength = 400;

/** Creates it. */
export function createConnectionSide(news: ConnectionNews): ConnectionSide {
  const reader = createMessageReader();
  let end: RelayEnd | undefined;
  let isHeld = true;
  let isOnLane = false;
  let isPaused = false;
  let isAgentDone = false;
  let heldBytes = 0;
  const held: Buffer[] = [];
  /** What the agent says while the session is paused. */
  const waiting: SshMessage[] = [];

  const agentDone = () => {
    if (isAgentDone) return;
    isAgentDone = true;
    news.onAgentDone();
  };
  const pass = (payload: Buffer) => {
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(payload.length);
    end?.toAgent(Buffer.concat([length, payload]));
  };
  const release = () => {
    isHeld = false;
    heldBytes = 0;
    for (const payload of held.splice(0)) pass(payload);
  };
  const take = (message: SshMessage) => {
    switch (message.type) {
      case 'open':
        return news.openForTarget(message.number, message.channel);
      case 'request-success':
        return news.answer(true, message.port);
      case 'request-failure':
        return news.answer(false, null);
      case 'open-failure':
        news.onTargetFailed(message.text);
        return news.sayFarewell(disconnectReason.byApplication, oneLine(message.text));
      case 'disconnect':
        if (message.reason === disconnectReason.connectionLost) news.onTargetFailed(message.text);
        return news.sayFarewell(message.reason, oneLine(message.text));
    }
  };

  return {
    createSide(relayEnd) {
      end = relayEnd;
      return {
        start() {
          isOnLane = true;
          if (!isPaused) release();
        },
        deliver(data) {
          reader.push(data);
          for (let message = reader.next(); message !== null; message = reader.next()) {
            if (isOnLane && isHeld) waiting.push(message);
            else take(message);
          }
          return !isHeld;
        },
        finish() {
          agentDone();
          news.sayFarewell(disconnectReason.byApplication, 'weir: the connection to the target has ended');
        },
        resumeReading: () => undefined,
        cut(error: WeirError, done) {
          done();
          agentDone();
          news.sayFarewell(disconnectReason.byApplication, oneLine(`weir: ${error.message}`));
        },
        pause() {
          isPaused = true;
          isHeld = true;
        },
        resume() {
          isPaused = false;
          if (!isOnLane) return;
          release();
          for (const message of waiting.splice(0)) take(message);
          relayEnd.giveCredit();
        },
      };
    },
    send(payload) {
      if (!isHeld) {
        pass(payload);
        return true;
      }
      held.push(payload);
      heldBytes += payload.length;
      return heldBytes <= maxHeldBytes;
    },
    gone(reason) {
      end?.noMoreFromClient();
      end?.gone(reason);
      if (!isOnLane) agentDone();
    },
  };
}

/** A reason as a client shows it. */
const oneLine = (text: string) =>
  text
    .trim()
    .replace(/\s*\n\s*(weir: )?/g, ' ')
    .slice(0, maxTextLength);
