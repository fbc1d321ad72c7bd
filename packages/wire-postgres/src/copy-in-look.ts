import { isWeirError } from '@weir/errors';
import { CopyBinaryCodec } from './copy-binary.ts';
import { CopyCsvCodec } from './copy-csv.ts';
import type { CopyCodec } from './copy-row.ts';
import { CopyTextCodec } from './copy-text.ts';
import type { CopyInLook, ErrorFields } from './engine-host.ts';
import { Slab } from './slab.ts';

/** Longest row and cell that is looked at. */
const maxHeldBytes = 1024 * 1024;

/** Shows the cells of COPY FROM STDIN to the host while the data goes to the server as it is. */
export class CopyInReader {
  readonly #look: CopyInLook;
  readonly #slab = new Slab();
  #codec: CopyCodec | null;

  /** @param format 0 text or CSV, 1 binary */
  constructor(look: CopyInLook, format: number) {
    this.#look = look;
    const { masks, csv, text } = look;
    const options = { masks, maxHeldBytes };
    this.#codec =
      format === 1
        ? new CopyBinaryCodec(options)
        : csv
          ? new CopyCsvCodec({ ...options, csv })
          : new CopyTextCodec({ ...options, text });
  }

  /** Takes `buffer[start, end)` of the data. @returns the host's error when it refuses what it saw */
  push(buffer: Buffer, start: number, end: number): ErrorFields | null {
    if (this.#codec === null) return null;
    try {
      this.#codec.push(buffer, start, end, this.#slab, () => this.#forget());
    } catch (error) {
      if (!isWeirError(error)) throw error;
      // Data that does not fit the columns (`\.`, a row too short) is for the server to refuse; behind it rows cannot be told apart.
      this.#codec = null;
    }
    return this.#look.refusal();
  }

  /** What the codec wrote goes nowhere. */
  #forget(): void {
    this.#slab.position = this.#slab.start;
  }
}
