import { WeirError } from '@weir/errors';

/** A recording that is not what was written: says where (chunk counted from 0, null outside of chunks; byte offset in the file) and why. */
export class RecordingDamage extends WeirError {
  readonly chunk: number | null;
  readonly offset: number;

  constructor(why: string, offset: number, chunk: number | null, cause?: unknown) {
    const place = chunk === null ? `at byte ${offset}` : `in chunk ${chunk} at byte ${offset}`;
    super(
      'evidence_broken',
      `The recording is damaged ${place}: ${why}`,
      cause === undefined ? { why } : { why, cause },
    );
    this.chunk = chunk;
    this.offset = offset;
  }
}
