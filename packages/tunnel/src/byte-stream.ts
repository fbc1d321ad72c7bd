import { Duplex } from 'node:stream';
import { decodeBytes, encodeBytes, maxBatchBytes } from './lane-codec.ts';

/** Data bytes of one message: tag and length prefix stay within maxBatchBytes. */
const pieceBytes = maxBatchBytes - 4;
/** Bytes collected here before a writer has to wait. */
const collectLimit = 64 * 1024;
const noBytes = Buffer.alloc(0);

/** The part of a grpc-js call that a byte stream uses; messages are encoded ConnectRequest/ConnectResponse. */
export interface ByteCall {
  write(message: Buffer): boolean;
  pause(): unknown;
  resume(): unknown;
  on(event: 'data', listener: (message: Buffer) => void): unknown;
  on(event: 'end' | 'drain', listener: () => void): unknown;
}

/** How the two ends of a call finish. */
export interface CallEnding {
  /** This direction is over; the other may go on. */
  finished(): void;
  /** Both directions ended in order. */
  completed(): void;
  /** Given up in the middle. `error` is absent for a bare destroy(). */
  aborted(error: Error | undefined): void;
}

/**
 * A node Duplex over a grpc-js call. Writes of one turn of the event loop share messages of at most 16 KB. A message without data says
 * "no more from here": gRPC itself has no way for a server to close its direction and go on receiving.
 */
export class ByteStream extends Duplex {
  private readonly call: ByteCall;
  private readonly ending: CallEnding;
  private chunks: Buffer[] = [];
  private collected = 0;
  private flushPlanned = false;
  private blocked = false;
  private waitingWriter: (() => void) | undefined;
  private waitingFinal: (() => void) | undefined;
  private peerEnded = false;
  private saidEnd = false;

  constructor(call: ByteCall, ending: CallEnding) {
    super({ allowHalfOpen: true, readableHighWaterMark: 64 * 1024, writableHighWaterMark: 64 * 1024 });
    this.call = call;
    this.ending = ending;
    call.on('data', (message) => this.receive(message));
    call.on('end', () => this.endOfInput());
    call.on('drain', () => {
      this.blocked = false;
      this.flush();
    });
  }

  override _read(): void {
    if (!this.peerEnded) this.call.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.chunks.push(chunk);
    this.collected += chunk.length;
    if (this.collected >= collectLimit || this.blocked) this.waitingWriter = done;
    this.planFlush();
    if (this.waitingWriter === undefined) done();
  }

  override _final(done: () => void): void {
    this.waitingFinal = done;
    this.planFlush();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.chunks = [];
    if (error === null && this.saidEnd && this.peerEnded) this.ending.completed();
    else this.ending.aborted(error ?? undefined);
    this.call.resume();
    done(error);
  }

  private receive(message: Buffer): void {
    if (this.destroyed || this.peerEnded) return;
    try {
      const data = decodeBytes(message);
      if (data.length === 0) this.endOfInput();
      else if (!this.push(data)) this.call.pause();
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error('A message does not decode.', { cause: error }));
    }
  }

  private endOfInput(): void {
    if (this.peerEnded || this.destroyed) return;
    this.peerEnded = true;
    this.push(null);
    // Later messages do not exist; the call's own end must still be read.
    this.call.resume();
  }

  private planFlush(): void {
    if (this.flushPlanned || this.blocked) return;
    this.flushPlanned = true;
    setImmediate(() => {
      this.flushPlanned = false;
      this.flush();
    });
  }

  private flush(): void {
    while (this.collected > 0 && !this.blocked && !this.destroyed) {
      if (!this.call.write(this.nextMessage())) this.blocked = true;
    }
    if (this.blocked || this.destroyed) return;
    const writer = this.waitingWriter;
    this.waitingWriter = undefined;
    writer?.();
    if (this.collected === 0 && this.waitingFinal !== undefined) this.sayEnd(this.waitingFinal);
  }

  /** As many collected bytes as fit one message. */
  private nextMessage(): Buffer {
    const parts: Buffer[] = [];
    let length = 0;
    while (length < pieceBytes) {
      const chunk = this.chunks[0];
      if (chunk === undefined) break;
      const part = chunk.subarray(0, pieceBytes - length);
      parts.push(part);
      length += part.length;
      if (part.length === chunk.length) this.chunks.shift();
      else this.chunks[0] = chunk.subarray(part.length);
    }
    this.collected -= length;
    return encodeBytes(parts, length);
  }

  private sayEnd(done: () => void): void {
    this.waitingFinal = undefined;
    this.saidEnd = true;
    this.call.write(noBytes);
    this.ending.finished();
    done();
  }
}
