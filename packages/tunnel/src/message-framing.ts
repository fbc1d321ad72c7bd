import { WeirError } from '@weir/errors';

/** Bytes before each message: a flag (0 = not compressed) and the length, big endian (gRPC over HTTP/2, "Length-Prefixed-Message"). */
export const prefixBytes = 5;

const empty = Buffer.alloc(0);

/** Writes the prefix of a message of `length` bytes at `offset`. */
export function writePrefix(target: Buffer, offset: number, length: number): void {
  target[offset] = 0;
  target.writeUInt32BE(length, offset + 1);
}

/** A message behind its prefix, as one buffer. */
export function prefixed(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.length);
  writePrefix(framed, 0, message.length);
  framed.set(message, prefixBytes);
  return framed;
}

/**
 * Cuts a stream of bytes into length-prefixed messages. A message that lies in one chunk is a slice of it; one that is spread over several is copied
 * together once. Nothing is allocated for a message before its length has been checked.
 */
export class MessageReader {
  private readonly maxMessageBytes: number;
  private readonly prefix = Buffer.alloc(prefixBytes);
  private prefixHave = 0;
  private partial: Buffer = empty;
  private have = 0;
  private isPartial = false;

  /** @param maxMessageBytes a longer message breaks the protocol. */
  constructor(maxMessageBytes: number) {
    this.maxMessageBytes = maxMessageBytes;
  }

  /** Hands over each message that is complete now. @throws WeirError protocol_violation for a message that is compressed or too long */
  read(chunk: Buffer, sink: (message: Buffer) => void): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.isPartial) {
        at = this.continue(chunk, at, sink);
        continue;
      }
      if (this.prefixHave > 0 || chunk.length - at < prefixBytes) {
        const take = Math.min(prefixBytes - this.prefixHave, chunk.length - at);
        chunk.copy(this.prefix, this.prefixHave, at, at + take);
        this.prefixHave += take;
        at += take;
        if (this.prefixHave < prefixBytes) return;
        this.prefixHave = 0;
        at = this.begin(chunk, at, this.lengthAt(this.prefix, 0), sink);
        continue;
      }
      const length = this.lengthAt(chunk, at);
      at = this.begin(chunk, at + prefixBytes, length, sink);
    }
  }

  /** A message of `length` bytes begins at `at`. @returns the offset behind what was taken */
  private begin(chunk: Buffer, at: number, length: number, sink: (message: Buffer) => void): number {
    const end = at + length;
    if (end <= chunk.length) {
      sink(chunk.subarray(at, end));
      return end;
    }
    this.partial = Buffer.allocUnsafe(length);
    this.have = chunk.copy(this.partial, 0, at);
    this.isPartial = true;
    return chunk.length;
  }

  private continue(chunk: Buffer, at: number, sink: (message: Buffer) => void): number {
    const take = Math.min(this.partial.length - this.have, chunk.length - at);
    chunk.copy(this.partial, this.have, at, at + take);
    this.have += take;
    if (this.have === this.partial.length) {
      const message = this.partial;
      this.partial = empty;
      this.isPartial = false;
      sink(message);
    }
    return at + take;
  }

  private lengthAt(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at + 1);
    if (bytes[at] !== 0 || length > this.maxMessageBytes) {
      throw new WeirError('protocol_violation', 'The tunnel peer broke the protocol.', {
        why: bytes[at] === 0 ? `A message of ${length} bytes.` : 'A compressed message.',
      });
    }
    return length;
  }
}
