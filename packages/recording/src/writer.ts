import { createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import type { RecordingAnchor } from './anchor.ts';
import { sealPayload, unwrapDataKey, wrapDataKey } from './chunk-cipher.ts';
import {
  chainHash,
  encodeChunkHead,
  encodeHeader,
  encodeSeal,
  maxChunkClearBytes,
  type RecordingHeader,
  sealedMessage,
} from './format.ts';
import { sessionPattern } from './header-parse.ts';
import type { RecordingState } from './inspect.ts';

const compress = promisify(zstdCompress);
/** The cheapest level: recordings are cut while the gateway relays. */
const compression = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** Keys and identity of a new recording. */
export interface RecordingWriterOptions {
  /** Name of the session; stands in the file's name too (letters, digits, `_`, `-`, `~`; at most 100). */
  readonly session: string;
  readonly createdAtMs: number;
  /** 32 bytes; wraps the recording's own data key. */
  readonly masterKey: Uint8Array;
  /** Ed25519 private key of the gateway. */
  readonly signingKey: KeyObject;
}

/**
 * Makes the bytes of one recording; the caller stores them in order, each piece once. Calls must not overlap.
 * Pure but for randomness (data key, nonces).
 */
export interface RecordingWriter {
  /** The file's first bytes; empty when the writer continues a recording. */
  readonly head: Buffer;
  /** The next chunk: `entries` entries as `writeEntry` wrote them, at most 16 MiB. */
  chunk(clear: Buffer, entries: number): Promise<Buffer>;
  /** The last bytes. No chunk may follow. */
  seal(): Buffer;
  /** The anchor of everything made so far. */
  anchor(file: string): RecordingAnchor;
}

/** DER (SubjectPublicKeyInfo) of a signing key's public half, base64: as headers and anchors carry it. */
export function publicKeyOf(signingKey: KeyObject): string {
  return createPublicKey(signingKey).export({ format: 'der', type: 'spki' }).toString('base64');
}

function newHeader(options: RecordingWriterOptions): { header: RecordingHeader; dataKey: Buffer } {
  const { session, createdAtMs, masterKey, signingKey } = options;
  if (!sessionPattern.test(session)) throw new RangeError(`"${session}" cannot name a recording`);
  const chain = randomBytes(16).toString('hex');
  const dataKey = randomBytes(32);
  const wrapped = wrapDataKey(masterKey, dataKey, session, chain);
  return {
    header: { format: 1, session, chain, createdAtMs, publicKey: publicKeyOf(signingKey), dataKey: wrapped },
    dataKey,
  };
}

interface Start {
  readonly header: RecordingHeader;
  readonly dataKey: Buffer;
  readonly head: Buffer;
  readonly state: Omit<RecordingState, 'header'>;
}

function createWriter(start: Start, signingKey: KeyObject): RecordingWriter {
  const { header, dataKey } = start;
  let { hash, chunks, entries, bytes, sealed } = start.state;
  const advance = (record: Buffer, next: Buffer): Buffer => {
    hash = next;
    bytes += record.length + next.length;
    return Buffer.concat([record, next]);
  };
  return {
    head: start.head,
    async chunk(clear, count) {
      if (sealed) throw new Error('the recording is sealed');
      if (clear.length > maxChunkClearBytes || count < 1) throw new RangeError('a chunk holds 1 entry to 16 MiB');
      const compressed = await compress(clear, compression);
      const payloadBytes = compressed.length + 28;
      const head = encodeChunkHead({
        index: chunks,
        entries: count,
        first: entries + 1,
        clearBytes: clear.length,
        payloadBytes,
      });
      const payload = sealPayload(dataKey, Buffer.concat([head, hash]), compressed);
      const record = Buffer.concat([head, payload]);
      chunks += 1;
      entries += count;
      return advance(record, chainHash(hash, record));
    },
    seal() {
      if (sealed) throw new Error('the recording is sealed');
      sealed = true;
      const counts = { chunks, entries, bytes };
      const record = encodeSeal({ ...counts, signature: sign(null, sealedMessage(header, hash, counts), signingKey) });
      return advance(record, chainHash(hash, record));
    },
    anchor: (file) => ({
      session: header.session,
      entries,
      bytes,
      headHash: hash.toString('hex'),
      sealed,
      publicKey: header.publicKey,
      file,
    }),
  };
}

/** Begins a recording with a data key of its own. @throws RangeError for a session name that cannot name a file. */
export function createRecordingWriter(options: RecordingWriterOptions): RecordingWriter {
  const { header, dataKey } = newHeader(options);
  const record = encodeHeader(header);
  const hash = chainHash(null, record);
  const head = Buffer.concat([record, hash]);
  const state = { hash, chunks: 0, entries: 0, bytes: head.length, sealed: false };
  return createWriter({ header, dataKey, head, state }, options.signingKey);
}

/**
 * Continues an unsealed recording behind its last intact chunk.
 * @throws WeirError evidence_broken when it was made under other keys.
 */
export function resumeRecordingWriter(
  state: RecordingState,
  keys: Pick<RecordingWriterOptions, 'masterKey' | 'signingKey'>,
): RecordingWriter {
  const { header } = state;
  const dataKey = unwrapDataKey(keys.masterKey, header.dataKey, header.session, header.chain);
  return createWriter({ header, dataKey, head: Buffer.alloc(0), state }, keys.signingKey);
}
