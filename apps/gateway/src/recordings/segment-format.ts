import { type Cipheriv, createCipheriv, createHmac, hash, hkdfSync } from 'node:crypto';
import { entryHeadBytes } from '@weir/recording';

/** First bytes of a segment; the last one is the version of the format. */
const segmentMagic = Buffer.from('WEIRJNL1', 'latin1');
/** First bytes of a batch ("WJB1"). */
export const batchMagic = 0x574a_4231;
/** Batches begin here: the header has a page of its own, which no batch's write touches. */
export const segmentDataStart = 4096;
/** Bytes of the header: magic, number, salt, MAC. */
export const segmentHeaderBytes = 8 + 6 + 32 + 32;
/** Bytes before a batch's ciphertext: magic, index, entries, length, first position, offset in the key stream, zeros, MAC before. */
export const batchHeadBytes = 4 + 4 + 4 + 4 + 6 + 6 + 4 + 32;
/** Bytes of a MAC (HMAC-SHA-256). */
export const macBytes = 32;
const padBytes = 64;
/** Where a batch begins in a block: HMAC's inner pad stands before it and is not written. */
export const batchOffset = padBytes;
/** Where entries begin in a block: HMAC's inner pad and the batch's head come first. */
export const blockStart = padBytes + batchHeadBytes;

/** Keys of one segment, made from the master key and the segment's random salt. */
export interface SegmentKeys {
  readonly cipherKey: Buffer;
  readonly macKey: Buffer;
}

/** Derives a segment's keys (HKDF-SHA-256). */
export function segmentKeys(masterKey: Uint8Array, salt: Uint8Array): SegmentKeys {
  const bytes = Buffer.from(hkdfSync('sha256', masterKey, salt, 'weir journal segment 1', 64));
  return { cipherKey: bytes.subarray(0, 32), macKey: bytes.subarray(32) };
}

function mac(macKey: Buffer, ...parts: readonly Uint8Array[]): Buffer {
  const hmac = createHmac('sha256', macKey);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

/** Makes a segment's header and the MAC that its first batch continues. */
export function encodeSegmentHeader(number: number, salt: Buffer, keys: SegmentKeys): { bytes: Buffer; mac: Buffer } {
  const bytes = Buffer.alloc(segmentHeaderBytes);
  segmentMagic.copy(bytes);
  bytes.writeUIntBE(number, 8, 6);
  salt.copy(bytes, 14);
  const tag = mac(keys.macKey, bytes.subarray(0, 46));
  tag.copy(bytes, 46);
  return { bytes, mac: tag };
}

/** Reads a segment's header; null when it is none of this master key. */
export function decodeSegmentHeader(
  bytes: Buffer,
  masterKey: Uint8Array,
): { readonly number: number; readonly keys: SegmentKeys; readonly mac: Buffer } | null {
  if (bytes.length < segmentHeaderBytes || !bytes.subarray(0, 8).equals(segmentMagic)) return null;
  const keys = segmentKeys(masterKey, bytes.subarray(14, 46));
  const tag = bytes.subarray(46, segmentHeaderBytes);
  if (!mac(keys.macKey, bytes.subarray(0, 46)).equals(tag)) return null;
  return { number: bytes.readUIntBE(8, 6), keys, mac: tag };
}

/** A cipher at `offset` of a segment's key stream (AES-256-CTR; the key is the segment's own, so the counter begins at zero). */
export function keyStreamAt(cipherKey: Buffer, offset: number): Cipheriv {
  const counter = Buffer.alloc(16);
  counter.writeUIntBE(Math.floor(offset / 16), 10, 6);
  const cipher = createCipheriv('aes-256-ctr', cipherKey, counter);
  if (offset % 16 > 0) cipher.update(Buffer.alloc(offset % 16));
  return cipher;
}

/** The readable part of a batch. */
export interface BatchHead {
  readonly index: number;
  readonly entries: number;
  readonly bytes: number;
  readonly first: number;
  readonly streamOffset: number;
}

/** Encrypts and authenticates batches of one segment, in order. */
export interface BatchSealer {
  /**
   * Turns a block (entries from {@link blockStart} to `end`, clear) into a batch in place, with {@link macBytes} behind `end`.
   * The bytes to write are `block.subarray(batchOffset, end + macBytes)`.
   */
  seal(block: Buffer, end: number, entries: number, first: number): void;
}

/**
 * HMAC is written out (RFC 2104: two hashes) and the key stream runs through the segment: a new Hmac and a new AES-GCM object for each
 * batch cost several times as much, at thousands of batches each second.
 */
export function createBatchSealer(keys: SegmentKeys, headerMac: Buffer): BatchSealer {
  const stream = keyStreamAt(keys.cipherKey, 0);
  const innerPad = Buffer.alloc(padBytes, 0x36);
  const outer = Buffer.alloc(padBytes + macBytes, 0x5c);
  keys.macKey.forEach((byte, at) => {
    innerPad[at] = byte ^ 0x36;
    outer[at] = byte ^ 0x5c;
  });
  let index = 0;
  let streamOffset = 0;
  let previous = headerMac;
  return {
    seal(block, end, entries, first) {
      const bytes = end - blockStart;
      innerPad.copy(block, 0);
      block.writeUInt32BE(batchMagic, padBytes);
      block.writeUInt32BE(index, padBytes + 4);
      block.writeUInt32BE(entries, padBytes + 8);
      block.writeUInt32BE(bytes, padBytes + 12);
      block.writeUIntBE(first, padBytes + 16, 6);
      block.writeUIntBE(streamOffset, padBytes + 22, 6);
      block.writeUInt32BE(0, padBytes + 28);
      previous.copy(block, padBytes + 32);
      stream.update(block.subarray(blockStart, end)).copy(block, blockStart);
      hash('sha256', block.subarray(0, end), 'buffer').copy(outer, padBytes);
      previous = hash('sha256', outer, 'buffer');
      previous.copy(block, end);
      index += 1;
      streamOffset += bytes;
    },
  };
}

/** An intact batch: its head, MAC, and entries in the clear. */
export interface OpenedBatch {
  readonly head: BatchHead;
  readonly previous: Buffer;
  readonly mac: Buffer;
  readonly clear: Buffer;
  readonly end: number;
}

/** Opens the batch at `offset` of a segment; null when there is none that is intact. */
export function openBatch(segment: Buffer, offset: number, keys: SegmentKeys): OpenedBatch | null {
  const start = offset + batchHeadBytes;
  if (start + macBytes > segment.length || segment.readUInt32BE(offset) !== batchMagic) return null;
  const bytes = segment.readUInt32BE(offset + 12);
  const end = start + bytes;
  if (end + macBytes > segment.length) return null;
  const tag = segment.subarray(end, end + macBytes);
  if (!mac(keys.macKey, segment.subarray(offset, end)).equals(tag)) return null;
  const head = {
    index: segment.readUInt32BE(offset + 4),
    entries: segment.readUInt32BE(offset + 8),
    bytes,
    first: segment.readUIntBE(offset + 16, 6),
    streamOffset: segment.readUIntBE(offset + 22, 6),
  };
  const clear = keyStreamAt(keys.cipherKey, head.streamOffset).update(segment.subarray(start, end));
  return { head, previous: segment.subarray(offset + 32, start), mac: tag, clear, end: end + macBytes };
}

/** Bytes of a journal frame before the entry: length of the session's name, the name, number of the entry in its session. */
export function frameHeadBytes(sessionBytes: number): number {
  return 1 + sessionBytes + 6;
}

/** One entry in a batch. `entry` is the entry as recordings hold it (head and JSON). */
export interface JournalFrame {
  readonly session: string;
  readonly number: number;
  readonly entry: Buffer;
}

/** Reads the frames of a batch. @throws RangeError when lengths do not fit, which an authentic batch never has. */
export function* readFrames(clear: Buffer): Generator<JournalFrame> {
  let offset = 0;
  while (offset < clear.length) {
    const nameBytes = clear.readUInt8(offset);
    const session = clear.toString('latin1', offset + 1, offset + 1 + nameBytes);
    const number = clear.readUIntBE(offset + 1 + nameBytes, 6);
    const start = offset + frameHeadBytes(nameBytes);
    const end = start + entryHeadBytes + clear.readUInt32BE(start);
    if (end > clear.length) throw new RangeError('a frame is longer than its batch');
    yield { session, number, entry: clear.subarray(start, end) };
    offset = end;
  }
}
