import { isAlphanumeric } from './byte-class.ts';
import type { TextWriter } from './text-writer.ts';

const at = 0x40;
const dot = 0x2e;
const dash = 0x2d;
const star = 0x2a;

/** @returns the place of the only `@` of an ordinary address, or -1. */
function placeOfAt(source: Buffer, start: number, end: number): number {
  let found = -1;
  let lastDot = -1;
  for (let i = start; i < end; i += 1) {
    const byte = source[i] as number;
    if (byte === at) {
      if (found >= 0) return -1;
      found = i;
    } else if (byte <= 0x20 || byte === 0x22 || byte === 0x2c || byte === 0x3b || byte === 0x3c || byte === 0x3e)
      return -1;
    else if (found >= 0) {
      if (byte === dot) {
        // A label is never empty.
        if (i - 1 === found || i - 1 === lastDot) return -1;
        lastDot = i;
      } else if (byte !== dash && !isAlphanumeric(byte)) return -1;
    }
  }
  return lastDot > found && lastDot < end - 2 ? found : -1;
}

/**
 * `a***@example.com`: first letter and domain. The part before the `@` must have at least two characters and begin with an ASCII letter or
 * digit (one letter would be all of it); a quoted part, a second `@`, a domain without a dot or with other characters is not an address.
 */
export const partialEmail: TextWriter = {
  maxLength: (length) => length + 4,
  write(source, start, end, target, offset) {
    const place = placeOfAt(source, start, end);
    if (place - start < 2 || !isAlphanumeric(source[start] as number)) return -1;
    target[offset] = source[start] as number;
    target[offset + 1] = star;
    target[offset + 2] = star;
    target[offset + 3] = star;
    source.copy(target, offset + 4, place, end);
    return 4 + end - place;
  },
};
