import { WeirError } from '@weir/errors';
import { Carry } from './carry.ts';
import type { RowMasks } from './engine-host.ts';
import { readInt16, readInt32, writeInt32 } from './integers.ts';
import type { Slab } from './slab.ts';

/** Space that is kept between two cells. */
const maxReusedBytes = 2 * 1024 * 1024;

function malformed(text: string): WeirError {
  return new WeirError('protocol_violation', `a row of the target ${text}`);
}

/**
 * Masks one row of length-prefixed cells (DataRow, binary COPY) that is too large to be put together: clear cells go to the slab as they come, a
 * masked cell is put together up to `maxCellBytes`. A larger one is passed over, never held: it becomes NULL, or what an empty one becomes where even
 * NULL is masked.
 */
export class CellWalker {
  readonly #masks: RowMasks;
  readonly #columns: number;
  readonly #cell: Carry;
  readonly #maxCellBytes: number;
  /** A number that comes in pieces: the count of columns, or a length. */
  readonly #number = Buffer.alloc(4);
  #numberLength = 0;
  #column = -1;
  #left = 0;
  #mode: 'number' | 'clear' | 'masked' | 'dropped' = 'number';

  /** @param columns how many of the row's columns are looked at: those up to the last masked one */
  constructor(masks: RowMasks, columns: number, maxCellBytes: number) {
    this.#masks = masks;
    this.#columns = columns;
    this.#maxCellBytes = maxCellBytes;
    this.#cell = new Carry(maxCellBytes);
  }

  /** All columns that are looked at were written. */
  get isDone(): boolean {
    return this.#column === this.#columns;
  }

  /** Takes bytes of the row from `source[start, end)`. @returns the position behind what was taken. @throws WeirError when the row does not fit its masks */
  push(source: Buffer, start: number, end: number, slab: Slab): number {
    let at = start;
    while (at < end && !this.isDone)
      at = this.#mode === 'number' ? this.#readNumber(source, at, end, slab) : this.#goOn(source, at, end, slab);
    return at;
  }

  #readNumber(source: Buffer, at: number, end: number, slab: Slab): number {
    const need = this.#column < 0 ? 2 : 4;
    const take = Math.min(need - this.#numberLength, end - at);
    source.copy(this.#number, this.#numberLength, at, at + take);
    this.#numberLength += take;
    if (this.#numberLength < need) return at + take;
    this.#numberLength = 0;
    if (this.#column < 0) this.#begin(slab);
    else this.#beginCell(readInt32(this.#number, 0), slab);
    return at + take;
  }

  #begin(slab: Slab): void {
    if (readInt16(this.#number, 0) !== this.#masks.length)
      throw malformed('has another number of columns than its description');
    slab.ensure(2);
    slab.copy(this.#number, 0, 2);
    this.#column = 0;
  }

  #beginCell(length: number, slab: Slab): void {
    if (length < -1) throw malformed('has a column of negative length');
    const mask = this.#masks[this.#column] ?? null;
    const isMasked = mask !== null && (length >= 0 || mask.masksNull === true);
    this.#mode = !isMasked ? 'clear' : length > this.#maxCellBytes ? 'dropped' : 'masked';
    this.#left = Math.max(0, length);
    if (this.#mode === 'clear') {
      slab.ensure(4);
      slab.copy(this.#number, 0, 4);
    }
    if (this.#left === 0) this.#endCell(slab);
  }

  #goOn(source: Buffer, at: number, end: number, slab: Slab): number {
    const take = Math.min(this.#left, end - at);
    if (this.#mode === 'clear') {
      slab.ensure(take);
      slab.copy(source, at, at + take);
    } else if (this.#mode === 'masked') this.#cell.add(source, at, at + take);
    this.#left -= take;
    if (this.#left === 0) this.#endCell(slab);
    return at + take;
  }

  #endCell(slab: Slab): void {
    const mask = this.#masks[this.#column] ?? null;
    if (mask !== null && (this.#mode === 'masked' || (this.#mode === 'dropped' && mask.masksNull === true))) {
      const { buffer, length } = this.#cell;
      slab.ensure(4 + mask.maxLength(length));
      const written = mask.write(buffer, 0, length, slab.buffer, slab.position + 4);
      writeInt32(slab.buffer, slab.position, written);
      slab.position += written < 0 ? 4 : 4 + written;
      // Kept for the next cell, unless it is large.
      if (buffer.length > maxReusedBytes) this.#cell.release();
      else this.#cell.clear();
    } else if (this.#mode === 'dropped') {
      slab.ensure(4);
      writeInt32(slab.buffer, slab.position, -1);
      slab.position += 4;
    }
    this.#mode = 'number';
    this.#column++;
  }
}
