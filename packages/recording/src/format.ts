import { createHash } from 'node:crypto';

/** First bytes of every recording; the last one is the version of the format. */
export const magic = Buffer.from('WEIRREC1', 'latin1');
/** Most bytes of the header's JSON. */
export const maxHeaderBytes = 8192;
/** Most bytes of one event's JSON; larger events are refused when they are appended. */
export const maxEventBytes = 8 * 1024 * 1024;
/** Most bytes of a chunk's entries, uncompressed. */
export const maxChunkClearBytes = 16 * 1024 * 1024;
/** Most bytes of a chunk's payload in the file: incompressible entries, zstd's frame, nonce and tag. */
export const maxChunkPayloadBytes = maxChunkClearBytes + 128 * 1024;
/** Bytes of a chain hash (SHA-256). */
export const hashBytes = 32;
/** Bytes before a chunk's payload: kind, index, entries, first entry, clear length, payload length. */
export const chunkHeadBytes = 1 + 4 + 4 + 6 + 4 + 4;
/** Bytes of the seal without its hash: kind, chunks, entries, bytes, Ed25519 signature. */
export const sealBodyBytes = 1 + 4 + 6 + 6 + 64;
/** First byte of a chunk ("C"). */
export const chunkKind = 0x43;
/** First byte of the seal ("S"). */
export const sealKind = 0x53;

/** The data key of a recording, wrapped under the gateway's recording master key (AES-256-GCM); all base64, `master` names the master key. */
export interface WrappedKey {
  readonly master: string;
  readonly nonce: string;
  readonly key: string;
  readonly tag: string;
}

/** The header of a recording. */
export interface RecordingHeader {
  readonly format: 1;
  readonly session: string;
  /** Random name of this chain, 16 bytes in hex: two recordings of one session are never mistaken for one another. */
  readonly chain: string;
  readonly createdAtMs: number;
  /** Ed25519 public key of the signer: SubjectPublicKeyInfo DER, base64. */
  readonly publicKey: string;
  readonly dataKey: WrappedKey;
}

/** The readable part of a chunk. */
export interface ChunkHead {
  readonly index: number;
  readonly entries: number;
  /** Number of the first entry, counted from 1 over the recording. */
  readonly first: number;
  readonly clearBytes: number;
  readonly payloadBytes: number;
}

/** The fields of a seal. */
export interface SealBody {
  readonly chunks: number;
  readonly entries: number;
  /** Bytes of the file before the seal. */
  readonly bytes: number;
  readonly signature: Buffer;
}

/** Next hash of the chain: SHA-256 over the hash before and the record's bytes. The header's is taken over its own bytes alone. */
export function chainHash(previous: Uint8Array | null, ...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  if (previous !== null) hash.update(previous);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** The header's bytes without its hash: magic, length, JSON. */
export function encodeHeader(header: RecordingHeader): Buffer {
  const json = Buffer.from(JSON.stringify(header), 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([magic, length, json]);
}

/** A chunk's bytes before its payload. */
export function encodeChunkHead(head: ChunkHead): Buffer {
  const bytes = Buffer.alloc(chunkHeadBytes);
  bytes.writeUInt8(chunkKind, 0);
  bytes.writeUInt32BE(head.index, 1);
  bytes.writeUInt32BE(head.entries, 5);
  bytes.writeUIntBE(head.first, 9, 6);
  bytes.writeUInt32BE(head.clearBytes, 15);
  bytes.writeUInt32BE(head.payloadBytes, 19);
  return bytes;
}

/** Reads {@link chunkHeadBytes} bytes; bounds are the caller's to check. */
export function decodeChunkHead(bytes: Buffer): ChunkHead {
  return {
    index: bytes.readUInt32BE(1),
    entries: bytes.readUInt32BE(5),
    first: bytes.readUIntBE(9, 6),
    clearBytes: bytes.readUInt32BE(15),
    payloadBytes: bytes.readUInt32BE(19),
  };
}

/** The seal's bytes without its hash. */
export function encodeSeal(seal: SealBody): Buffer {
  const bytes = Buffer.alloc(sealBodyBytes);
  bytes.writeUInt8(sealKind, 0);
  bytes.writeUInt32BE(seal.chunks, 1);
  bytes.writeUIntBE(seal.entries, 5, 6);
  bytes.writeUIntBE(seal.bytes, 11, 6);
  seal.signature.copy(bytes, 17);
  return bytes;
}

/** Reads {@link sealBodyBytes} bytes. */
export function decodeSeal(bytes: Buffer): SealBody {
  return {
    chunks: bytes.readUInt32BE(1),
    entries: bytes.readUIntBE(5, 6),
    bytes: bytes.readUIntBE(11, 6),
    signature: bytes.subarray(17, sealBodyBytes),
  };
}

/** What the seal's signature covers: purpose, session, chain, counts and the chain's head before the seal. */
export function sealedMessage(header: RecordingHeader, head: Uint8Array, seal: Omit<SealBody, 'signature'>): Buffer {
  const facts = [header.session, header.chain, seal.chunks, seal.entries, seal.bytes];
  return Buffer.concat([Buffer.from(`weir recording seal 1\n${JSON.stringify(facts)}\n`, 'utf8'), head]);
}
