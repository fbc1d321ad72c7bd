import { Carry } from './carry.ts';

/** One masked cell of a row that goes out in pieces: held up to a bound, passed over beyond it. */
export class WideCell {
  readonly #carry: Carry;
  readonly #maxBytes: number;
  #isTooLarge = false;

  constructor(maxBytes: number) {
    this.#carry = new Carry(maxBytes);
    this.#maxBytes = maxBytes;
  }

  /** Takes a part of the cell as it is spelled. */
  add(source: Buffer, start: number, end: number): void {
    if (this.#isTooLarge) return;
    if (this.#carry.length + end - start > this.#maxBytes) {
      this.#isTooLarge = true;
      this.#carry.release();
    } else this.#carry.add(source, start, end);
  }

  /** The cell has ended: its bytes, null when they were too many. The next cell begins. */
  take(): Buffer | null {
    const whole = this.#isTooLarge ? null : this.#carry.buffer.subarray(0, this.#carry.length);
    this.#isTooLarge = false;
    this.#carry.release();
    return whole;
  }
}
