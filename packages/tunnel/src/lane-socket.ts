import type { TLSSocket } from 'node:tls';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { catalogue, type ErrorCode, WeirError } from '@weir/errors';
import { LaneAnswerSchema, LaneHelloSchema } from '@weir/proto';
import { maxControlFrameBytes } from './lane-channel.ts';
import type { BatchStream } from './lane-endpoint.ts';
import { MessageReader, prefixed } from './message-framing.ts';

/** What client and server agree on in the TLS handshake (RFC 7301), so that lanes and gRPC share one port. */
export const laneProtocol = 'weir-lane/1';

const maxMessageBytes = maxControlFrameBytes + 64 * 1024;
/** A dead peer is found by heartbeats; this keeps the entries of NAT tables alive. */
const tcpKeepAliveMs = 15_000;
const signOfLife = prefixed(new Uint8Array(0));

/** What the owner of a lane's connection hears. */
export interface LaneSocketEvents {
  /** The peer's first message: LaneHello at the gateway, LaneAnswer at the agent. */
  onFirst(message: Buffer): void;
  /** Once. `error`: what went wrong; undefined when the peer ended the connection. */
  onEnded(error: Error | undefined): void;
}

/** One end of a lane's connection: length-prefixed messages over TLS. The first one is the owner's, all others are batches. */
export class LaneSocket implements BatchStream {
  /** TLS has encrypted (or copied) a message when its write is done. */
  readonly isCopying = true;
  private readonly socket: TLSSocket;
  private readonly reader = new MessageReader(maxMessageBytes);
  private readonly events: LaneSocketEvents;
  private listener: ((message: Buffer) => void) | undefined;
  private isFirst = true;
  private isOver = false;
  private readonly sink = (message: Buffer) => this.received(message);

  /** The socket may still be in its handshake. */
  constructor(socket: TLSSocket, events: LaneSocketEvents) {
    this.socket = socket;
    this.events = events;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, tcpKeepAliveMs);
    socket.on('data', (chunk: Buffer) => this.read(chunk));
    socket.on('error', (error) => this.over(error));
    socket.on('close', () => this.over(undefined));
    socket.on('end', () => this.over(undefined));
  }

  on(_event: 'data', listener: (message: Buffer) => void): void {
    this.listener = listener;
  }

  /** `message` begins with its prefix. */
  write(message: Buffer, done: () => void): void {
    if (!this.isOver) this.socket.write(message, done);
  }

  /** A message without frames. */
  beat(): void {
    if (!this.isOver) this.socket.write(signOfLife);
  }

  sayHello(instanceId: string): void {
    const hello = toBinary(LaneHelloSchema, { $typeName: 'weir.tunnel.v1.LaneHello', instanceId });
    this.socket.write(prefixed(hello));
  }

  accept(): void {
    this.socket.write(prefixed(new Uint8Array(0)));
  }

  /** Says why, then ends. */
  refuse(error: WeirError): void {
    const refusalMessage = error.why === undefined ? error.message : `${error.message} ${error.why}`;
    const answer = { $typeName: 'weir.tunnel.v1.LaneAnswer' as const, refusalCode: error.code, refusalMessage };
    this.isOver = true;
    this.socket.end(prefixed(toBinary(LaneAnswerSchema, answer)));
    this.socket.resume();
  }

  /** Ends the connection; what was written before still goes. */
  close(): void {
    this.isOver = true;
    this.socket.destroySoon();
  }

  private read(chunk: Buffer): void {
    if (this.isOver) return;
    try {
      this.reader.read(chunk, this.sink);
    } catch (error) {
      this.over(error instanceof Error ? error : new Error('The lane failed.', { cause: error }));
    }
  }

  private received(message: Buffer): void {
    if (this.isOver) return;
    if (!this.isFirst) {
      this.listener?.(message);
      return;
    }
    this.isFirst = false;
    this.events.onFirst(message);
  }

  private over(error: Error | undefined): void {
    this.socket.destroy();
    if (this.isOver) return;
    this.isOver = true;
    this.events.onEnded(error);
  }
}

/** Instance that a LaneHello names. @throws WeirError protocol_violation */
export function readLaneHello(message: Buffer): string {
  try {
    return fromBinary(LaneHelloSchema, message).instanceId;
  } catch (cause) {
    throw new WeirError('protocol_violation', 'The first message of a lane is not a hello.', { cause });
  }
}

/** Why the gateway refuses a lane; undefined when it accepts. @throws WeirError protocol_violation */
export function readLaneAnswer(message: Buffer): WeirError | undefined {
  try {
    const { refusalCode, refusalMessage } = fromBinary(LaneAnswerSchema, message);
    if (refusalCode === '') return undefined;
    const isKnown = Object.hasOwn(catalogue, refusalCode);
    return new WeirError(isKnown ? (refusalCode as ErrorCode) : 'gateway_unavailable', refusalMessage);
  } catch (cause) {
    throw new WeirError('protocol_violation', 'The answer to a lane does not parse.', { cause });
  }
}
