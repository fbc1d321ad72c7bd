/** Writes the fields of one message (RFC 4251, section 5) behind its length. */
export class FieldWriter {
  #buffer: Buffer;
  #length = 4;

  /** @param size bytes that are expected; more are possible */
  constructor(size = 64) {
    this.#buffer = Buffer.allocUnsafe(size);
  }

  byte(value: number): this {
    this.#buffer[this.#ensure(1)] = value;
    return this;
  }

  boolean(value: boolean): this {
    return this.byte(value ? 1 : 0);
  }

  uint32(value: number): this {
    const at = this.#ensure(4);
    this.#buffer.writeUInt32BE(value >>> 0, at);
    return this;
  }

  uint64(value: number): this {
    return this.uint32(Math.floor(value / 0x1_0000_0000)).uint32(value % 0x1_0000_0000);
  }

  raw(value: Uint8Array): this {
    const at = this.#ensure(value.length);
    this.#buffer.set(value, at);
    return this;
  }

  bytes(value: Uint8Array): this {
    return this.uint32(value.length).raw(value);
  }

  text(value: string): this {
    const length = Buffer.byteLength(value);
    this.uint32(length);
    const at = this.#ensure(length);
    this.#buffer.write(value, at, 'utf8');
    return this;
  }

  /** The message with its length in front. The writer must not be used afterwards. */
  take(): Buffer {
    this.#buffer.writeUInt32BE(this.#length - 4, 0);
    return this.#buffer.subarray(0, this.#length);
  }

  #ensure(length: number): number {
    const at = this.#length;
    this.#length = at + length;
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length, 2 * this.#buffer.length));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    return at;
  }
}
