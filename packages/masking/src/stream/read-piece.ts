import { byteRole, byteRoles } from './byte-role.ts';
import { characterEnd, characterLength } from './character.ts';
import { readControlSequence } from './control-sequence.ts';
import type { LineText } from './line-text.ts';

/** How far the reading of a piece came. */
export interface PieceEnd {
  /** Behind the piece; for one that is not complete, where the sequence begins that the bytes cut, or their end. */
  readonly end: number;
  /** What follows cannot belong to it. */
  readonly isComplete: boolean;
  /** The bytes end inside a string sequence (OSC, DCS …), which is an OSC. */
  readonly cutString: 'osc' | 'other' | null;
}

export interface PieceReading {
  readonly data: Buffer;
  readonly start: number;
  readonly end: number;
  /** Columns of the terminal; 0 = not known, or none. */
  readonly columns: number;
  /** A NUL byte ends the piece (it stays outside of it); otherwise it is nothing, as for a terminal. */
  readonly nulEnds: boolean;
  /** The column in which the piece begins, counted over wrapped rows; -1 = not known. Asked only when a line may go on in the next row. */
  readonly startColumn: () => number;
  /** The cursor goes back, by what stands at `at`: what was printed until now must be looked at first. */
  readonly settle: (at: number) => void;
}

const backspace = 0x08;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const space = Buffer.from(' ');

/** Widest gap that a program skips by moving the cursor and that may still divide the groups of a number. */
const widestGap = 4;

const cut = (end: number, cutString: PieceEnd['cutString'] = null): PieceEnd => ({ end, isComplete: false, cutString });
const complete = (end: number): PieceEnd => ({ end, isComplete: true, cutString: null });

/**
 * Reads one piece of a line from `data[start, end)` into `text`, through colours, titles and other sequences, backspaces, repeated
 * characters, and the terminal's right margin. A piece ends at a byte that no value holds, or where the cursor goes elsewhere.
 */
export function readPiece(reading: PieceReading, text: LineText): PieceEnd {
  const { data, end } = reading;
  text.clear();
  let at = reading.start;
  while (at < end) {
    const byte = data[at] as number;
    const role = byteRoles[byte] as number;
    if (role === byteRole.stop) return complete(at + 1);
    if (role !== byteRole.control || (byte === 0xc2 && !isC1(data, at, end))) {
      const next = print(reading, at, text);
      if (next === -1) return complete(at);
      if (next === -2) return cut(at);
      at = next;
      continue;
    }
    if (byte === 0 && reading.nulEnds) return complete(at);
    if (byte === backspace) back(reading, text, at, 1);
    else if (byte === carriageReturn) {
      const next = wrapEnd(reading, at, text);
      if (next === -1) return complete(at + 1);
      if (next === -2) return cut(at);
      at = next;
      continue;
    } else if (byte === 0x1b || byte === 0xc2) {
      const next = follow(reading, at, text);
      if (typeof next !== 'number') return next;
      at = next;
      continue;
    }
    at += 1;
  }
  return cut(at);
}

const isC1 = (data: Buffer, at: number, end: number): boolean =>
  at + 1 < end && (data[at + 1] as number) >= 0x80 && (data[at + 1] as number) < 0xa0;

/** @returns the place behind the character, -1 when the piece ends before it, -2 when the bytes cut it. */
function print({ data, end }: PieceReading, at: number, text: LineText): number {
  const byte = data[at] as number;
  if (text.isAtEnd) {
    if (byte < 0x80) {
      text.append(byte, at);
      return at + 1;
    }
    if (at + characterLength(byte) > end && characterEnd(data, at, end) === end) return -2;
    const last = characterEnd(data, at, end);
    for (let i = at; i < last; i += 1) text.append(data[i] as number, i);
    return last;
  }
  if (at + characterLength(byte) > end && characterEnd(data, at, end) === end) return -2;
  const last = characterEnd(data, at, end);
  return text.overwrite(data, at, last) ? last : -1;
}

function back(reading: PieceReading, text: LineText, at: number, count: number): void {
  if (text.isDirty || !text.isEdited) reading.settle(at);
  text.isDirty = false;
  text.left(count);
}

/** Obeys the control sequence at `at`. @returns the place behind it, or the end of the piece. */
function follow(reading: PieceReading, at: number, text: LineText): number | PieceEnd {
  const { data, end } = reading;
  const sequence = readControlSequence(data, at, end);
  if (sequence.end < 0) return cut(at, sequence.isString ? (isOsc(data, at) ? 'osc' : 'other') : null);
  const { effect, count } = sequence;
  switch (effect) {
    case 'none':
      return sequence.end;
    case 'left':
      back(reading, text, at, count);
      return sequence.end;
    case 'right':
      if (!text.isAtEnd) return text.right(count) ? sequence.end : complete(sequence.end);
      return count <= widestGap && text.appendHidden(space, 0, 1, count) ? sequence.end : complete(sequence.end);
    case 'repeat': {
      const last = text.lastCharacter();
      const isRoom = text.isAtEnd && last >= 0 && text.appendHidden(text.bytes, last, text.length, count);
      return isRoom ? sequence.end : complete(sequence.end);
    }
    case 'erase':
      if (!text.isAtEnd) {
        if (text.isDirty) reading.settle(at);
        text.erase();
      }
      return sequence.end;
    case 'shift':
      return text.isAtEnd ? sequence.end : complete(sequence.end);
    case 'single':
      if (!text.isAtEnd) return complete(sequence.end);
      text.appendHidden(data, sequence.end - count, sequence.end);
      return sequence.end;
    default:
      return complete(sequence.end);
  }
}

const isOsc = (data: Buffer, at: number): boolean => data[at + 1] === 0x5d || data[at + 1] === 0x9d;

/**
 * A carriage return at the right margin: a program that wraps by itself writes CR LF there, and readline a blank (which wraps) and CR.
 * @returns the place from which the text goes on, -1 when the line ends here, -2 when the next byte must be seen first.
 */
function wrapEnd({ data, end, columns, startColumn }: PieceReading, at: number, text: LineText): number {
  if (columns === 0 || text.isEdited) return -1;
  const start = startColumn();
  if (start < 0) return -1;
  const column = start + text.columns();
  if (column > 0 && column % columns === 0) {
    if (at + 1 >= end) return -2;
    if (data[at + 1] === lineFeed) return at + 2;
  }
  if (column > 1 && (column - 1) % columns === 0 && text.length > 0 && text.bytes[text.length - 1] === 0x20) {
    if (at + 1 >= end) return -2;
    if (data[at + 1] !== lineFeed) {
      text.drop();
      return at + 1;
    }
  }
  return -1;
}
