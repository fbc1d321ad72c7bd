import type { Duplex } from 'node:stream';
import { disconnectReason, FieldWriter } from '@weir/wire-ssh';
import { clientSignatures } from './algorithms.ts';
import {
  createProtocol,
  isExchangingKeys,
  type Negotiated,
  type OfferedHostKeys,
  type Protocol,
  sendDisconnect,
  sendMessage,
} from './ssh2-protocol.ts';

/** What a transport is made of. */
export interface TransportParts {
  readonly stream: Duplex;
  readonly hostKeys: OfferedHostKeys;
  /** Bytes in either direction, and milliseconds, after which keys are exchanged anew. */
  readonly rekey?: { readonly bytes: number; readonly ms: number };
  /** The first keys are in use: the client may ask for a service. */
  onReady(): void;
  /** A message above the transport; it belongs to the receiver. */
  onMessage(payload: Buffer): void;
  /** There is room again after `hasRoom` said no. */
  onWritable(): void;
  /** What the client sent could not be read. */
  onProblem(error: Error): void;
  /** The connection is over; called once. */
  onClosed(reason: string): void;
}

/** The SSH transport to one client (RFC 4253). */
export interface SshTransport {
  /** Identification string of the client, e.g. `SSH-2.0-OpenSSH_9.2`; empty until it came. */
  readonly clientVersion: string;
  /** Session identifier; empty until the first keys are in use. */
  readonly sessionIdentifier: Buffer;
  readonly negotiated: Negotiated | undefined;
  /** Strict key exchange holds (no packet can be taken out or put in before the first keys are used). */
  readonly isStrict: boolean;
  /** May bulk data be sent now? Small messages may always be. */
  hasRoom(): boolean;
  readonly isOver: boolean;
  /** Sends a message of `head` and `pieces`, which are copied. */
  send(head: Uint8Array, pieces?: readonly Uint8Array[]): void;
  /** Answers the message that is being received: it is not known here (RFC 4253, section 11.4). */
  unimplemented(): void;
  /** Exchanges keys anew. */
  rekey(): void;
  /** Tells the client why, and ends the connection; at the latest after some seconds. */
  disconnect(reason: number, text: string): void;
  destroy(reason: string): void;
}

/** Bytes that may wait in the stream before bulk data is held back: with less the agent waits for the client, and the client for the agent. */
const highWaterBytes = 2 * 1024 * 1024;
/** How long a client may take to read why it was disconnected. */
const lingerMs = 2_000;
/** RFC 4344 asks for new keys after 2^32 blocks at most; RFC 4253 for a gigabyte or an hour. */
const defaultRekey = { bytes: 4 * 1024 ** 3, ms: 3_600_000 };

/** Begins the transport on a stream: sends the identification and takes the client's. */
export function createTransport(parts: TransportParts): SshTransport {
  const { stream, rekey = defaultRekey } = parts;
  let clientVersion = '';
  let sessionIdentifier: Buffer = Buffer.alloc(0);
  let negotiated: Negotiated | undefined;
  let isOver = false;
  let isSaturated = false;
  let isGathering = false;
  let sinceKeys = 0;
  let keysAtMs = performance.now();

  const close = (reason: string) => {
    if (isOver) return;
    isOver = true;
    protocol.cleanup();
    parts.onClosed(reason);
  };
  /** What is sent in one turn of the event loop leaves in one system call. */
  const write = (bytes: Buffer) => {
    if (!stream.writable) return;
    if (!isGathering) {
      isGathering = true;
      stream.cork();
      setImmediate(() => {
        isGathering = false;
        stream.uncork();
      });
    }
    sinceKeys += bytes.length;
    stream.write(bytes);
  };
  const tellWritable = () => {
    if (isOver || !isSaturated || !hasRoom()) return;
    isSaturated = false;
    parts.onWritable();
  };
  const hasRoom = () => stream.writableLength < highWaterBytes && !isExchangingKeys(protocol);
  const renewKeys = () => {
    if (isOver || negotiated === undefined || isExchangingKeys(protocol)) return;
    if (sinceKeys < rekey.bytes && performance.now() - keysAtMs < rekey.ms) return;
    protocol.rekey();
  };

  const protocol: Protocol = createProtocol({
    hostKeys: parts.hostKeys,
    onWrite: write,
    onError: (error) => {
      stream.end();
      setTimeout(() => stream.destroy(), lingerMs).unref();
      close(error.message);
    },
    onIdentification: (text) => {
      clientVersion = text;
    },
    onKeys(agreed, wantsExtensions) {
      const isFirst = negotiated === undefined;
      negotiated = agreed;
      sinceKeys = 0;
      keysAtMs = performance.now();
      if (!isFirst) {
        // Whoever sends bulk data may be waiting for these keys.
        setImmediate(tellWritable);
        return;
      }
      sessionIdentifier = protocol._kex?.sessionID ?? sessionIdentifier;
      if (wantsExtensions) sendMessage(protocol, extensions);
      parts.onReady();
    },
    onMessage(payload) {
      if (!isOver) parts.onMessage(payload);
    },
    onDisconnect(reason, text) {
      stream.end();
      close(
        reason === disconnectReason.byApplication
          ? 'the client disconnected'
          : `the client disconnected: ${text || reason}`,
      );
    },
  });

  const disconnect = (reason: number, text: string) => {
    if (isOver) return;
    try {
      sendDisconnect(protocol, reason, text);
    } finally {
      stream.end();
      // A client that does not read must not keep its connection.
      stream.resume();
      setTimeout(() => stream.destroy(), lingerMs).unref();
      close(text);
    }
  };
  stream.on('data', (chunk: Buffer) => {
    if (isOver) return;
    sinceKeys += chunk.length;
    try {
      protocol.parse(chunk, 0, chunk.length);
      if (sinceKeys >= rekey.bytes) renewKeys();
    } catch (error) {
      parts.onProblem(error as Error);
      disconnect(disconnectReason.protocolError, 'the packets cannot be read');
    }
  });
  stream.on('drain', tellWritable);
  stream.on('error', (error: Error) => close(`the client connection failed: ${error.message}`));
  stream.on('end', () => {
    stream.end();
    close('the client closed the connection');
  });
  stream.on('close', () => close('the client is gone'));
  const clock = setInterval(renewKeys, Math.min(rekey.ms, 60_000));
  clock.unref();
  stream.once('close', () => clearInterval(clock));
  protocol.start();

  return {
    get clientVersion() {
      return clientVersion;
    },
    get sessionIdentifier() {
      return sessionIdentifier;
    },
    get negotiated() {
      return negotiated;
    },
    get isStrict() {
      return protocol._strictMode === true;
    },
    hasRoom() {
      if (!isOver && hasRoom()) return true;
      isSaturated = true;
      return false;
    },
    get isOver() {
      return isOver;
    },
    send(head, pieces) {
      if (isOver) return;
      sendMessage(protocol, head, pieces);
      if (sinceKeys >= rekey.bytes) renewKeys();
    },
    unimplemented() {
      if (isOver) return;
      const answer = Buffer.from([3, 0, 0, 0, 0]);
      answer.writeUInt32BE((protocol._decipher.inSeqno - 1) >>> 0, 1);
      sendMessage(protocol, answer);
    },
    rekey: () => {
      if (!isOver && !isExchangingKeys(protocol)) protocol.rekey();
    },
    disconnect,
    destroy(reason) {
      stream.destroy();
      close(reason);
    },
  };
}

/** EXT_INFO (RFC 8308): signatures that are welcome, and that we answer pings (OpenSSH PROTOCOL, section 1.8), which hide when keys are pressed. */
const extensions = new FieldWriter(256)
  .byte(7)
  .uint32(2)
  .text('server-sig-algs')
  .text(clientSignatures.join(','))
  .text('ping@openssh.com')
  .text('0')
  .take()
  .subarray(4);
