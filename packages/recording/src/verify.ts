import { createPublicKey, verify } from 'node:crypto';
import type { RecordingAnchor } from './anchor.ts';
import type { RecordingBytes } from './byte-source.ts';
import { RecordingDamage } from './damage.ts';
import { type RecordingHeader, type SealBody, sealedMessage } from './format.ts';
import { walkRecording } from './walk.ts';

/** Result of a verification. `offset` is where the first damaged record begins (or the file is cut), `chunk` counts from 0. */
export type Verification =
  | {
      readonly ok: true;
      readonly session: string;
      readonly sealed: boolean;
      readonly entries: number;
      readonly bytes: number;
      readonly headHash: string;
      readonly publicKey: string;
      /** Bytes behind the anchored end of an unsealed recording: written after the last anchor, or torn by a crash. Not covered. */
      readonly unanchoredBytes: number;
    }
  | {
      readonly ok: false;
      readonly session: string | null;
      readonly chunk: number | null;
      readonly offset: number;
      readonly why: string;
    };

interface Progress {
  header: RecordingHeader | null;
  entries: number;
  bytes: number;
  total: number;
  hash: Buffer;
  sealed: boolean;
  anchored: boolean;
}

function checkSignature(header: RecordingHeader, seal: SealBody, head: Buffer, start: number): void {
  const key = createPublicKey({ key: Buffer.from(header.publicKey, 'base64'), format: 'der', type: 'spki' });
  if (!verify(null, sealedMessage(header, head, seal), key, seal.signature)) {
    throw new RecordingDamage("the seal's signature is not the gateway's", start, null);
  }
}

function checkHeader(header: RecordingHeader, expected: VerifyOptions): void {
  const { anchor, publicKey = anchor?.publicKey } = expected;
  if (anchor !== undefined && header.session !== anchor.session) {
    throw new RecordingDamage(`it is the recording of session ${header.session}`, 0, null);
  }
  if (publicKey !== undefined && header.publicKey !== publicKey) {
    throw new RecordingDamage("its public key is not the gateway's", 0, null);
  }
}

function reachesAnchor(progress: Progress, anchor: RecordingAnchor): boolean {
  return (
    progress.bytes === anchor.bytes &&
    progress.entries === anchor.entries &&
    progress.hash.toString('hex') === anchor.headHash &&
    (progress.sealed || !anchor.sealed)
  );
}

async function* counted(bytes: RecordingBytes, progress: Progress): AsyncGenerator<Uint8Array> {
  if (bytes instanceof Uint8Array) {
    progress.total = bytes.length;
    yield bytes;
    return;
  }
  for await (const piece of bytes) {
    progress.total += piece.length;
    yield piece;
  }
}

async function walk(source: AsyncGenerator<Uint8Array>, options: VerifyOptions, progress: Progress): Promise<void> {
  const { anchor } = options;
  // Without its `return`, so that the source survives the walk.
  const pieces = { [Symbol.asyncIterator]: () => ({ next: () => source.next() }) };
  for await (const record of walkRecording(pieces)) {
    if (record.kind === 'header') {
      checkHeader(record.header, options);
      progress.header = record.header;
    } else if (record.kind === 'chunk') progress.entries += record.head.entries;
    else if (progress.header !== null) {
      checkSignature(progress.header, record.seal, record.previous, record.start);
      progress.sealed = true;
    }
    progress.bytes = record.end;
    progress.hash = record.hash;
    if (anchor !== undefined && reachesAnchor(progress, anchor)) progress.anchored = true;
    if (anchor !== undefined && !progress.anchored && progress.bytes >= anchor.bytes) {
      throw new RecordingDamage('the store anchored another content up to here', record.start, null);
    }
  }
}

function missingEnd(progress: Progress, anchor: RecordingAnchor): string {
  return `the file ends after ${progress.bytes} bytes and ${progress.entries} entries; the store anchored ${anchor.bytes} bytes and ${anchor.entries} entries`;
}

/** What a recording is compared with. */
export interface VerifyOptions {
  /** The store's anchor: without it a cut tail of an unsealed recording and a replaced file cannot be noticed. */
  readonly anchor?: RecordingAnchor;
  /** The gateway's public key (SPKI DER, base64), when there is no anchor; without either the file's own key is taken. */
  readonly publicKey?: string;
}

/**
 * Verifies a recording without any key: structure, hash chain, seal and signature, and the store's anchor.
 * With an anchor every changed, removed, added or reordered byte up to the anchored end is found, and so is a cut tail.
 * An unsealed recording (live, or of a crashed gateway) verifies up to its anchored end; what follows is counted in `unanchoredBytes`.
 */
export async function verifyRecording(bytes: RecordingBytes, options: VerifyOptions = {}): Promise<Verification> {
  const { anchor } = options;
  const progress: Progress = {
    header: null,
    entries: 0,
    bytes: 0,
    total: 0,
    hash: Buffer.alloc(0),
    sealed: false,
    anchored: false,
  };
  const source = counted(bytes, progress);
  try {
    await walk(source, options, progress);
    if (anchor !== undefined && !progress.anchored) {
      throw new RecordingDamage(missingEnd(progress, anchor), progress.bytes, null);
    }
  } catch (error) {
    if (!(error instanceof RecordingDamage)) throw error;
    if (!(progress.anchored && anchor?.sealed === false && !progress.sealed)) {
      const session = progress.header?.session ?? null;
      return { ok: false, session, chunk: error.chunk, offset: error.offset, why: error.why ?? error.message };
    }
    // The rest is not walked, but counted, so that the caller learns how much is not covered.
    while ((await source.next()).done !== true);
  } finally {
    await source.return(undefined);
  }
  return verified(progress, anchor);
}

function verified(progress: Progress, anchor: RecordingAnchor | undefined): Verification {
  const { header, entries, bytes, hash, sealed } = progress;
  if (header === null) throw new Error('a recording without header cannot verify');
  const unanchoredBytes = anchor === undefined ? 0 : progress.total - anchor.bytes;
  const { session, publicKey } = header;
  return { ok: true, session, sealed, entries, bytes, headHash: hash.toString('hex'), publicKey, unanchoredBytes };
}
