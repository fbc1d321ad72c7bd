import { WeirError } from '@weir/errors';
import { Carry } from './carry.ts';
import { beginCopyData, type CopyCodec, type CopyCodecOptions, endCopyData } from './copy-row.ts';
import type { CellMask, RowMasks, TextOptions } from './engine-host.ts';
import type { Slab } from './slab.ts';
import { WideCell } from './wide-cell.ts';

const newline = 0x0a;
const tab = 0x09;
const backslash = 0x5c;
/** Control characters and the letters that escape them (COPY, "Text Format"). */
const escapes: readonly (readonly [number, number])[] = [
  [0x08, 0x62],
  [0x0c, 0x66],
  [0x0a, 0x6e],
  [0x0d, 0x72],
  [0x09, 0x74],
  [0x0b, 0x76],
];
const letterToByte = new Map(escapes.map(([byte, letter]) => [letter, byte]));
const byteToLetter = new Map(escapes);

/** Removes the escapes of one cell. @returns length of the plain bytes in `target` */
export function unescapeText(source: Buffer, start: number, end: number, target: Buffer): number {
  let at = 0;
  for (let i = start; i < end; i++) {
    let byte = source[i]!;
    if (byte === backslash && i + 1 < end) {
      i++;
      byte = letterToByte.get(source[i]!) ?? source[i]!;
    }
    target[at++] = byte;
  }
  return at;
}

/** Writes plain bytes as a cell; at most twice as long. @returns the position behind them */
export function escapeText(source: Buffer, length: number, target: Buffer, offset: number, delimiter = tab): number {
  let at = offset;
  for (let i = 0; i < length; i++) {
    const byte = source[i]!;
    const plain = byte === backslash || byte === delimiter ? byte : undefined;
    const letter = byte < 0x20 ? (byteToLetter.get(byte) ?? plain) : plain;
    if (letter !== undefined) target[at++] = backslash;
    target[at++] = letter ?? byte;
  }
  return at;
}

/** COPY TO STDOUT in text format. */
export class CopyTextCodec implements CopyCodec {
  rows = 0;
  readonly #delimiter: number;
  readonly #null: Buffer;
  /** A value can equal any other text for NULL, because the server does not escape it: such a cell is masked like a value. */
  readonly #isNullCertain: boolean;
  #isHeader: boolean;
  readonly #masks: RowMasks;
  readonly #carry: Carry;
  #plain: Buffer = Buffer.allocUnsafe(1024);
  #masked: Buffer = Buffer.allocUnsafe(1024);
  readonly #maxHeldBytes: number;
  /** The row that is masked in pieces: its column now, and whether a backslash came last. */
  #wide: { column: number; isEscaped: boolean; readonly cell: WideCell } | null = null;

  /** @throws WeirError when the delimiter is no single byte */
  constructor(options: CopyCodecOptions & { readonly text?: TextOptions | undefined }) {
    this.#masks = options.masks;
    this.#maxHeldBytes = options.maxHeldBytes;
    this.#carry = new Carry(options.maxHeldBytes);
    const { delimiter, nullText, header } = options.text ?? { delimiter: '\t', nullText: '\\N', header: false };
    const [byte, ...more] = Buffer.from(delimiter);
    if (byte === undefined || more.length > 0)
      throw new WeirError('protocol_violation', 'the delimiter of a COPY is not a single byte');
    this.#delimiter = byte;
    this.#null = Buffer.from(nullText);
    this.#isNullCertain = nullText === '\\N' || nullText === '';
    this.#isHeader = header;
  }

  push(source: Buffer, start: number, end: number, slab: Slab, publish: () => void): void {
    let at = start;
    while (at < end) {
      const found = source.indexOf(newline, at);
      const isWhole = found >= 0 && found < end;
      if (this.#wide !== null || this.#carry.length + (isWhole ? found : end) - at >= this.#maxHeldBytes) {
        this.#widePiece(source, at, isWhole ? found : end, isWhole, slab);
        publish();
        if (!isWhole) return;
        at = found + 1;
        continue;
      }
      if (!isWhole) {
        this.#carry.add(source, at, end);
        return;
      }
      if (this.#carry.length > 0) {
        this.#carry.add(source, at, found + 1);
        this.#line(this.#carry.buffer, 0, this.#carry.length - 1, slab);
        this.#carry.clear();
      } else {
        this.#line(source, at, found, slab);
      }
      publish();
      at = found + 1;
    }
  }

  /** A part of a row that is too large to be put together becomes a CopyData message of its own. A header has no cells. */
  #widePiece(source: Buffer, start: number, end: number, isLast: boolean, slab: Slab): void {
    this.#wide ??= { column: 0, isEscaped: false, cell: new WideCell(this.#maxHeldBytes) };
    beginCopyData(slab, this.#carry.length + end - start + 1);
    if (this.#carry.length > 0) this.#wideBytes(this.#carry.buffer, 0, this.#carry.length, slab);
    this.#carry.release();
    this.#wideBytes(source, start, end, slab);
    if (isLast) {
      if (!this.#isHeader) {
        this.#endWideCell(slab);
        if (this.#wide.column !== this.#masks.length - 1) throw misfit();
        this.rows++;
      }
      this.#isHeader = false;
      this.#wide = null;
      this.#plain = Buffer.allocUnsafe(1024);
      this.#masked = Buffer.allocUnsafe(1024);
      slab.ensure(1);
      slab.buffer[slab.position++] = newline;
    }
    endCopyData(slab);
  }

  #wideBytes(source: Buffer, start: number, end: number, slab: Slab): void {
    const wide = this.#wide;
    if (wide === null) return;
    let from = start;
    // A header has no cells.
    while (from < end && !this.#isHeader) {
      const found = this.#delimiterFrom(source, from, end);
      if (found === end) break;
      this.#addWide(source, from, found, slab);
      this.#endWideCell(slab);
      wide.column++;
      if (wide.column >= this.#masks.length) throw misfit();
      slab.ensure(1);
      slab.buffer[slab.position++] = this.#delimiter;
      wide.isEscaped = false;
      from = found + 1;
    }
    if (from < end) wide.isEscaped = endsEscaped(source, from, end, wide.isEscaped);
    this.#addWide(source, from, end, slab);
  }

  /** The next delimiter that no backslash escapes; `end` when there is none. `from` is the start of a cell or of a piece. */
  #delimiterFrom(source: Buffer, from: number, end: number): number {
    let at = source.indexOf(this.#delimiter, from);
    while (at >= 0 && at < end) {
      if (!endsEscaped(source, from, at, this.#wide?.isEscaped ?? false)) return at;
      at = source.indexOf(this.#delimiter, at + 1);
    }
    return end;
  }

  #addWide(source: Buffer, start: number, end: number, slab: Slab): void {
    const wide = this.#wide;
    const isClear = this.#isHeader || (this.#masks[wide?.column ?? 0] ?? null) === null;
    if (!isClear) {
      wide?.cell.add(source, start, end);
      return;
    }
    slab.ensure(end - start);
    slab.copy(source, start, end);
  }

  /** The end of a cell of a wide row: what was put together of a masked one is masked; one that was too large becomes NULL. */
  #endWideCell(slab: Slab): void {
    const wide = this.#wide;
    const mask = this.#masks[wide?.column ?? 0] ?? null;
    if (wide === null || mask === null) return;
    const whole = wide.cell.take();
    if (whole !== null) this.#cell(mask, whole, 0, whole.length, slab);
    else if (mask.masksNull) this.#cell(mask, this.#null, 0, 0, slab);
    else {
      slab.ensure(this.#null.length);
      slab.copy(this.#null, 0, this.#null.length);
    }
  }

  finish(): void {
    if (this.#wide !== null || this.#carry.length > 0)
      throw new WeirError('protocol_violation', 'the COPY output of the target ends in the middle of a row');
  }

  #line(source: Buffer, start: number, end: number, slab: Slab): void {
    if (!this.#isHeader) {
      this.#row(source, start, end, slab);
      return;
    }
    this.#isHeader = false;
    beginCopyData(slab, end - start + 1);
    slab.copy(source, start, end);
    slab.buffer[slab.position++] = newline;
    endCopyData(slab);
  }

  #row(source: Buffer, start: number, end: number, slab: Slab): void {
    const masks = this.#masks;
    const delimiter = this.#delimiter;
    beginCopyData(slab, end - start + 1);
    let column = 0;
    let at = start;
    for (;;) {
      let cellEnd = at;
      while (cellEnd < end && source[cellEnd] !== delimiter) cellEnd += source[cellEnd] === backslash ? 2 : 1;
      if (cellEnd > end) cellEnd = end;
      if (column >= masks.length && !(column === 0 && end === start)) throw misfit();
      this.#cell(masks[column] ?? null, source, at, cellEnd, slab);
      column++;
      if (cellEnd >= end) break;
      slab.ensure(1);
      slab.buffer[slab.position++] = delimiter;
      at = cellEnd + 1;
    }
    if (column !== masks.length && !(masks.length === 0 && start === end)) throw misfit();
    slab.ensure(1);
    slab.buffer[slab.position++] = newline;
    endCopyData(slab);
    this.rows++;
  }

  #cell(mask: CellMask | null, source: Buffer, start: number, end: number, slab: Slab): void {
    const isNull = this.#isNullCertain && this.#null.equals(source.subarray(start, end));
    if (mask === null || (isNull && mask.masksNull !== true)) {
      slab.ensure(end - start);
      slab.copy(source, start, end);
      return;
    }
    if (this.#plain.length < end - start) this.#plain = Buffer.allocUnsafe((end - start) * 2);
    const length = isNull ? 0 : unescapeText(source, start, end, this.#plain);
    const bound = mask.maxLength(length);
    if (this.#masked.length < bound) this.#masked = Buffer.allocUnsafe(bound * 2);
    const written = mask.write(this.#plain, 0, length, this.#masked, 0);
    slab.ensure(Math.max(this.#null.length, written * 2));
    if (written < 0) {
      slab.copy(this.#null, 0, this.#null.length);
    } else {
      slab.position = escapeText(this.#masked, written, slab.buffer, slab.position, this.#delimiter);
    }
  }
}

/** Is what follows `source[start, end)` escaped? An odd number of backslashes says so; `isStartEscaped` = one more stands before them. */
function endsEscaped(source: Buffer, start: number, end: number, isStartEscaped: boolean): boolean {
  let at = end;
  while (at > start && source[at - 1] === backslash) at--;
  const count = end - at + (at === start && isStartEscaped ? 1 : 0);
  return count % 2 === 1;
}

function misfit(): WeirError {
  return new WeirError('protocol_violation', 'a row of COPY output has another number of columns than its masks');
}
