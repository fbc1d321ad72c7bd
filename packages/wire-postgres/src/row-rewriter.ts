import { WeirError } from '@weir/errors';
import type { RowMasks } from './engine-host.ts';
import { readInt16, readInt32, writeInt32 } from './integers.ts';
import type { Slab } from './slab.ts';

const dataRow = 0x44;

function malformed(text: string): WeirError {
  return new WeirError('protocol_violation', `a row of the target ${text}`);
}

/** Index behind the last masked column; 0 when all are clear. */
export function maskedPrefix(masks: RowMasks): number {
  let end = masks.length;
  while (end > 0 && masks[end - 1] === null) end--;
  return end;
}

/**
 * Writes one DataRow (body in `source[start, end)`) with masked cells into `slab` as a whole message; the caller publishes it.
 * Columns behind `prefix` (see maskedPrefix) are copied in one piece. @throws WeirError when the row does not fit its description
 */
export function writeMaskedRow(
  source: Buffer,
  start: number,
  end: number,
  masks: RowMasks,
  prefix: number,
  slab: Slab,
): void {
  if (end - start < 2 || readInt16(source, start) !== masks.length)
    throw malformed('has another number of columns than its description');
  slab.ensure(7 + (end - start));
  slab.buffer[slab.position] = dataRow;
  slab.position += 5;
  let at = start + 2;
  /** Where the bytes begin that were not written yet: clear cells go out together. */
  let clear = start;
  for (let column = 0; column < prefix; column++) {
    if (at + 4 > end) throw malformed('ends inside a column');
    const length = readInt32(source, at);
    const cellEnd = length < 0 ? at + 4 : at + 4 + length;
    if (length < -1 || cellEnd > end) throw malformed('has a column that is longer than the row');
    const mask = masks[column]!;
    if (mask !== null && (length >= 0 || mask.masksNull === true)) {
      slab.ensure(at - clear + 4 + mask.maxLength(Math.max(0, length)) + (end - cellEnd));
      slab.copy(source, clear, at);
      const written = mask.write(source, at + 4, cellEnd, slab.buffer, slab.position + 4);
      writeInt32(slab.buffer, slab.position, written);
      slab.position += written < 0 ? 4 : 4 + written;
      clear = cellEnd;
    }
    at = cellEnd;
  }
  if (prefix === masks.length && at !== end) throw malformed('has bytes behind its last column');
  slab.ensure(end - clear);
  slab.copy(source, clear, end);
  writeInt32(slab.buffer, slab.start + 1, slab.position - slab.start - 1);
}

/** The cells of a DataRow body as slices; null = SQL NULL. @throws WeirError when the row is malformed */
export function cellsOf(source: Buffer, start: number, end: number): (Buffer | null)[] {
  if (end - start < 2) throw malformed('is too short');
  const cells: (Buffer | null)[] = [];
  let at = start + 2;
  for (let left = readInt16(source, start) & 0xffff; left > 0; left--) {
    if (at + 4 > end) throw malformed('ends inside a column');
    const length = readInt32(source, at);
    at += 4;
    if (length < -1 || (length > 0 && at + length > end)) throw malformed('has a column that is longer than the row');
    cells.push(length < 0 ? null : source.subarray(at, at + length));
    if (length > 0) at += length;
  }
  if (at !== end) throw malformed('is longer than its columns');
  return cells;
}
