import type { RecordingLog } from './recording-log.ts';
import type { Segment, SegmentPool } from './segment-pool.ts';

/** Full segments, oldest first, until nothing in them is needed. */
export interface FullSegments {
  /** Nothing more is written to the segment. */
  add(segment: Segment): void;
  /** Gives back the segments whose entries all stand before `needed`. */
  releaseBefore(needed: number): void;
  readonly count: number;
}

/** Gives segments back in order, so that those that remain are always the newest ones without a gap. */
export function createFullSegments(pool: SegmentPool, log: RecordingLog): FullSegments {
  const full: Segment[] = [];
  return {
    add(segment) {
      full.push(segment);
      segment.handle
        .close()
        .catch((error: unknown) => log.warn('a segment could not be closed', { error: String(error) }));
    },
    releaseBefore(needed) {
      while (full[0] !== undefined && full[0].last < needed) void pool.release(full.shift() as Segment);
    },
    get count() {
      return full.length;
    },
  };
}
