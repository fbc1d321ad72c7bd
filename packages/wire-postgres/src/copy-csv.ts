import { WeirError } from '@weir/errors';
import { Carry } from './carry.ts';
import { beginCopyData, type CopyCodec, type CopyCodecOptions, endCopyData } from './copy-row.ts';
import type { CellMask, CsvOptions, RowMasks } from './engine-host.ts';
import type { Slab } from './slab.ts';
import { WideCell } from './wide-cell.ts';

const newline = 0x0a;
const carriageReturn = 0x0d;

/** COPY TO STDOUT in CSV format: quoted cells may hold delimiters and newlines. */
export class CopyCsvCodec implements CopyCodec {
  rows = 0;
  readonly #masks: RowMasks;
  readonly #carry: Carry;
  readonly #delimiter: number;
  readonly #quote: number;
  readonly #escape: number;
  readonly #null: Buffer;
  #header: boolean;
  #plain: Buffer = Buffer.allocUnsafe(1024);
  #masked: Buffer = Buffer.allocUnsafe(1024);
  readonly #maxHeldBytes: number;
  /** The row that is masked in pieces. */
  #wide: { column: number; readonly cell: WideCell } | null = null;
  // Where the search for the end of the row stands.
  #inQuotes = false;
  #isEscaped = false;

  constructor(options: CopyCodecOptions & { readonly csv: CsvOptions }) {
    const { csv } = options;
    this.#masks = options.masks;
    this.#maxHeldBytes = options.maxHeldBytes;
    this.#carry = new Carry(options.maxHeldBytes);
    this.#delimiter = singleByte(csv.delimiter, 'delimiter');
    this.#quote = singleByte(csv.quote, 'quote');
    this.#escape = singleByte(csv.escape, 'escape');
    this.#null = Buffer.from(csv.nullText);
    this.#header = csv.header;
  }

  push(source: Buffer, start: number, end: number, slab: Slab, publish: () => void): void {
    let at = start;
    let i = start;
    if (this.#wide !== null) {
      i = this.#widePiece(source, start, end, slab);
      publish();
      at = i;
    }
    for (; i < end; i++) {
      if (!this.#isRowEnd(source[i]!)) continue;
      if (this.#carry.length + i - at >= this.#maxHeldBytes) {
        this.#beginWide(slab);
        this.#widePiece(source, at, i + 1, slab);
      } else if (this.#carry.length > 0) {
        this.#carry.add(source, at, i);
        this.#row(this.#carry.buffer, 0, this.#carry.length, slab);
        this.#carry.clear();
      } else {
        this.#row(source, at, i, slab);
      }
      publish();
      at = i + 1;
    }
    if (at >= end) return;
    if (this.#carry.length + end - at < this.#maxHeldBytes) {
      this.#carry.add(source, at, end);
      return;
    }
    this.#beginWide(slab);
    this.#widePiece(source, at, end, slab);
    publish();
  }

  /** The row so far is too large to be put together: it is read again from its beginning, and goes out in pieces. */
  #beginWide(slab: Slab): void {
    this.#inQuotes = false;
    this.#isEscaped = false;
    this.#wide = { column: 0, cell: new WideCell(this.#maxHeldBytes) };
    beginCopyData(slab, this.#carry.length);
    this.#wideBytes(this.#carry.buffer, 0, this.#carry.length, slab);
    this.#carry.release();
  }

  /** Writes a part of the wide row as a CopyData message of its own, up to the end of the row. @returns the position behind it */
  #widePiece(source: Buffer, start: number, end: number, slab: Slab): number {
    if (slab.position === slab.start) beginCopyData(slab, end - start);
    const next = this.#wideBytes(source, start, end, slab);
    endCopyData(slab);
    return next;
  }

  #wideBytes(source: Buffer, start: number, end: number, slab: Slab): number {
    const wide = this.#wide!;
    let from = start;
    for (let at = start; at < end; at++) {
      const byte = source[at]!;
      const isEnd = this.#isRowEnd(byte);
      if (!isEnd && (this.#header || byte !== this.#delimiter || this.#inQuotes)) continue;
      this.#addWide(source, from, at, slab);
      this.#endWideCell(slab);
      slab.ensure(1);
      slab.buffer[slab.position++] = byte;
      from = at + 1;
      if (isEnd) {
        this.#endWide();
        return from;
      }
      wide.column++;
      if (wide.column >= this.#masks.length) throw misfit();
    }
    this.#addWide(source, from, end, slab);
    return end;
  }

  #endWide(): void {
    if (!this.#header) {
      if (this.#wide?.column !== this.#masks.length - 1) throw misfit();
      this.rows++;
    }
    this.#header = false;
    this.#wide = null;
    this.#plain = Buffer.allocUnsafe(1024);
    this.#masked = Buffer.allocUnsafe(1024);
  }

  #wideMask(): CellMask | null {
    return this.#header ? null : (this.#masks[this.#wide?.column ?? 0] ?? null);
  }

  #addWide(source: Buffer, start: number, end: number, slab: Slab): void {
    if (this.#wideMask() !== null) {
      this.#wide?.cell.add(source, start, end);
      return;
    }
    slab.ensure(end - start);
    slab.copy(source, start, end);
  }

  #endWideCell(slab: Slab): void {
    const mask = this.#wideMask();
    if (mask === null) return;
    const whole = this.#wide?.cell.take() ?? null;
    if (whole !== null || mask.masksNull === true) {
      this.#cell(mask, whole ?? this.#null, 0, whole?.length ?? 0, slab);
      return;
    }
    slab.ensure(this.#null.length);
    slab.copy(this.#null, 0, this.#null.length);
  }

  /**
   * A quote inside quotes closes or, doubled, stands for itself: toggling twice comes to the same. Only an escape that is not the quote
   * needs a look at what follows.
   */
  #isRowEnd(byte: number): boolean {
    if (this.#isEscaped) {
      this.#isEscaped = false;
      if (byte === this.#quote || byte === this.#escape) return false;
    }
    if (this.#inQuotes && byte === this.#escape && this.#escape !== this.#quote) {
      this.#isEscaped = true;
      return false;
    }
    if (byte === this.#quote) this.#inQuotes = !this.#inQuotes;
    return byte === newline && !this.#inQuotes;
  }

  finish(): void {
    if (this.#wide !== null || this.#carry.length > 0)
      throw new WeirError('protocol_violation', 'the COPY output of the target ends in the middle of a row');
  }

  #row(source: Buffer, start: number, end: number, slab: Slab): void {
    beginCopyData(slab, end - start + 1);
    if (this.#header) {
      this.#header = false;
      slab.copy(source, start, end);
    } else {
      this.#cells(source, start, end, slab);
      this.rows++;
    }
    slab.ensure(1);
    slab.buffer[slab.position++] = newline;
    endCopyData(slab);
  }

  #cells(source: Buffer, start: number, end: number, slab: Slab): void {
    const masks = this.#masks;
    let at = start;
    for (let column = 0; ; column++) {
      const cellEnd = this.#cellEnd(source, at, end);
      const isLast = cellEnd >= end;
      if (column >= masks.length || isLast !== (column === masks.length - 1)) {
        if (!(masks.length === 0 && start === end)) throw misfit();
      }
      this.#cell(masks[column] ?? null, source, at, cellEnd, slab);
      if (isLast) return;
      slab.ensure(1);
      slab.buffer[slab.position++] = this.#delimiter;
      at = cellEnd + 1;
    }
  }

  #cellEnd(source: Buffer, start: number, end: number): number {
    let inQuotes = false;
    for (let i = start; i < end; i++) {
      const byte = source[i]!;
      if (
        inQuotes &&
        byte === this.#escape &&
        (source[i + 1] === this.#quote || source[i + 1] === this.#escape) &&
        i + 1 < end
      )
        i++;
      else if (byte === this.#quote) inQuotes = !inQuotes;
      else if (byte === this.#delimiter && !inQuotes) return i;
    }
    return end;
  }

  #cell(mask: CellMask | null, source: Buffer, start: number, end: number, slab: Slab): void {
    const isNull =
      end - start === this.#null.length && source.compare(this.#null, 0, this.#null.length, start, end) === 0;
    if (mask === null || (isNull && mask.masksNull !== true)) {
      slab.ensure(end - start);
      slab.copy(source, start, end);
      return;
    }
    if (this.#plain.length < end - start) this.#plain = Buffer.allocUnsafe((end - start) * 2);
    const length = isNull ? 0 : this.#unquote(source, start, end);
    const bound = mask.maxLength(length);
    if (this.#masked.length < bound) this.#masked = Buffer.allocUnsafe(bound * 2);
    const written = mask.write(this.#plain, 0, length, this.#masked, 0);
    slab.ensure(Math.max(this.#null.length, written * 2 + 2));
    if (written < 0) slab.copy(this.#null, 0, this.#null.length);
    else this.#writeCell(written, slab, source[start] === this.#quote && this.#isSame(length, written));
  }

  #unquote(source: Buffer, start: number, end: number): number {
    let inQuotes = false;
    let length = 0;
    for (let i = start; i < end; i++) {
      const byte = source[i]!;
      const next = i + 1 < end ? source[i + 1] : -1;
      if (inQuotes && byte === this.#escape && (next === this.#quote || next === this.#escape))
        this.#plain[length++] = source[++i]!;
      else if (byte === this.#quote) inQuotes = !inQuotes;
      else this.#plain[length++] = byte;
    }
    return length;
  }

  #isSame(length: number, written: number): boolean {
    return length === written && this.#plain.compare(this.#masked, 0, written, 0, length) === 0;
  }

  /** A value that was changed is quoted when it needs it: whether the original did would tell of it. */
  #writeCell(length: number, slab: Slab, wasQuoted: boolean): void {
    const masked = this.#masked;
    const isQuoted = wasQuoted || this.#needsQuotes(length);
    const { buffer } = slab;
    let at = slab.position;
    if (isQuoted) buffer[at++] = this.#quote;
    for (let i = 0; i < length; i++) {
      const byte = masked[i]!;
      if (isQuoted && (byte === this.#quote || byte === this.#escape)) buffer[at++] = this.#escape;
      buffer[at++] = byte;
    }
    if (isQuoted) buffer[at++] = this.#quote;
    slab.position = at;
  }

  #needsQuotes(length: number): boolean {
    const masked = this.#masked;
    if (masked.compare(this.#null, 0, this.#null.length, 0, length) === 0) return true;
    // A lone \. would end the data for whoever loads the file again.
    if (length === 2 && masked[0] === 0x5c && masked[1] === 0x2e) return true;
    for (let i = 0; i < length; i++) {
      const byte = masked[i]!;
      if (byte === this.#delimiter || byte === this.#quote || byte === newline || byte === carriageReturn) return true;
    }
    return false;
  }
}

function singleByte(text: string, what: string): number {
  const code = text.charCodeAt(0);
  if (text.length !== 1 || code > 0x7f)
    throw new WeirError('invalid_request', `the COPY ${what} must be one ASCII character`);
  return code;
}

function misfit(): WeirError {
  return new WeirError('protocol_violation', 'a row of COPY output has another number of columns than its masks');
}
