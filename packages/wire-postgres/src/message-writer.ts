import { writeInt32 } from './integers.ts';

/** Builds protocol messages into one growing buffer. `begin`/`end` may be repeated to put several messages into one buffer. */
export class MessageWriter {
  #buffer: Buffer;
  #length = 0;
  #lengthAt = 0;

  constructor(capacity = 256) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  #ensure(extra: number): number {
    const at = this.#length;
    if (at + extra > this.#buffer.length) {
      const bigger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, at + extra));
      this.#buffer.copy(bigger, 0, 0, at);
      this.#buffer = bigger;
    }
    this.#length = at + extra;
    return at;
  }

  /** Starts a message; `type` is its one letter, or null for the untyped start-up messages. */
  begin(type: string | null): this {
    if (type !== null) this.byte(type.charCodeAt(0));
    this.#lengthAt = this.#ensure(4);
    return this;
  }

  /** Ends the message: its length header is written. */
  end(): this {
    writeInt32(this.#buffer, this.#lengthAt, this.#length - this.#lengthAt);
    return this;
  }

  byte(value: number): this {
    const at = this.#ensure(1);
    this.#buffer[at] = value;
    return this;
  }

  int16(value: number): this {
    const at = this.#ensure(2);
    this.#buffer[at] = value >>> 8;
    this.#buffer[at + 1] = value;
    return this;
  }

  int32(value: number): this {
    const at = this.#ensure(4);
    writeInt32(this.#buffer, at, value);
    return this;
  }

  bytes(value: Uint8Array): this {
    // #ensure may replace the buffer: it has to come first.
    const at = this.#ensure(value.length);
    this.#buffer.set(value, at);
    return this;
  }

  /** A UTF-8 string and its NUL. NULs inside are removed: they would end the string early. */
  cstring(value: string): this {
    const text = value.includes('\0') ? value.replaceAll('\0', '') : value;
    const length = Buffer.byteLength(text);
    const at = this.#ensure(length + 1);
    this.#buffer.write(text, at, 'utf8');
    this.#buffer[at + length] = 0;
    return this;
  }

  /** Everything written so far. The writer must not be used afterwards. */
  take(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}
