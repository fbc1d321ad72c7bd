import { characterEnd, columnsOf } from './character.ts';

/** A character that was printed once more at a place: its bytes `[raw, raw + length)` in the output show the character at `at` of the text. */
interface Layer {
  readonly at: number;
  readonly raw: number;
  readonly length: number;
}

/**
 * What one piece of a line shows: its text without control sequences, and where in the output each byte of it stands. The cursor can go back
 * in it and print over.
 */
export class LineText {
  /** The text is `bytes[0, length)`. */
  readonly bytes: Buffer;
  length = 0;
  /** The cursor went back: behind `floor`, places in the text and in the output may differ in order. */
  isEdited = false;
  /** The cursor does not go back further: what is before it was decided when it first went back. */
  floor = 0;
  /** Place of the output up to which that was. */
  floorRaw = 0;
  /** Something was printed since the last settle(). */
  isDirty = false;
  readonly #raw: Int32Array;
  #cursor = 0;
  #layers: Layer[] = [];

  /** @param capacity bytes of output that a piece can have; repeated and skipped characters may add as many. */
  constructor(capacity: number) {
    this.bytes = Buffer.alloc(capacity * 2);
    this.#raw = new Int32Array(capacity * 2);
  }

  clear(): void {
    this.length = 0;
    this.#cursor = 0;
    this.isEdited = false;
    this.floor = 0;
    this.isDirty = false;
    if (this.#layers.length > 0) this.#layers = [];
  }

  get isAtEnd(): boolean {
    return this.#cursor === this.length;
  }

  /** Place in the output of the byte at `at`; -1 = none shows it alone (repeated, skipped, part of a sequence). */
  rawAt(at: number): number {
    return this.#raw[at] as number;
  }

  /** First place in the output, at or behind `at` of the text, or `otherwise`. */
  rawFrom(at: number, otherwise: number): number {
    for (let i = at; i < this.length; i += 1) if (this.rawAt(i) >= 0) return this.rawAt(i);
    return otherwise;
  }

  /** All places where the character at `at` was printed. */
  places(at: number, end: number): { readonly raw: number; readonly length: number }[] {
    const first = { raw: this.rawAt(at), length: end - at };
    const again = this.#layers.filter((layer) => layer.at === at);
    return this.rawAt(at) < 0 ? again : [first, ...again];
  }

  /** One byte behind the text, where the cursor is. */
  append(byte: number, raw: number): void {
    this.bytes[this.length] = byte;
    this.#raw[this.length] = raw;
    this.length += 1;
    this.#cursor = this.length;
    this.isDirty = true;
  }

  /** @returns false when there is no room. */
  appendHidden(source: Buffer, start: number, end: number, times = 1): boolean {
    if (this.length + (end - start) * times > this.bytes.length / 2) return false;
    for (let i = 0; i < times; i += 1) for (let at = start; at < end; at += 1) this.append(source[at] as number, -1);
    return true;
  }

  /** Start of the last character, or -1. */
  lastCharacter(): number {
    let at = this.length - 1;
    while (at > 0 && ((this.bytes[at] as number) & 0xc0) === 0x80) at -= 1;
    return at;
  }

  /** Prints `source[at, end)`, one character, over what is at the cursor. @returns false when what is there has another length. */
  overwrite(source: Buffer, at: number, end: number): boolean {
    const cursor = this.#cursor;
    const old = characterEnd(this.bytes, cursor, this.length);
    if (old - cursor !== end - at) return false;
    this.isDirty = true;
    if (source.compare(this.bytes, cursor, old, at, end) === 0)
      this.#layers.push({ at: cursor, raw: at, length: end - at });
    else
      for (let i = 0; i < end - at; i += 1) {
        this.bytes[cursor + i] = source[at + i] as number;
        this.#raw[cursor + i] = at + i;
      }
    this.#cursor = old;
    return true;
  }

  left(count: number): void {
    for (let i = 0; i < count && this.#cursor > this.floor; i += 1) {
      this.#cursor -= 1;
      while (this.#cursor > this.floor && ((this.bytes[this.#cursor] as number) & 0xc0) === 0x80) this.#cursor -= 1;
    }
  }

  /** @returns false when the cursor would leave the text. */
  right(count: number): boolean {
    for (let i = 0; i < count; i += 1) {
      if (this.isAtEnd) return false;
      this.#cursor = characterEnd(this.bytes, this.#cursor, this.length);
    }
    return true;
  }

  /** What is right of the cursor is no longer there. */
  erase(): void {
    this.length = this.#cursor;
  }

  /** Takes the last character off. */
  drop(): void {
    this.length = Math.max(0, this.lastCharacter());
    this.#cursor = this.length;
  }

  /** Columns of the text. */
  columns(): number {
    let columns = 0;
    for (let at = 0; at < this.length; ) {
      const end = characterEnd(this.bytes, at, this.length);
      columns += columnsOf(this.bytes, at, end);
      at = end;
    }
    return columns;
  }
}
