import { WeirError } from '@weir/errors';
import { readInt16, readInt32 } from './integers.ts';

/** Reads the fields of one message body, `buffer[start, end)`, front to back. Every method throws protocol_violation when the body ends too early. */
export class MessageReader {
  readonly #buffer: Buffer;
  readonly #end: number;
  #position: number;

  constructor(buffer: Buffer, start: number, end: number) {
    this.#buffer = buffer;
    this.#position = start;
    this.#end = end;
  }

  #take(length: number): number {
    const at = this.#position;
    if (length < 0 || at + length > this.#end)
      throw new WeirError('protocol_violation', 'a message ends in the middle of a field');
    this.#position = at + length;
    return at;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#end - this.#position;
  }

  byte(): number {
    return this.#buffer[this.#take(1)]!;
  }

  int16(): number {
    return readInt16(this.#buffer, this.#take(2));
  }

  /** A count of following items, 0..65535. */
  count(): number {
    return this.int16() & 0xffff;
  }

  int32(): number {
    return readInt32(this.#buffer, this.#take(4));
  }

  /** `length` bytes as a slice of the message (no copy). */
  slice(length: number): Buffer {
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }

  /** A NUL-terminated string. Names that become keys are read as latin1, which maps different bytes to different strings. */
  cstring(encoding: 'utf8' | 'latin1'): string {
    const zero = this.#buffer.indexOf(0, this.#position);
    if (zero < 0 || zero >= this.#end) throw new WeirError('protocol_violation', 'a string in a message has no end');
    const text = this.#buffer.toString(encoding, this.#position, zero);
    this.#position = zero + 1;
    return text;
  }

  /** The bytes of a NUL-terminated string, without the NUL. */
  cstringBytes(): Buffer {
    const zero = this.#buffer.indexOf(0, this.#position);
    if (zero < 0 || zero >= this.#end) throw new WeirError('protocol_violation', 'a string in a message has no end');
    const bytes = this.#buffer.subarray(this.#position, zero);
    this.#position = zero + 1;
    return bytes;
  }

  /** Throws unless the whole body was read. */
  finish(): void {
    if (this.#position !== this.#end) throw new WeirError('protocol_violation', 'a message is longer than its fields');
  }
}
