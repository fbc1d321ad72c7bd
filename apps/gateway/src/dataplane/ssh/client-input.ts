import { messageNumber } from '@weir/wire-ssh';

/** What the input of a channel stands on. */
export interface ClientInputParts {
  /** @returns false = hold until `resume` */
  toAgent(payload: Buffer): boolean;
  /** Lets the client send as many bytes more. */
  adjust(bytes: number): void;
  /** The client's CLOSE has gone on: nothing follows. */
  onClosed(): void;
}

/** What a client sends into one channel, on its way to the agent. */
export interface ClientInput {
  /** The client asked for a terminal. */
  readonly hasTerminal: boolean;
  /** The client asked for a shell, a command or a subsystem. */
  readonly isStarted: boolean;
  /** Requests that wait for an answer. */
  readonly openReplies: number;
  /** The agent or Weir answered one. */
  answered(): void;
  /** Takes a message of the client, which it writes into. @returns false = the client broke the protocol or floods */
  take(payload: Buffer): boolean;
  /** Holds what comes. It does so from the beginning. */
  hold(): void;
  /** Lets what was held go, and what comes. */
  release(): void;
  /** The lane takes more again. */
  resume(): void;
}

/** Bytes that a client may send before it is told that they have gone on. */
export const windowBytes = 2 * 1024 * 1024;
/** Most bytes of data in one packet of a client: what every implementation takes (RFC 4253, section 6.1). */
export const maxPacketBytes = 32_768;
/** Bytes of requests, which no window bounds, that may wait. */
const maxHeldRequestBytes = 1024 * 1024;
const starts: ReadonlySet<string> = new Set(['shell', 'exec', 'subsystem']);

/** Creates the input of one channel; it is held until `release`. */
export function createClientInput(parts: ClientInputParts): ClientInput {
  let window = windowBytes;
  let isHeld = true;
  /** The lane has had enough for now. */
  let isBlocked = false;
  let heldRequestBytes = 0;
  let hasTerminal = false;
  let isStarted = false;
  let openReplies = 0;
  const held: Buffer[] = [];

  const grant = () => {
    if (isHeld || isBlocked || window > windowBytes / 2) return;
    parts.adjust(windowBytes - window);
    window = windowBytes;
  };
  const pass = (payload: Buffer) => {
    const number = payload[0] as number;
    // The message on the lane is as long as the client's: its length takes the place of the channel's number.
    payload.writeUInt32BE(payload.length - 4, 0);
    payload[4] = number;
    if (!parts.toAgent(payload)) isBlocked = true;
    if (number === messageNumber.channelClose) parts.onClosed();
  };
  /** @returns whether the client kept to window and packet size */
  const takeData = (payload: Buffer, headBytes: number): boolean => {
    if (payload.length < headBytes) return false;
    const length = payload.readUInt32BE(headBytes - 4);
    if (length !== payload.length - headBytes || length > maxPacketBytes || length > window) return false;
    window -= length;
    return true;
  };
  const takeRequest = (payload: Buffer): boolean => {
    const request = peekRequest(payload);
    if (request === null) return false;
    if (request.type === 'pty-req') hasTerminal = true;
    if (starts.has(request.type)) isStarted = true;
    if (request.wantsReply) openReplies += 1;
    if (isHeld || isBlocked) heldRequestBytes += payload.length;
    return heldRequestBytes <= maxHeldRequestBytes;
  };
  const check = (payload: Buffer): boolean => {
    if (payload.length < 5) return false;
    switch (payload[0]) {
      case messageNumber.channelData:
        return takeData(payload, 9);
      case messageNumber.channelExtendedData:
        return takeData(payload, 13);
      case messageNumber.channelRequest:
        return takeRequest(payload);
      case messageNumber.channelEof:
      case messageNumber.channelClose:
      case messageNumber.channelSuccess:
      case messageNumber.channelFailure:
        return payload.length === 5;
      default:
        return false;
    }
  };

  return {
    get hasTerminal() {
      return hasTerminal;
    },
    get isStarted() {
      return isStarted;
    },
    get openReplies() {
      return openReplies;
    },
    answered() {
      openReplies -= 1;
    },
    take(payload) {
      if (!check(payload)) return false;
      if (isHeld) held.push(payload);
      else pass(payload);
      grant();
      return true;
    },
    hold() {
      isHeld = true;
    },
    release() {
      isHeld = false;
      heldRequestBytes = 0;
      for (const payload of held.splice(0)) pass(payload);
      grant();
    },
    resume() {
      isBlocked = false;
      heldRequestBytes = 0;
      grant();
    },
  };
}

/** Type of a CHANNEL_REQUEST, and whether it waits for an answer; null = malformed. */
function peekRequest(payload: Buffer): { readonly type: string; readonly wantsReply: boolean } | null {
  if (payload.length < 10) return null;
  const length = payload.readUInt32BE(5);
  if (length > 255 || payload.length < 10 + length) return null;
  return { type: payload.toString('latin1', 9, 9 + length), wantsReply: payload[9 + length] !== 0 };
}
