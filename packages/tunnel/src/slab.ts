/** Hands out pieces of larger buffers: one allocation serves many messages. A piece is never handed out twice. */
export class Slab {
  private readonly size: number;
  private buffer = Buffer.alloc(0);
  private used = 0;

  /** @param size bytes of each underlying buffer. */
  constructor(size: number) {
    this.size = size;
  }

  /** A piece of `length` bytes (at most the slab's size) to write into; call commit with what was used. */
  reserve(length: number): Buffer {
    if (this.buffer.length - this.used < length) {
      this.buffer = Buffer.allocUnsafeSlow(this.size);
      this.used = 0;
    }
    return this.buffer.subarray(this.used, this.used + length);
  }

  /** Keeps the first `length` bytes of the last reservation; the rest is free again. */
  commit(length: number): void {
    this.used += length;
  }
}
