import type { RowMasks } from './engine-host.ts';
import type { Slab } from './slab.ts';

/**
 * Cuts COPY output into rows. Bytes come in any pieces; each row is written as one CopyData message into the slab, or as several where the row is too
 * large to be put together (clients take any division, "COPY Operations").
 */
export interface CopyCodec {
  /** Takes `source[start, end)`. `publish` is called after each message that was written. @throws WeirError when rows do not fit the masks */
  push(source: Buffer, start: number, end: number, slab: Slab, publish: () => void): void;
  /** The server said CopyDone. @throws WeirError when a row is incomplete */
  finish(): void;
  /** Rows written, headers not counted. */
  readonly rows: number;
}

/** What the codecs share: masks by column, and how much of a row, and of a masked cell, is held. A masked cell that is larger becomes NULL. */
export interface CopyCodecOptions {
  readonly masks: RowMasks;
  readonly maxHeldBytes: number;
}

/** Writes the CopyData header's place; `endCopyData` fills in the length. */
export function beginCopyData(slab: Slab, capacity: number): void {
  slab.ensure(5 + capacity);
  slab.buffer[slab.position] = 0x64;
  slab.position += 5;
}

/** Fills in the length of the CopyData message that began at the slab's start. */
export function endCopyData(slab: Slab): void {
  const length = slab.position - slab.start - 1;
  const at = slab.start + 1;
  slab.buffer[at] = length >>> 24;
  slab.buffer[at + 1] = length >>> 16;
  slab.buffer[at + 2] = length >>> 8;
  slab.buffer[at + 3] = length;
}
