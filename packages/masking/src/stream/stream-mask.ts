import { createDetector } from '../detect/detect.ts';
import type { DetectableType, Span } from '../detect/span.ts';
import { byteRole, byteRoles } from './byte-role.ts';
import { wholeCharactersEnd } from './character.ts';
import { columnAt } from './column-counter.ts';
import { stringEnd } from './control-sequence.ts';
import { LineText } from './line-text.ts';
import { asciiEdit, columnEdits, type Edit, type Find, plainEdit, splitEdits, textOf } from './mask-edits.ts';
import { type PieceEnd, readPiece } from './read-piece.ts';
import { maxHeldBytes, type StreamMask, type StreamMaskOptions } from './stream-mask-port.ts';
import { createUndecidedStart } from './undecided.ts';

/** What comes behind a NUL byte is taken for data, not text, for so many bytes. */
const binaryBytesAfterNul = 4096;

/** Longest chunk that is taken for the echo of a key, and for that of a key that is known to have been typed. */
const maxEchoBytes = 16;
const maxTypedEchoBytes = 512;

/** Digits that make what was typed worth holding. */
const telltaleDigits = 6;

/** Digits of the shortest number that is found, a telephone number; and those of an IBAN, of which all but its check digits may be letters. */
const fewestDigits = 8;
const fewestIbanDigits = 2;
const shortestIban = 15;

/** A long piece is cut so many bytes before its end, so that a value across the cut is found in the next one. */
const overlapBytes = 512;

const carriageReturn = 0x0d;
const nothing = Buffer.alloc(0);

/** See {@link StreamMask}. */
export function createStreamMask(options: StreamMaskOptions): StreamMask {
  return new PieceMask(options);
}

/**
 * Cuts the output into pieces at bytes that no value holds, so that each piece is judged alone and by its content only, not by how it came.
 * A piece that is not complete is kept whole and read again with what follows; `#left` says how much of it has left already.
 */
class PieceMask implements StreamMask {
  readonly found: Record<DetectableType, number> = { email: 0, phone: 0, 'us-ssn': 0, card: 0, iban: 0 };
  binaryBytes = 0;
  readonly #isTerminal: boolean;
  readonly #hasIban: boolean;
  readonly #detector: ReturnType<typeof createDetector>;
  readonly #undecidedStart: ReturnType<typeof createUndecidedStart>;
  readonly #text = new LineText(maxHeldBytes);
  /** The piece that is not complete. */
  #pending: Buffer = nothing;
  /** Bytes of `#pending` that have left. */
  #left = 0;
  #string: 'osc' | 'other' | null = null;
  #binaryLeft = 0;
  #columns = 0;
  /** Column of the first byte of `#pending`; -1 = not known. */
  #column = 0;
  #isTyped = false;
  #edits: Edit[] = [];
  #finds: Find[] = [];
  /** How far the last piece was read, when it has control bytes and is not complete. */
  #cut: PieceEnd | null = null;

  constructor({ detect, mode }: StreamMaskOptions) {
    this.#isTerminal = mode === 'terminal';
    this.#hasIban = detect.includes('iban');
    this.#detector = createDetector(detect);
    this.#undecidedStart = createUndecidedStart(detect);
  }

  get held(): number {
    return this.#pending.length - this.#left;
  }

  push(bytes: Buffer): Buffer {
    if (bytes.length === 0) return nothing;
    const isEcho =
      this.#isTerminal && this.held === 0 && bytes.length <= (this.#isTyped ? maxTypedEchoBytes : maxEchoBytes);
    this.#isTyped = false;
    const data = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    return this.#advance(data, isEcho ? 'echo' : 'more');
  }

  flush(): Buffer {
    return this.#pending.length === 0 ? nothing : this.#advance(this.#pending, 'end');
  }

  release(): Buffer {
    return this.held === 0 ? nothing : this.#advance(this.#pending, 'quiet');
  }

  resize(columns: number): void {
    this.#columns = this.#isTerminal ? columns : 0;
  }

  typed(): void {
    this.#isTyped = true;
  }

  /** Reads pieces from `data`, whose first `#left` bytes have left. */
  #advance(data: Buffer, cause: 'more' | 'echo' | 'quiet' | 'end'): Buffer {
    this.#edits = [];
    this.#finds = [];
    this.#cut = null;
    const start = this.#readPieces(data);
    let until = start;
    if (start < data.length) {
      const decided = this.#readRest(data, start);
      const leaves = cause === 'more' || (cause === 'echo' && isTelling(data, decided));
      until = Math.max(leaves ? decided : data.length, this.#left);
    }
    const out = this.#assemble(data, until);
    if (this.#columns > 0) this.#column = columnAt(data, 0, start, this.#column);
    const isOver = cause === 'end' || start === data.length;
    // A copy of the few bytes: the chunk itself can go.
    this.#pending = isOver ? nothing : Buffer.from(data.subarray(start));
    this.#left = isOver ? 0 : until - start;
    return out;
  }

  /** Reads complete pieces. @returns where the first begins that is not. */
  #readPieces(data: Buffer): number {
    let start = this.#skip(data, 0);
    let at = start;
    let hasAt = false;
    let digits = 0;
    let limit = Math.min(data.length, start + maxHeldBytes);
    for (;;) {
      while (at < limit) {
        const byte = data[at] as number;
        const role = byteRoles[byte] as number;
        if (role === byteRole.inside) at += 1;
        else if (role === byteRole.trigger) {
          if (byte === 0x40) hasAt = true;
          else digits += 1;
          at += 1;
        } else if (role === byteRole.stop) {
          if (hasAt || this.#mayHoldNumber(digits, at - start)) this.#settlePlain(data, start, at, at);
          hasAt = false;
          digits = 0;
          at += 1;
          start = at;
          limit = Math.min(data.length, start + maxHeldBytes);
        } else if (byte === 0xc2 && !isC1(data, at)) at += 1;
        else {
          const end = this.#readControl(data, start, at, limit);
          if (end < 0) return start;
          start = this.#skip(data, end);
          at = start;
          hasAt = false;
          digits = 0;
          limit = Math.min(data.length, start + maxHeldBytes);
        }
      }
      if (at - start < maxHeldBytes) return start;
      start = this.#cutPlain(data, start, at);
      at = start;
      hasAt = false;
      digits = 0;
      limit = Math.min(data.length, start + maxHeldBytes);
    }
  }

  /** Can a piece with so many digits and bytes hold a number that is looked for? */
  #mayHoldNumber(digits: number, length: number): boolean {
    return digits >= fewestDigits || (this.#hasIban && digits >= fewestIbanDigits && length >= shortestIban);
  }

  /** Passes what is no text: the rest of a long string sequence, and data behind a NUL byte. @returns where text begins again. */
  #skip(data: Buffer, from: number): number {
    let at = from;
    while (at < data.length) {
      if (this.#string !== null) {
        const end = stringEnd(data, at, data.length, this.#string === 'osc');
        // The first byte of a C1 control waits for the second.
        if (end < 0) return data[data.length - 1] === 0xc2 ? data.length - 1 : data.length;
        this.#string = null;
        at = end;
      } else if (this.#binaryLeft > 0) {
        const length = Math.min(this.#binaryLeft, data.length - at);
        const last = data.subarray(at, at + length).lastIndexOf(0);
        this.#binaryLeft = last < 0 ? this.#binaryLeft - length : binaryBytesAfterNul - (length - 1 - last);
        this.binaryBytes += length;
        at += length;
      } else break;
    }
    return at;
  }

  /** The control byte at `at` of a piece from `start`. @returns where the next piece begins, -1 = this one goes on behind the bytes. */
  #readControl(data: Buffer, start: number, at: number, limit: number): number {
    const byte = data[at];
    const isNul = byte === 0 && !this.#isTerminal;
    if (isNul || (byte === carriageReturn && !this.#mayWrap(data, at))) {
      this.#settlePlain(data, start, at, at);
      if (isNul) this.#binaryLeft = binaryBytesAfterNul;
      return at + 1;
    }
    const reading = {
      ...{ data, start, end: limit, columns: this.#columns, nulEnds: !this.#isTerminal },
      startColumn: () => columnAt(data, 0, start, this.#column),
      settle: (at: number) => this.#settleBack(at),
    };
    const piece = readPiece(reading, this.#text);
    if (piece.isComplete) {
      this.#settleText(this.#text.length);
      return piece.end;
    }
    if (limit - start < maxHeldBytes) {
      this.#cut = piece;
      return -1;
    }
    return this.#cutText(data, piece, start, limit);
  }

  /** Can the carriage return at `at` stand at the right margin? Characters have no more columns than bytes, tabs and sequences aside. */
  #mayWrap(data: Buffer, at: number): boolean {
    if (this.#columns === 0) return false;
    for (let i = at - 1; i >= at - this.#columns; i -= 1) {
      if (i < 0) return this.#column >= 0 && at + this.#column >= this.#columns;
      const byte = data[i] as number;
      if (byte === 0x0a || byte === carriageReturn) return false;
      if (byte === 0x1b || byte === 0x09) return true;
    }
    return true;
  }

  /** Cuts a piece that is too long. @returns where the next one begins. */
  #cutPlain(data: Buffer, start: number, end: number): number {
    const spans = this.#detector(data, start, end);
    const whole = wholeCharactersEnd(data, start, end);
    let next = Math.min(whole, this.#undecidedStart(data, start, end, spans));
    if (next - start < maxHeldBytes / 2) {
      next = wholeCharactersEnd(data, start, end - overlapBytes);
      for (const span of spans) if (span.start < next && span.end > next) next = span.start;
      if (next <= start) next = whole;
    }
    this.#settlePlain(data, start, end, next);
    return next;
  }

  #cutText(data: Buffer, piece: PieceEnd, start: number, limit: number): number {
    const text = this.#text;
    if (piece.end === start) {
      this.#string = piece.cutString;
      return piece.cutString !== null && data[limit - 1] === 0xc2 ? limit - 1 : limit;
    }
    if (!text.isEdited) {
      const spans = this.#detector(text.bytes, 0, text.length);
      let until = this.#undecidedStart(text.bytes, 0, text.length, spans);
      let next = text.rawFrom(until, piece.end);
      if (next - start < maxHeldBytes / 2) {
        until = wholeCharactersEnd(text.bytes, 0, Math.max(0, text.length - overlapBytes));
        for (const span of spans) if (span.start < until && span.end > until) until = span.start;
        next = text.rawFrom(until, piece.end);
      }
      if (next > start) {
        this.#settleText(until);
        return next;
      }
    }
    this.#settleText(text.length);
    return piece.end;
  }

  /** Judges the piece that is not complete. @returns up to where it is decided. */
  #readRest(data: Buffer, start: number): number {
    if (this.#cut === null) {
      const spans = this.#settlePlain(data, start, data.length, data.length);
      const decided = this.#undecidedStart(data, start, data.length, spans);
      return Math.min(decided, wholeCharactersEnd(data, start, data.length));
    }
    const text = this.#text;
    const spans = this.#settleText(text.length);
    if (text.isEdited) return text.floorRaw;
    return text.rawFrom(this.#undecidedStart(text.bytes, 0, text.length, spans), this.#cut.end);
  }

  /** Masks what is found in `data[start, end)` and ends at `until` or before. */
  #settlePlain(data: Buffer, start: number, end: number, until: number): readonly Span[] {
    const spans = this.#detector(data, start, end);
    for (const span of spans) {
      if (span.end > until) break;
      if (this.#isTerminal) {
        const isWhole = span.start >= this.#left;
        const places = (at: number, last: number) => [{ raw: at, length: last - at }];
        this.#mask(span, (isWhole && asciiEdit(data, span)) || columnEdits(data, span, places, isWhole));
      } else this.#maskText(data, span, (part) => [plainEdit(part)]);
    }
    return spans;
  }

  /**
   * The cursor goes back in the piece at hand. What is decided then stays so: it may have left. The rest is looked at as it is now, since what
   * comes may print over it.
   */
  #settleBack(at: number): void {
    const text = this.#text;
    if (!text.isEdited) {
      const spans = this.#detector(text.bytes, 0, text.length);
      const floor = this.#undecidedStart(text.bytes, 0, text.length, spans);
      this.#settleText(floor);
      text.floorRaw = text.rawFrom(floor, at);
      text.floor = floor;
      text.isEdited = true;
    }
    this.#settleText(text.length);
  }

  /** Masks what is found in the text of the piece at hand and ends at `until` or before. */
  #settleText(until: number): readonly Span[] {
    const text = this.#text;
    const spans = this.#detector(text.bytes, text.floor, text.length);
    for (const span of spans) {
      if (span.end > until) break;
      if (this.#isTerminal || text.isEdited) {
        const isWhole = !text.isEdited && text.rawFrom(span.start, 0) >= this.#left;
        this.#mask(
          span,
          columnEdits(text.bytes, span, (at, end) => text.places(at, end), isWhole),
        );
      } else this.#maskText(text.bytes, span, (part) => splitEdits(text, part));
    }
    return spans;
  }

  #maskText(text: Buffer, span: Span, edits: (span: Span) => Edit[]): void {
    const parts = textOf(text, span, this.#detector);
    for (const part of parts) this.#mask(part, edits(part));
    if (parts.length === 0) {
      const [first, ...rest] = edits(span);
      const end = rest.at(-1)?.end ?? first?.end ?? 0;
      this.#finds.push({ type: null, end, length: span.end - span.start });
    }
  }

  #mask({ type, start, end }: Span, edits: Edit[]): void {
    for (const edit of edits) this.#edits.push(edit);
    const last = edits.at(-1);
    if (last !== undefined) this.#finds.push({ type, end: last.end, length: end - start });
  }

  /** @returns what leaves up to `until`. */
  #assemble(data: Buffer, until: number): Buffer {
    const from = this.#left;
    if (this.#finds.length === 0) return from === 0 && until === data.length ? data : data.subarray(from, until);
    this.#count(from, until);
    const out: Buffer[] = [];
    let at = from;
    for (const { start, end, bytes } of this.#edits.sort((a, b) => a.start - b.start)) {
      if (start < at || start >= until) continue;
      out.push(data.subarray(at, start), bytes);
      at = end;
    }
    out.push(data.subarray(at, until));
    return Buffer.concat(out);
  }

  #count(from: number, until: number): void {
    const counted = new Set<number>();
    for (const { type, end, length } of this.#finds) {
      if (end <= from || end > until || counted.has(end)) continue;
      counted.add(end);
      if (type === null) this.binaryBytes += length;
      else this.found[type] += 1;
    }
  }
}

const isC1 = (data: Buffer, at: number): boolean => at + 1 < data.length && ((data[at + 1] as number) & 0xe0) === 0x80;

/** Does what can still become a value already look like one? */
function isTelling(data: Buffer, from: number): boolean {
  let digits = 0;
  for (let i = from; i < data.length; i += 1) {
    const byte = data[i] as number;
    if (byte === 0x40 && i > from) return true;
    if (byte >= 0x30 && byte <= 0x39) digits += 1;
  }
  return digits >= telltaleDigits;
}
