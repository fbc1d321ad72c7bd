import { WeirError } from '@weir/errors';

/** Holds the beginning of a row whose end has not arrived; bounded, growing with what arrived. */
export class Carry {
  buffer: Buffer = Buffer.allocUnsafe(0);
  length = 0;
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @throws WeirError message_too_large */
  add(source: Buffer, start: number, end: number): void {
    const total = this.length + (end - start);
    if (total > this.#maxBytes)
      throw new WeirError('message_too_large', `what has to be held of a row is larger than ${this.#maxBytes} bytes`);
    if (total > this.buffer.length) {
      const bigger = Buffer.allocUnsafe(Math.min(this.#maxBytes, Math.max(1024, total, this.buffer.length * 2)));
      this.buffer.copy(bigger, 0, 0, this.length);
      this.buffer = bigger;
    }
    source.copy(this.buffer, this.length, start, end);
    this.length = total;
  }

  /** Forgets the first `bytes`. */
  drop(bytes: number): void {
    if (bytes > 0) this.buffer.copyWithin(0, bytes, this.length);
    this.length -= bytes;
  }

  clear(): void {
    this.length = 0;
  }

  /** Forgets all, and gives the memory back. */
  release(): void {
    this.length = 0;
    this.buffer = Buffer.allocUnsafe(0);
  }
}
