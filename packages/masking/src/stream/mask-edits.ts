import { isUtf8 } from 'node:buffer';
import type { Detector } from '../detect/detect.ts';
import { placeholders } from '../detect/placeholders.ts';
import type { DetectableType, Span } from '../detect/span.ts';
import { characterEnd, columnsOf } from './character.ts';
import type { LineText } from './line-text.ts';

/** Bytes `[start, end)` of the output become these. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly bytes: Buffer;
}

/** A value that is masked, and where it ends in the output. `type` null: what looks like one is not text. */
export interface Find {
  readonly type: DetectableType | null;
  readonly end: number;
  /** Bytes of it. */
  readonly length: number;
}

const nothing = Buffer.alloc(0);

/** One `[email]` for a value that lies in the output as it is read. */
export function plainEdit(span: Span): Edit {
  return { start: span.start, end: span.end, bytes: placeholders[span.type] };
}

/** A mask with as many columns: `[email****]`, or stars where that does not fit or begins too late. */
function columnMask(type: DetectableType, columns: number, isWhole: boolean): string {
  const name = placeholders[type].toString('latin1').slice(0, -1);
  if (!isWhole || columns <= name.length) return '*'.repeat(columns);
  return `${name}${'*'.repeat(columns - name.length - 1)}]`;
}

/** The same as columnEdits for a value that lies in the output as it is read and has one column per byte; null = it has not. */
export function asciiEdit(text: Buffer, { type, start, end }: Span): Edit[] | null {
  for (let i = start; i < end; i += 1) if ((text[i] as number) >= 0x80) return null;
  return [{ start, end, bytes: Buffer.from(columnMask(type, end - start, true)) }];
}

/**
 * Masks a value by its columns.
 * @param places where the character `text[at, end)` was printed
 * @param isWhole nothing of it has left yet
 */
export function columnEdits(
  text: Buffer,
  span: Span,
  places: (at: number, end: number) => readonly { readonly raw: number; readonly length: number }[],
  isWhole: boolean,
): Edit[] {
  const ends: number[] = [];
  const widths: number[] = [];
  let columns = 0;
  for (let at = span.start; at < span.end; ) {
    const end = characterEnd(text, at, span.end);
    const width = columnsOf(text, at, end);
    ends.push(end);
    widths.push(width);
    columns += width;
    at = end;
  }
  const mask = columnMask(span.type, columns, isWhole);
  const edits: Edit[] = [];
  let at = span.start;
  let column = 0;
  ends.forEach((end, index) => {
    const width = widths[index] as number;
    const bytes = Buffer.from(mask.slice(column, column + width));
    for (const { raw, length } of places(at, end)) edits.push({ start: raw, end: raw + length, bytes });
    column += width;
    at = end;
  });
  return edits;
}

/** One `[email]` for a value with sequences inside, which stay. */
export function splitEdits(text: LineText, span: Span): Edit[] {
  const edits: Edit[] = [];
  for (let at = span.start; at < span.end; at += 1) {
    const raw = text.rawAt(at);
    if (raw < 0) continue;
    const last = edits.at(-1);
    if (last !== undefined && last.end === raw) edits[edits.length - 1] = { ...last, end: raw + 1 };
    else edits.push({ start: raw, end: raw + 1, bytes: last === undefined ? placeholders[span.type] : nothing });
  }
  return edits;
}

/**
 * Bytes that are no UTF-8 count as letters of an address, so that data which is not text is full of finds.
 * @returns what is found in the text of the span alone.
 */
export function textOf(text: Buffer, span: Span, detector: Detector): readonly Span[] {
  if (isUtf8(text.subarray(span.start, span.end))) return [span];
  const at = text.indexOf(0x40, span.start);
  let start = at;
  let end = at;
  while (start > span.start && (text[start - 1] as number) < 0x80) start -= 1;
  while (end < span.end && (text[end] as number) < 0x80) end += 1;
  return detector(text, start, end);
}
