import { WeirError } from '@weir/errors';
import type { JournalSessions } from './journal-sessions.ts';
import type { RecordingCutter } from './recording-cutter.ts';
import type { SessionLog } from './session-log.ts';

/** All sessions are cut when they hold so many bytes together. */
const highWaterBytes = 32 * 1024 * 1024;
/** Appends are refused when recordings are so far behind. */
const maxHeldBytes = 256 * 1024 * 1024;

/** Bounds what sessions hold in memory before it is cut into recordings. */
export interface HeldEntries {
  /** @throws WeirError recording_unavailable when the recordings cannot keep up. */
  check(): void;
  /** A session took `bytes`. */
  added(log: SessionLog, bytes: number): void;
  /** `bytes` went into a recording. */
  cut(bytes: number): void;
  /** Cuts what is older than the limit. */
  cutOld(nowMs: number): void;
}

/** When a session is cut: bytes it holds, age of its oldest entry. */
export interface CutLimits {
  readonly bytes: number;
  readonly ageMs: number;
}

/** Decides when a session is cut. */
export function createHeldEntries(sessions: JournalSessions, cutter: RecordingCutter, limits: CutLimits): HeldEntries {
  let held = 0;
  let sweeping = false;
  return {
    check() {
      if (held > maxHeldBytes) {
        throw new WeirError('recording_unavailable', 'The recordings cannot keep up.', {
          why: `${held} bytes wait for the disk.`,
        });
      }
    },
    added(log, bytes) {
      held += bytes;
      if (log.bytes >= limits.bytes) cutter.cut(log);
      if (held < highWaterBytes || sweeping) return;
      sweeping = true;
      for (const other of sessions.all()) cutter.cut(other);
    },
    cut(bytes) {
      held -= bytes;
      if (held < highWaterBytes / 2) sweeping = false;
    },
    cutOld(nowMs) {
      for (const log of sessions.all()) {
        if (log.parts.length > 0 && log.oldestAtMs <= nowMs - limits.ageMs) cutter.cut(log);
      }
    },
  };
}
