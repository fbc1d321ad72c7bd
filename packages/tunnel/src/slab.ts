/** Hands out pieces of larger buffers: one allocation serves many messages. Memory is used again only behind hold and release. */
export class Slab {
  private readonly size: number;
  private buffer: Buffer = Buffer.alloc(0);
  private used = 0;
  /** Pieces that somebody still reads, by the memory that they are in. */
  private readonly readers = new Map<ArrayBufferLike, number>();
  private readonly spare: Buffer[] = [];

  /** @param size bytes of each underlying buffer. */
  constructor(size: number) {
    this.size = size;
  }

  /** A piece of `length` bytes (at most the slab's size) to write into; call commit with what was used. */
  reserve(length: number): Buffer {
    if (this.buffer.length - this.used < length) {
      this.buffer = this.spare.pop() ?? Buffer.allocUnsafeSlow(this.size);
      this.used = 0;
    }
    return this.buffer.subarray(this.used, this.used + length);
  }

  /** Keeps the first `length` bytes of the last reservation; the rest is free again. */
  commit(length: number): void {
    this.used += length;
  }

  /** This committed piece is read until it is released. Once pieces are held, all that are handed out must be. */
  hold(piece: Buffer): void {
    this.readers.set(piece.buffer, (this.readers.get(piece.buffer) ?? 0) + 1);
  }

  /** Never between reserve and commit. */
  release(piece: Buffer): void {
    const left = (this.readers.get(piece.buffer) ?? 0) - 1;
    if (left > 0) {
      this.readers.set(piece.buffer, left);
      return;
    }
    this.readers.delete(piece.buffer);
    if (piece.buffer === this.buffer.buffer) this.used = 0;
    else if (piece.buffer.byteLength === this.size && this.spare.length < 2) this.spare.push(Buffer.from(piece.buffer));
  }
}
