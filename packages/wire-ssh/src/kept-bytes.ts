const none = Buffer.alloc(0);

/** The beginning of something that did not end with its chunk, until the rest has come. */
export class KeptBytes {
  /** What is kept is `buffer[0, length)`. */
  buffer: Buffer = none;
  length = 0;

  /** Begins with a copy of these bytes. */
  begin(bytes: Buffer): void {
    this.buffer = Buffer.from(bytes);
    this.length = this.buffer.length;
  }

  /** Takes from `chunk[at]` on as much as is missing to `wanted` bytes. @returns how much that was */
  take(chunk: Buffer, at: number, wanted: number): number {
    const taken = Math.min(wanted - this.length, chunk.length - at);
    if (this.buffer.length < wanted) {
      const larger = Buffer.allocUnsafe(wanted);
      this.buffer.copy(larger, 0, 0, this.length);
      this.buffer = larger;
    }
    chunk.copy(this.buffer, this.length, at, at + taken);
    this.length += taken;
    return taken;
  }

  clear(): void {
    this.buffer = none;
    this.length = 0;
  }
}
