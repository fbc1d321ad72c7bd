import { WeirError } from '@weir/errors';
import { Carry } from './carry.ts';
import { CellWalker } from './cell-walker.ts';
import { beginCopyData, type CopyCodec, type CopyCodecOptions, endCopyData } from './copy-row.ts';
import type { RowMasks } from './engine-host.ts';
import { readInt16, readInt32, writeInt32 } from './integers.ts';
import type { Slab } from './slab.ts';

const signature = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const headerBytes = signature.length + 8;

/** COPY TO STDOUT in binary format (COPY, "Binary Format"). */
export class CopyBinaryCodec implements CopyCodec {
  rows = 0;
  readonly #masks: RowMasks;
  readonly #carry: Carry;
  #state: 'header' | 'rows' | 'done' = 'header';
  readonly #maxHeldBytes: number;
  /** The row that is masked in pieces. */
  #wide: CellWalker | null = null;

  constructor(options: CopyCodecOptions) {
    this.#masks = options.masks;
    this.#maxHeldBytes = options.maxHeldBytes;
    this.#carry = new Carry(options.maxHeldBytes);
  }

  push(source: Buffer, start: number, end: number, slab: Slab, publish: () => void): void {
    let at = start;
    if (this.#wide !== null) at = this.#widePiece(this.#wide, source, at, end, slab, publish);
    if (at < end) this.#rows(source, at, end, slab, publish);
  }

  #rows(source: Buffer, start: number, end: number, slab: Slab, publish: () => void): void {
    const carry = this.#carry;
    let buffer = source;
    let at = start;
    let stop = end;
    const isCarried = carry.length > 0 && carry.length + end - start <= this.#maxHeldBytes;
    if (isCarried) {
      carry.add(source, start, end);
      buffer = carry.buffer;
      at = 0;
      stop = carry.length;
    } else if (carry.length > 0) {
      buffer = Buffer.concat([carry.buffer.subarray(0, carry.length), source.subarray(start, end)]);
      carry.release();
      at = 0;
      stop = buffer.length;
    }
    for (
      let next = this.#one(buffer, at, stop, slab, publish);
      next > at;
      next = this.#one(buffer, at, stop, slab, publish)
    )
      at = next;
    if (this.#state === 'rows' && stop - at >= this.#maxHeldBytes) {
      // The row is too large to be put together: it goes out in pieces.
      this.#wide = new CellWalker(this.#masks, this.#masks.length, this.#maxHeldBytes);
      this.#widePiece(this.#wide, buffer, at, stop, slab, publish);
      carry.release();
    } else if (isCarried) carry.drop(at);
    else carry.add(buffer, at, stop);
  }

  /** Writes a part of a wide row as a CopyData message of its own. @returns the position behind what belongs to the row */
  #widePiece(wide: CellWalker, source: Buffer, start: number, end: number, slab: Slab, publish: () => void): number {
    beginCopyData(slab, end - start);
    const next = wide.push(source, start, end, slab);
    endCopyData(slab);
    publish();
    if (wide.isDone) {
      this.#wide = null;
      this.rows++;
    }
    return next;
  }

  finish(): void {
    if (this.#wide !== null || this.#carry.length > 0)
      throw new WeirError('protocol_violation', 'the COPY output of the target ends in the middle of a row');
  }

  /** Handles the item at `at`. @returns the position behind it, or `at` when it is incomplete */
  #one(buffer: Buffer, at: number, end: number, slab: Slab, publish: () => void): number {
    const next =
      this.#state === 'rows'
        ? this.#rowEnd(buffer, at, end)
        : this.#state === 'header'
          ? this.#headerEnd(buffer, at, end)
          : at;
    if (this.#state === 'done' && end > at)
      throw new WeirError('protocol_violation', 'binary COPY output goes on behind its end');
    if (next === at) return at;
    const isRow = this.#state === 'rows' && readInt16(buffer, at) >= 0;
    beginCopyData(slab, next - at);
    if (isRow) this.#row(buffer, at, slab);
    else slab.copy(buffer, at, next);
    if (isRow) this.rows++;
    else this.#state = this.#state === 'header' ? 'rows' : 'done';
    endCopyData(slab);
    publish();
    return next;
  }

  #headerEnd(buffer: Buffer, at: number, end: number): number {
    if (end - at < headerBytes) return at;
    if (signature.compare(buffer, at, at + signature.length) !== 0) {
      throw new WeirError('protocol_violation', 'binary COPY output has no signature');
    }
    // Bit 16 (OIDs in the data) and the other critical flags change the layout of rows.
    const flags = readInt32(buffer, at + signature.length);
    const extension = readInt32(buffer, at + signature.length + 4);
    if (flags >>> 16 !== 0 || extension < 0)
      throw new WeirError('protocol_violation', 'binary COPY output has unknown flags');
    return end - at < headerBytes + extension ? at : at + headerBytes + extension;
  }

  #rowEnd(buffer: Buffer, at: number, end: number): number {
    if (end - at < 2) return at;
    const columns = readInt16(buffer, at);
    if (columns === -1) return at + 2;
    if (columns !== this.#masks.length) {
      throw new WeirError('protocol_violation', 'a row of COPY output has another number of columns than its masks');
    }
    let position = at + 2;
    for (let column = 0; column < columns; column++) {
      if (end - position < 4) return at;
      const length = readInt32(buffer, position);
      if (length < -1) throw new WeirError('protocol_violation', 'a column of COPY output has a negative length');
      position += 4 + Math.max(0, length);
      if (position > end) return at;
    }
    return position;
  }

  #row(buffer: Buffer, start: number, slab: Slab): void {
    slab.copy(buffer, start, start + 2);
    let at = start + 2;
    for (const mask of this.#masks) {
      const length = readInt32(buffer, at);
      const end = at + 4 + Math.max(0, length);
      if (mask === null || (length < 0 && mask.masksNull !== true)) {
        slab.ensure(end - at);
        slab.copy(buffer, at, end);
      } else {
        slab.ensure(4 + mask.maxLength(Math.max(0, length)));
        const written = mask.write(buffer, at + 4, end, slab.buffer, slab.position + 4);
        writeInt32(slab.buffer, slab.position, written);
        slab.position += written < 0 ? 4 : 4 + written;
      }
      at = end;
    }
  }
}
