import type { CellMask } from './cell-mask.ts';
import type { TextWriter } from './content/text-writer.ts';

export interface TextMaskOptions {
  readonly writer: TextWriter;
  /** What is written when the writer refuses the value or its result is too long. */
  readonly redacted: Buffer;
  /** n of varchar(n) and char(n), or null. Counted in bytes, which is never more lenient. */
  readonly limit: number | null;
  /** char(n): trailing blanks do not count, results are padded to `limit`. */
  readonly isBlankPadded: boolean;
}

/** Masks a text by a writer, keeps it within the column's length, and redacts what the writer refuses. */
export function createTextMask({ writer, redacted, limit, isBlankPadded }: TextMaskOptions): CellMask {
  const floor = Math.max(redacted.length, isBlankPadded ? (limit ?? 0) : 0);
  return {
    maxLength: (length) => Math.max(floor, writer.maxLength(length)),
    write(source, start, end, target, offset) {
      let last = end;
      if (isBlankPadded) while (last > start && source[last - 1] === 0x20) last -= 1;
      let written = writer.write(source, start, last, target, offset);
      if (written < 0 || (limit !== null && written > limit)) return redacted.copy(target, offset);
      if (isBlankPadded && limit !== null) {
        target.fill(0x20, offset + written, offset + limit);
        written = limit;
      }
      return written;
    },
  };
}
