import type { CellMask } from '../cell-mask.ts';
import type { TextWriter } from '../content/text-writer.ts';

const quote = 0x22;

/**
 * Writes a whole JSON document as one JSON string of what `writer` makes of its text. The writer's output must need no escapes and it must
 * accept every input. `hasVersion`: binary jsonb, whose first byte is the version 1 (jsonb_send).
 */
export function createJsonMask(writer: TextWriter, hasVersion: boolean): CellMask {
  const head = hasVersion ? 1 : 0;
  return {
    maxLength: (length) => writer.maxLength(length) + 2 + head,
    write(source, start, end, target, offset) {
      let place = offset;
      if (hasVersion) {
        target[place] = 1;
        place += 1;
      }
      target[place] = quote;
      const written = writer.write(source, Math.min(start + head, end), end, target, place + 1);
      if (written < 0) return -1;
      target[place + 1 + written] = quote;
      return head + 2 + written;
    },
  };
}
