import type { RecordingAnchor } from './anchor.ts';
import type { RecordingBytes } from './byte-source.ts';
import { type Verification, verifyRecording } from './verify.ts';

/** What was found for one anchor or one file. */
export interface AnchorCheck {
  /** Null when a file without anchor does not tell its session. */
  readonly session: string | null;
  readonly file: string;
  /**
   * `sealed` complete and signed · `open` intact up to its anchor, not sealed (live or not yet recovered) · `broken` changed or cut ·
   * `missing` anchored but no file · `unanchored` a file that the store does not know.
   */
  readonly status: 'sealed' | 'open' | 'broken' | 'missing' | 'unanchored';
  readonly why: string;
  readonly verification: Verification | null;
}

/** Anchors of the store, names of the files there are, and a way to read one (null: gone). */
export interface VerifyAnchorsInput {
  readonly anchors: Iterable<RecordingAnchor>;
  readonly files: Iterable<string>;
  readonly open: (file: string) => Promise<RecordingBytes | null>;
}

function describe(result: Verification): Pick<AnchorCheck, 'status' | 'why'> {
  if (!result.ok) {
    const place = result.chunk === null ? `byte ${result.offset}` : `chunk ${result.chunk} (byte ${result.offset})`;
    return { status: 'broken', why: `${place}: ${result.why}` };
  }
  if (result.sealed) return { status: 'sealed', why: `${result.entries} entries, signed` };
  return {
    status: 'open',
    why: `${result.entries} entries, not sealed; ${result.unanchoredBytes} bytes not anchored yet`,
  };
}

async function checkAnchor(anchor: RecordingAnchor, open: VerifyAnchorsInput['open']): Promise<AnchorCheck> {
  const { session, file } = anchor;
  const bytes = await open(file);
  if (bytes === null) {
    const why = `the store anchored ${anchor.entries} entries in ${file}, which is not there`;
    return { session, file, status: 'missing', why, verification: null };
  }
  const verification = await verifyRecording(bytes, { anchor });
  return { session, file, ...describe(verification), verification };
}

async function checkStranger(file: string, open: VerifyAnchorsInput['open']): Promise<AnchorCheck | null> {
  const bytes = await open(file);
  if (bytes === null) return null;
  const verification = await verifyRecording(bytes);
  const why = verification.ok
    ? 'the store has no anchor for this file'
    : `the store has no anchor for this file; ${verification.why}`;
  return { session: verification.session, file, status: 'unanchored', why, verification };
}

/**
 * Compares recordings with the store's anchors, offline: one result for each anchor, then one for each file that no anchor names.
 * Take the anchors before the list of files: a live recording may only grow in between.
 */
export async function* verifyAgainstAnchors(input: VerifyAnchorsInput): AsyncGenerator<AnchorCheck> {
  const known = new Set<string>();
  for (const anchor of input.anchors) {
    known.add(anchor.file);
    yield await checkAnchor(anchor, input.open);
  }
  for (const file of input.files) {
    if (known.has(file)) continue;
    const check = await checkStranger(file, input.open);
    if (check !== null) yield check;
  }
}
