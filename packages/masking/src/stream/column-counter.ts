import { byteRole, byteRoles } from './byte-role.ts';
import { characterEnd, columnsOf } from './character.ts';
import { readControlSequence } from './control-sequence.ts';

/**
 * @param column the column of `data[start]`, counted over wrapped rows; -1 = not known
 * @returns the column of `data[end]`, likewise.
 */
export function columnAt(data: Buffer, start: number, end: number, column: number): number {
  let from = end;
  while (from > start && data[from - 1] !== 0x0a && data[from - 1] !== 0x0d) from -= 1;
  let result = from === start ? column : 0;
  for (let at = from; at < end && result >= 0; ) {
    const byte = data[at] as number;
    if (byte === 0x1b) {
      const { end: last, effect, count } = readControlSequence(data, at, end);
      if (effect === 'right' || effect === 'repeat') result += count;
      else if (effect === 'single') result += 1;
      else if (effect === 'left') result = Math.max(0, result - count);
      else if (effect === 'stop') result = -1;
      at = last < 0 ? end : last;
      continue;
    }
    if (byte === 0x09) result += 8 - (result % 8);
    else if (byte === 0x08) result = Math.max(0, result - 1);
    else if (byteRoles[byte] !== byteRole.control || byte === 0xc2) {
      const last = characterEnd(data, at, end);
      result += columnsOf(data, at, last);
      at = last;
      continue;
    }
    at += 1;
  }
  return result;
}
