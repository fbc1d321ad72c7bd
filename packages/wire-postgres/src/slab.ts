import type { Outbox } from './outbox.ts';

/** A chunk of 64 KB from the server whose rows grow a little under their masks still fits. */
const slabBytes = 98_304;
const nothing: Buffer = Buffer.alloc(0);
/** Space that no slab writes to now: engines work one after the other, so one serves them all. */
let spare: Buffer = nothing;

/**
 * Output space for rewritten rows. Written bytes are not overwritten before rewind: a record that outgrows the slab moves to a new one, and
 * what was published stays where it is until its reader lets go.
 */
export class Slab {
  buffer: Buffer = nothing;
  /** Start of the record being written, and the position behind its last byte. */
  start = 0;
  position = 0;

  /** Makes room for `bytes` more; the record may move, so offsets must be taken relative to `start`. */
  ensure(bytes: number): void {
    if (this.position + bytes <= this.buffer.length) return;
    if (this.buffer === nothing && bytes <= spare.length) {
      this.buffer = spare;
      spare = nothing;
      return;
    }
    const written = this.position - this.start;
    const bigger = Buffer.allocUnsafe(Math.max(slabBytes, written * 2, written + bytes));
    this.buffer.copy(bigger, 0, this.start, this.position);
    this.buffer = bigger;
    this.start = 0;
    this.position = written;
  }

  /** Ends the record and gives it to `outbox`. */
  publish(outbox: Outbox): void {
    outbox.relay(this.buffer, this.start, this.position);
    this.start = this.position;
  }

  /** Everything published has been read: its space may be used again, by any slab. */
  rewind(): void {
    if (this.start !== this.position || this.buffer === nothing) return;
    if (this.buffer.length === slabBytes) spare = this.buffer;
    this.buffer = nothing;
    this.start = 0;
    this.position = 0;
  }

  /** Gives up the space behind what was published: a large record must not stay in memory because of it. */
  release(): void {
    if (this.buffer.length <= slabBytes) return;
    this.buffer = nothing;
    this.start = 0;
    this.position = 0;
  }

  /** Copies source bytes behind the position; room must have been made. */
  copy(source: Buffer, start: number, end: number): void {
    if (end - start <= 48) {
      const { buffer } = this;
      let at = this.position;
      for (let i = start; i < end; i++) buffer[at++] = source[i]!;
      this.position = at;
    } else {
      source.copy(this.buffer, this.position, start, end);
      this.position += end - start;
    }
  }
}
