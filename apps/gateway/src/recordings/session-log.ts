import type { RecordingWriter } from '@weir/recording';

/** Entries of a session that are not in its recording yet, as the recording will hold them. */
export interface Part {
  buffer: Buffer;
  used: number;
  entries: number;
  /** Journal position of its first entry. */
  readonly first: number;
}

/** Bytes of a part: one chunk of the recording. */
const partBytes = 1024 * 1024;
const firstPartBytes = 2048;

/** What the journal holds in memory about one session. */
export interface SessionLog {
  readonly session: string;
  /** Name and its length, as journal frames begin. */
  readonly name: Buffer;
  /** Entries so far; the last one's number. */
  entries: number;
  /** Last sequence of channel 0. */
  notes: number;
  /** Not cut yet, oldest first. */
  parts: Part[];
  /** Being written to the recording right now. */
  cutting: readonly Part[];
  /** Bytes in `parts`. */
  bytes: number;
  /** When the oldest entry of `parts` came. */
  oldestAtMs: number;
  /** Position of the first entry that is in the recording but not anchored yet. */
  unanchored: number | null;
  /** The recording's writer and file, once begun. */
  recording: { readonly writer: RecordingWriter; bytes: number } | null;
  ended: boolean;
}

/** A session without entries. `session` is ASCII (the name pattern of recordings). */
export function createSessionLog(session: string): SessionLog {
  const name = Buffer.from(` ${session}`, 'latin1');
  name.writeUInt8(name.length - 1, 0);
  return {
    session,
    name,
    entries: 0,
    notes: 0,
    parts: [],
    cutting: [],
    bytes: 0,
    oldestAtMs: 0,
    unanchored: null,
    recording: null,
    ended: false,
  };
}

function grown(part: Part, size: number): Part {
  const length = Math.max(part.used + size, Math.min(part.buffer.length * 2, partBytes));
  const buffer = Buffer.allocUnsafeSlow(length);
  part.buffer.copy(buffer, 0, 0, part.used);
  part.buffer = buffer;
  return part;
}

/** The part that takes the next entry of `size` bytes. Readers' views of a part stay valid: bytes before `used` never change. */
export function partFor(log: SessionLog, size: number, position: number, nowMs: number): Part {
  const last = log.parts.at(-1);
  if (last !== undefined && last.used + size <= last.buffer.length) return last;
  if (last !== undefined && last.used + size <= partBytes) return grown(last, size);
  if (last === undefined) log.oldestAtMs = nowMs;
  const buffer = Buffer.allocUnsafeSlow(Math.max(size, last === undefined ? firstPartBytes : partBytes));
  const part = { buffer, used: 0, entries: 0, first: position };
  log.parts.push(part);
  return part;
}

/** First journal position of the session that the journal still must keep; Infinity when there is none. */
export function firstNeeded(log: SessionLog): number {
  return log.unanchored ?? log.cutting[0]?.first ?? log.parts[0]?.first ?? Number.POSITIVE_INFINITY;
}
