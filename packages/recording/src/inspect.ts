import type { RecordingBytes } from './byte-source.ts';
import { RecordingDamage } from './damage.ts';
import type { RecordingHeader } from './format.ts';
import { type WalkedRecord, walkRecording } from './walk.ts';

/** How far a recording goes. */
export interface RecordingState {
  readonly header: RecordingHeader;
  readonly hash: Buffer;
  readonly chunks: number;
  readonly entries: number;
  readonly bytes: number;
  readonly sealed: boolean;
}

/** The intact beginning of a recording, and what stops it (null: nothing, the file ends there). */
export interface Inspection {
  readonly state: RecordingState | null;
  readonly damage: RecordingDamage | null;
}

function after(state: RecordingState | null, record: WalkedRecord): RecordingState {
  const { hash, end: bytes } = record;
  if (record.kind === 'header') return { header: record.header, hash, chunks: 0, entries: 0, bytes, sealed: false };
  if (state === null) throw new Error('a recording is walked from its header on');
  if (record.kind === 'seal') return { ...state, hash, bytes, sealed: true };
  return { ...state, hash, bytes, chunks: state.chunks + 1, entries: state.entries + record.head.entries };
}

/**
 * Finds the intact beginning of a recording, for recovery after a crash. `onRecord` sees the state after each record.
 * Checks structure and chain, not the signature.
 */
export async function inspectRecording(
  bytes: RecordingBytes,
  onRecord: (state: RecordingState) => void = () => undefined,
): Promise<Inspection> {
  let state: RecordingState | null = null;
  try {
    for await (const record of walkRecording(bytes)) {
      state = after(state, record);
      onRecord(state);
    }
    return { state, damage: null };
  } catch (error) {
    if (error instanceof RecordingDamage) return { state, damage: error };
    throw error;
  }
}
