import { Fifo } from '../fifo.ts';

const none = Buffer.alloc(0);

/** Bytes that have arrived and were not read yet. */
export class ByteQueue {
  readonly #chunks = new Fifo<Buffer>();
  #at = 0;
  length = 0;

  push(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.length += bytes.length;
  }

  /** The next byte, which stays; -1 = none is there. */
  peek(): number {
    return this.#chunks.peek()?.[this.#at] ?? -1;
  }

  /** Up to so many bytes, as they came in one piece; empty = none are there. */
  take(most: number): Buffer {
    const chunk = this.#chunks.peek();
    if (chunk === undefined || most === 0) return none;
    const bytes = chunk.subarray(this.#at, this.#at + most);
    this.#at += bytes.length;
    this.length -= bytes.length;
    if (this.#at === chunk.length) {
      this.#chunks.shift();
      this.#at = 0;
    }
    return bytes;
  }

  /** A line with its LF; null = its end is not there. */
  takeLine(): Buffer | null {
    let length = 0;
    let from = this.#at;
    for (const chunk of this.#chunks) {
      const end = chunk.indexOf(0x0a, from);
      if (end < 0) {
        length += chunk.length - from;
        from = 0;
        continue;
      }
      length += end + 1 - from;
      const parts: Buffer[] = [];
      while (length > 0) {
        const part = this.take(length);
        parts.push(part);
        length -= part.length;
      }
      return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    }
    return null;
  }

  /** Everything. */
  takeAll(): Buffer {
    const bytes = Buffer.concat([...this.#chunks]).subarray(this.#at);
    this.#chunks.clear();
    this.#at = 0;
    this.length = 0;
    return bytes;
  }
}
