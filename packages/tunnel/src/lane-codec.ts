import { prefixBytes, prefixed, writePrefix } from './message-framing.ts';
import { malformed, varintSize, WireReader, wireType, writeVarint } from './protobuf-wire.ts';
import { Slab } from './slab.ts';

/** Largest batch: with its 5-byte prefix it fills one TLS record of 16,384 bytes, and arrives as one chunk. */
export const maxBatchBytes = 16_379;

/** Tags of Batch and Frame: field number << 3 | wire type (tunnel.proto). */
const tag = { frames: 0x0a, channel: 0x08, kind: 0x10, data: 0x1a, sequence: 0x20 } as const;

/** What a decoder hands over for each frame; `data` is a slice of the message. */
export type FrameSink = (channel: number, kind: number, data: Buffer, sequence: number) => void;

const empty: Buffer = Buffer.alloc(0);

/** Size of a Frame's content without its data field. */
function headSize(channel: number, kind: number, sequence: number): number {
  let size = 0;
  if (channel > 0) size += 1 + varintSize(channel);
  if (kind > 0) size += 1 + varintSize(kind);
  if (sequence > 0) size += 1 + varintSize(sequence);
  return size;
}

/** Size of a Frame's content with `length` bytes of data. */
function bodySize(channel: number, kind: number, length: number, sequence: number): number {
  return headSize(channel, kind, sequence) + (length > 0 ? 1 + varintSize(length) + length : 0);
}

/** Bytes that a frame takes in a batch. */
export function frameSize(channel: number, kind: number, length: number, sequence: number): number {
  const body = bodySize(channel, kind, length, sequence);
  return 1 + varintSize(body) + body;
}

/** Encodes one frame at `offset`; the one copy that data takes on its way out. @returns the offset behind it. */
function writeFrame(
  target: Buffer,
  offset: number,
  channel: number,
  kind: number,
  data: Uint8Array,
  sequence: number,
): number {
  let at = offset;
  target[at++] = tag.frames;
  at = writeVarint(target, at, bodySize(channel, kind, data.length, sequence));
  if (channel > 0) {
    target[at++] = tag.channel;
    at = writeVarint(target, at, channel);
  }
  if (kind > 0) {
    target[at++] = tag.kind;
    at = writeVarint(target, at, kind);
  }
  if (data.length > 0) {
    target[at++] = tag.data;
    at = writeVarint(target, at, data.length);
    target.set(data, at);
    at += data.length;
  }
  if (sequence > 0) {
    target[at++] = tag.sequence;
    at = writeVarint(target, at, sequence);
  }
  return at;
}

/** A batch with one frame of any size, for control frames that are larger than a batch; with its prefix. */
export function encodeSingle(channel: number, kind: number, data: Uint8Array, sequence: number): Buffer {
  const size = frameSize(channel, kind, data.length, sequence);
  const message = Buffer.allocUnsafe(prefixBytes + size);
  writePrefix(message, 0, size);
  writeFrame(message, prefixBytes, channel, kind, data, sequence);
  return message;
}

/** Collects frames into one batch of at most maxBatchBytes. Finished batches are never written again unless they are held and released. */
export class BatchWriter {
  private readonly slab = new Slab(8 * (prefixBytes + maxBatchBytes));
  private buffer: Buffer = empty;
  private length = 0;

  /** Bytes written since the last finish(). */
  get size(): number {
    return this.length;
  }

  /** Does a frame of this size fit? */
  fits(channel: number, kind: number, length: number, sequence: number): boolean {
    return frameSize(channel, kind, length, sequence) <= maxBatchBytes - this.length;
  }

  /** Most data bytes that one more frame can carry; may be 0. */
  dataRoom(channel: number, kind: number, sequence: number): number {
    // Frame tag, two length prefixes of at most 3 bytes and the data tag: a few bytes of slack keep the sum simple.
    return Math.max(0, maxBatchBytes - this.length - headSize(channel, kind, sequence) - 8);
  }

  /** Adds a frame that fits. */
  add(channel: number, kind: number, data: Uint8Array, sequence: number): void {
    if (this.length === 0) this.buffer = this.slab.reserve(prefixBytes + maxBatchBytes);
    this.length = writeFrame(this.buffer, prefixBytes + this.length, channel, kind, data, sequence) - prefixBytes;
  }

  /** The batch, encoded, behind its prefix; the writer starts anew. */
  finish(): Buffer {
    if (this.length === 0) return prefixed(empty);
    const size = prefixBytes + this.length;
    const message = this.buffer.subarray(0, size);
    writePrefix(message, 0, this.length);
    this.slab.commit(size);
    this.length = 0;
    return message;
  }

  /** A finished batch (or several that lie side by side) is with the transport. */
  hold(message: Buffer): void {
    this.slab.hold(message);
  }

  /** The transport is done with it: its memory may be written again. */
  release(message: Buffer): void {
    this.slab.release(message);
  }
}

/** Reads one Frame that ends at `end` and hands it over. */
function readFrame(bytes: Buffer, start: number, end: number, sink: FrameSink): void {
  const reader = new WireReader(bytes, start, end);
  let channel = 0;
  let kind = 0;
  let sequence = 0;
  let data = empty;
  while (reader.position < end) {
    const next = reader.varint();
    if (next === tag.channel) channel = reader.varint();
    else if (next === tag.kind) kind = reader.varint();
    else if (next === tag.data) data = reader.slice();
    else if (next === tag.sequence) sequence = reader.varint();
    else skipUnknown(reader, next, 4);
  }
  if (channel > 0xffff_ffff) throw malformed('A channel number is larger than 32 bits.');
  sink(channel, kind, data, sequence);
}

/** Skips a field of a later version; a known field of another wire type is refused. */
function skipUnknown(reader: WireReader, fieldTag: number, knownFields: number): void {
  const field = Math.floor(fieldTag / 8);
  if (field === 0) throw malformed('Field number 0 does not exist.');
  if (field <= knownFields) throw malformed(`Field ${field} has the wrong wire type.`);
  reader.skip(fieldTag % 8);
}

/** Decodes a LaneRequest or LaneResponse, frame by frame. @throws WeirError protocol_violation for anything malformed. */
export function decodeBatch(message: Buffer, sink: FrameSink): void {
  const reader = new WireReader(message);
  while (reader.position < reader.end) {
    const next = reader.varint();
    if (next !== tag.frames) {
      skipUnknown(reader, next, 1);
      continue;
    }
    const end = reader.contentEnd();
    readFrame(message, reader.position, end, sink);
    reader.position = end;
  }
}

/** Tag of the only field of ConnectRequest and ConnectResponse. */
const bytesTag = (1 << 3) | wireType.bytes;

/** Encodes ConnectRequest/ConnectResponse {bytes data = 1} from chunks of `length` bytes together. */
export function encodeBytes(chunks: readonly Uint8Array[], length: number): Buffer {
  if (length === 0) return empty;
  const message = Buffer.allocUnsafe(1 + varintSize(length) + length);
  message[0] = bytesTag;
  let at = writeVarint(message, 1, length);
  for (const chunk of chunks) {
    message.set(chunk, at);
    at += chunk.length;
  }
  return message;
}

/** Decodes ConnectRequest/ConnectResponse; the result is a slice of the message. @throws WeirError protocol_violation */
export function decodeBytes(message: Buffer): Buffer {
  const reader = new WireReader(message);
  let data = empty;
  while (reader.position < reader.end) {
    const next = reader.varint();
    if (next === bytesTag) data = reader.slice();
    else skipUnknown(reader, next, 1);
  }
  return data;
}
