import { type ByteSource, createByteSource, type RecordingBytes } from './byte-source.ts';
import { RecordingDamage } from './damage.ts';
import {
  type ChunkHead,
  chainHash,
  chunkHeadBytes,
  chunkKind,
  decodeChunkHead,
  decodeSeal,
  hashBytes,
  magic,
  maxChunkClearBytes,
  maxChunkPayloadBytes,
  maxHeaderBytes,
  type RecordingHeader,
  type SealBody,
  sealBodyBytes,
  sealKind,
} from './format.ts';
import { parseHeader } from './header-parse.ts';

interface RecordBase {
  /** Chain hash before this record. */
  readonly previous: Buffer;
  /** Chain hash after this record. */
  readonly hash: Buffer;
  /** Offsets in the file: [start, end). */
  readonly start: number;
  readonly end: number;
}
/** One record of the file, in order: header, chunks, at most one seal. */
export type WalkedRecord =
  | (RecordBase & { readonly kind: 'header'; readonly header: RecordingHeader })
  | (RecordBase & {
      readonly kind: 'chunk';
      readonly head: ChunkHead;
      readonly headBytes: Buffer;
      readonly payload: Buffer;
    })
  | (RecordBase & { readonly kind: 'seal'; readonly seal: SealBody });

async function exactly(source: ByteSource, count: number, chunk: number | null): Promise<Buffer> {
  const start = source.offset;
  const bytes = await source.take(count);
  if (bytes.length < count) {
    throw new RecordingDamage(`the file ends after ${bytes.length} of ${count} bytes`, start, chunk);
  }
  return bytes;
}

function checkHash(stored: Buffer, computed: Buffer, start: number, chunk: number | null): void {
  if (!stored.equals(computed)) throw new RecordingDamage('its hash does not match its bytes', start, chunk);
}

async function walkHeader(source: ByteSource): Promise<WalkedRecord & { kind: 'header' }> {
  const lead = await exactly(source, magic.length + 4, null);
  if (!lead.subarray(0, magic.length).equals(magic)) {
    throw new RecordingDamage('it does not begin as a recording of format 1', 0, null);
  }
  const length = lead.readUInt32BE(magic.length);
  if (length > maxHeaderBytes) throw new RecordingDamage(`the header claims ${length} bytes`, magic.length, null);
  const json = await exactly(source, length, null);
  const hash = chainHash(null, lead, json);
  checkHash(await exactly(source, hashBytes, null), hash, 0, null);
  try {
    const header = parseHeader(json);
    return { kind: 'header', header, previous: Buffer.alloc(hashBytes), hash, start: 0, end: source.offset };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'the header cannot be read';
    throw new RecordingDamage(why, magic.length + 4, null, cause);
  }
}

interface Expected {
  readonly hash: Buffer;
  readonly chunks: number;
  readonly entries: number;
}

function checkChunkHead(head: ChunkHead, expected: Expected, start: number): void {
  const at = expected.chunks;
  if (head.index !== at) throw new RecordingDamage(`it carries number ${head.index}`, start, at);
  if (head.first !== expected.entries + 1) {
    throw new RecordingDamage(`its first entry is ${head.first}, expected ${expected.entries + 1}`, start, at);
  }
  if (head.entries < 1 || head.clearBytes > maxChunkClearBytes || head.payloadBytes > maxChunkPayloadBytes) {
    throw new RecordingDamage('its lengths are outside of the bounds', start, at);
  }
}

async function walkChunk(
  source: ByteSource,
  kind: Buffer,
  expected: Expected,
): Promise<WalkedRecord & { kind: 'chunk' }> {
  const start = source.offset - 1;
  const at = expected.chunks;
  const headBytes = Buffer.concat([kind, await exactly(source, chunkHeadBytes - 1, at)]);
  const head = decodeChunkHead(headBytes);
  checkChunkHead(head, expected, start);
  const payload = await exactly(source, head.payloadBytes, at);
  const hash = chainHash(expected.hash, headBytes, payload);
  checkHash(await exactly(source, hashBytes, at), hash, start, at);
  return { kind: 'chunk', head, headBytes, payload, previous: expected.hash, hash, start, end: source.offset };
}

async function walkSeal(
  source: ByteSource,
  kind: Buffer,
  expected: Expected,
): Promise<WalkedRecord & { kind: 'seal' }> {
  const start = source.offset - 1;
  const bytes = Buffer.concat([kind, await exactly(source, sealBodyBytes - 1, null)]);
  const hash = chainHash(expected.hash, bytes);
  checkHash(await exactly(source, hashBytes, null), hash, start, null);
  const seal = decodeSeal(bytes);
  if (seal.chunks !== expected.chunks || seal.entries !== expected.entries || seal.bytes !== start) {
    throw new RecordingDamage('the seal counts something else than what stands before it', start, null);
  }
  return { kind: 'seal', seal, previous: expected.hash, hash, start, end: source.offset };
}

async function* walkSource(source: ByteSource): AsyncGenerator<WalkedRecord> {
  const header = await walkHeader(source);
  yield header;
  let expected: Expected = { hash: header.hash, chunks: 0, entries: 0 };
  let kind = await source.take(1);
  while (kind.length === 1) {
    if (kind[0] === sealKind) {
      yield await walkSeal(source, kind, expected);
      const after = source.offset;
      if ((await source.take(1)).length > 0) throw new RecordingDamage('bytes follow the seal', after, null);
      return;
    }
    if (kind[0] !== chunkKind) throw new RecordingDamage('neither chunk nor seal', source.offset - 1, expected.chunks);
    const chunk = await walkChunk(source, kind, expected);
    yield chunk;
    expected = { hash: chunk.hash, chunks: expected.chunks + 1, entries: expected.entries + chunk.head.entries };
    kind = await source.take(1);
  }
}

/**
 * Walks the records of a recording and checks lengths, order and the hash chain; the seal's signature and the store's anchor are the verifier's.
 * Holds one chunk at a time (bounded by the format).
 * @throws RecordingDamage at the first record that is not intact; records yielded before it are.
 */
export async function* walkRecording(bytes: RecordingBytes): AsyncGenerator<WalkedRecord> {
  const source = createByteSource(bytes);
  try {
    yield* walkSource(source);
  } finally {
    await source.close();
  }
}
