/** Puts a message together that arrives in several chunks. Memory grows with what arrived, never with what a header claims. */
export class Collector {
  #buffer: Buffer | null = null;
  #have = 0;
  #total = 0;

  get isOpen(): boolean {
    return this.#buffer !== null;
  }

  /** Starts a message of `total` bytes with its first bytes. */
  begin(total: number, chunk: Buffer, start: number, end: number): void {
    this.#buffer = Buffer.allocUnsafe(Math.min(total, Math.max(1024, (end - start) * 2)));
    this.#total = total;
    this.#have = chunk.copy(this.#buffer, 0, start, end);
  }

  /** Adds from `chunk[at]` on what belongs to the message. @returns number of bytes taken */
  add(chunk: Buffer, at: number): number {
    const take = Math.min(this.#total - this.#have, chunk.length - at);
    let buffer = this.#buffer!;
    if (this.#have + take > buffer.length) {
      const bigger = Buffer.allocUnsafe(Math.min(this.#total, Math.max(buffer.length * 2, this.#have + take)));
      buffer.copy(bigger, 0, 0, this.#have);
      buffer = bigger;
      this.#buffer = bigger;
    }
    chunk.copy(buffer, this.#have, at, at + take);
    this.#have += take;
    return take;
  }

  /** The whole message once all of it arrived, and the collector is free again; null before. */
  takeComplete(): Buffer | null {
    const buffer = this.#buffer;
    if (buffer === null || this.#have < this.#total) return null;
    this.#buffer = null;
    return buffer.length === this.#total ? buffer : buffer.subarray(0, this.#total);
  }
}
