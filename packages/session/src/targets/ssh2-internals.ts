import { createSecretKey } from 'node:crypto';
import { createRequire } from 'node:module';
import type { Client } from 'ssh2';

/**
 * What Weir uses of ssh2 1.17 beside its public interface, in one place: the version is pinned, and test/ssh2-internals.test.ts says when an update
 * moves something. ssh2 does transport, key exchange and sign-in; channels are our own, because its streams lose the order of data and exit
 * status, terminal modes, signals and reasons, and copy what passes.
 */
export interface Ssh2Protocol {
  readonly _kex: { readonly sessionID: Buffer };
  readonly _packetRW: {
    readonly write: { alloc(length: number): Buffer; readonly allocStart: number; finalize(packet: Buffer): Buffer };
  };
  readonly _authsQueue: string[];
  readonly _handlers: Record<string, (protocol: Ssh2Protocol, ...rest: never[]) => void>;
  authPK(user: string, key: unknown, algorithm?: unknown, sign?: unknown): void;
  session(local: number, window: number, packetSize: number): void;
  directTcpip(local: number, window: number, packetSize: number, where: Ssh2TcpDestination): void;
  openssh_directStreamLocal(local: number, window: number, packetSize: number, where: { socketPath: string }): void;
  channelOpenConfirm(remote: number, local: number, window: number, packetSize: number): void;
  channelOpenFail(remote: number, reason: number, text: string): void;
  channelData(remote: number, bytes: Buffer): void;
  channelEOF(remote: number): void;
  channelClose(remote: number): void;
  channelWindowAdjust(remote: number, bytes: number): void;
}

/** Content of a direct-tcpip open. */
export interface Ssh2TcpDestination {
  readonly srcIP: string;
  readonly srcPort: number;
  readonly dstIP: string;
  readonly dstPort: number;
}

/** One end of a channel as ssh2 keeps it. */
export interface Ssh2End {
  id: number;
  window: number;
  packetSize: number;
  state: 'open' | 'eof' | 'closing' | 'closed';
}

/** What ssh2's message handlers read and call of a channel: our own channels have this shape. */
export interface Ssh2Channel {
  readonly type: string;
  readonly incoming: Ssh2End;
  readonly outgoing: Ssh2End;
  /** Answers to channel requests, in order; true = refused. */
  _callbacks: ((isRefused: boolean) => void)[];
  readonly _exit: { code?: number | null | undefined; signal?: string; dump?: boolean; desc?: string };
  _waitWindow: boolean;
  _chunkcb: (() => void) | undefined;
  _waitChanDrain: boolean;
  readable: boolean;
  readonly stderr: { readable: boolean; destroyed: boolean; push(bytes: Buffer | null): boolean; emit(): void };
  push(bytes: Buffer | null): boolean;
  emit(event: string, ...rest: unknown[]): void;
  end(): void;
  close(): void;
}

/** An opening that the target has not answered is a function, as in ssh2. */
type Opening = ((error: (Error & { reason?: number }) | undefined, channel?: Ssh2Channel) => void) & { type: string };

/** What the target opens. */
export interface Ssh2Incoming {
  readonly type: string;
  readonly sender: number;
  readonly window: number;
  readonly packetSize: number;
  readonly data: {
    readonly destIP?: string;
    readonly destPort?: number;
    readonly srcIP?: string;
    readonly srcPort?: number;
    readonly socketPath?: string;
  };
}

interface ClientInternals {
  readonly _protocol: Ssh2Protocol;
  readonly _chanMgr: {
    add(value: Opening | true): number;
    get(id: number): unknown;
    update(id: number, value: Ssh2Channel): void;
  };
  /** Answers to global requests, in order. */
  readonly _callbacks: ((error: boolean | Error, data?: Buffer) => void)[];
  readonly _sock: { readonly writableLength: number; once(event: 'drain', listener: () => void): unknown };
}

const require = createRequire(import.meta.url);
const { sendPacket } = require('ssh2/lib/protocol/utils.js') as {
  sendPacket(protocol: Ssh2Protocol, packet: Buffer): boolean;
};

const internals = (client: Client): ClientInternals => client as unknown as ClientInternals;

/** The protocol of a client that connects or is connected. */
export const protocolOf = (client: Client): Ssh2Protocol => internals(client)._protocol;

/** Sends a message as it is (RFC 4253 section 6: the payload, its number first). During a key exchange it waits. */
export function sendMessage(protocol: Ssh2Protocol, payload: Buffer): void {
  const { write } = protocol._packetRW;
  const packet = write.alloc(payload.length);
  packet.set(payload, write.allocStart);
  sendPacket(protocol, write.finalize(packet));
}

/**
 * Opens a channel by `send`; answers once.
 * @returns gives the opening up: a channel that opens afterwards is closed
 */
export function openRawChannel(
  client: Client,
  type: string,
  send: (protocol: Ssh2Protocol, local: number) => void,
  answered: (error: (Error & { reason?: number }) | undefined, ends?: { incoming: Ssh2End; outgoing: Ssh2End }) => void,
): void {
  const { _chanMgr: channels, _protocol: protocol } = internals(client);
  const opening: Opening = Object.assign(
    (error: (Error & { reason?: number }) | undefined, channel?: Ssh2Channel) => {
      if (error !== undefined || channel === undefined) answered(error ?? new Error('the target opened no channel'));
      else answered(undefined, { incoming: channel.incoming, outgoing: channel.outgoing });
    },
    { type },
  );
  const local = channels.add(opening);
  send(protocol, local);
}

/** Puts our own channel in the place of ssh2's. */
export function adoptChannel(client: Client, channel: Ssh2Channel): void {
  internals(client)._chanMgr.update(channel.incoming.id, channel);
}

/** Reserves a number for a channel that the target opens; confirm or fail it by the protocol. */
export const reserveChannel = (client: Client): number => internals(client)._chanMgr.add(true);

/** Sends a global request with a reply. `answered`: its data, or null when it was refused or the connection ended. */
export function sendGlobalRequest(client: Client, payload: Buffer, answered: (data: Buffer | null) => void): void {
  internals(client)._callbacks.push((error, data) =>
    answered(error === false || error === undefined ? (data ?? Buffer.alloc(0)) : null),
  );
  sendMessage(protocolOf(client), payload);
}

/** Takes over what the target opens by itself; what `take` does not take is refused by it. */
export function onIncoming(client: Client, take: (incoming: Ssh2Incoming) => void): void {
  protocolOf(client)._handlers['CHANNEL_OPEN'] = ((_protocol: Ssh2Protocol, incoming: Ssh2Incoming) =>
    take(incoming)) as never;
}

/** Bytes that wait for the network, and a call when they are gone. */
export function writableOf(client: Client): { readonly queued: number; onceDrained(listener: () => void): void } {
  const { _sock: socket } = internals(client);
  return {
    get queued() {
      return socket.writableLength;
    },
    onceDrained: (listener) => void socket.once('drain', listener),
  };
}

/** Tells channels that what is sent to them is not read any more (OpenSSH PROTOCOL, section 2.1), which ssh2 drops. */
export function passEndOfWrite(client: Client): void {
  const { _protocol: protocol, _chanMgr: channels } = internals(client);
  const known = protocol._handlers['CHANNEL_REQUEST'] as unknown as (...all: unknown[]) => void;
  protocol._handlers['CHANNEL_REQUEST'] = ((...all: [Ssh2Protocol, number, string, boolean, unknown]) => {
    const [, recipient, type] = all;
    const channel = channels.get(recipient);
    if (type !== 'eow@openssh.com') known(...all);
    else if (typeof channel === 'object' && channel !== null) (channel as Ssh2Channel).emit('eow');
  }) as never;
}

/** Gives AES-GCM prepared keys after each key exchange: OpenSSL makes a raw one ready anew for every packet, which costs as much as a small packet. */
export function prepareKeys(client: Client): void {
  client.on('handshake', () => {
    const { _cipher: out, _decipher: into } = protocolOf(client) as unknown as {
      readonly _cipher: { _encKey?: unknown; readonly _encSSLName?: string };
      readonly _decipher: { _decipherKey?: unknown; readonly _decipherSSLName?: string };
    };
    if (/gcm/.test(out._encSSLName ?? '') && out._encKey instanceof Uint8Array)
      out._encKey = createSecretKey(out._encKey);
    if (/gcm/.test(into._decipherSSLName ?? '') && into._decipherKey instanceof Uint8Array)
      into._decipherKey = createSecretKey(into._decipherKey);
  });
}
