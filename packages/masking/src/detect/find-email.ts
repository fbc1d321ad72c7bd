import { isAlphanumeric, isLetter } from '../content/byte-class.ts';

const dot = 0x2e;
const dash = 0x2d;

/** Bytes of the part before the `@`: letters (of any script), digits and `. _ % + - '`. */
const isLocal = new Uint8Array(256);
/** Bytes of a domain: letters, digits, dots and dashes. */
const isDomain = new Uint8Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  const isWord = byte >= 0x80 || isAlphanumeric(byte);
  isLocal[byte] = isWord || "._%+-'".includes(String.fromCharCode(byte)) ? 1 : 0;
  isDomain[byte] = isWord || byte === dot || byte === dash ? 1 : 0;
}

/** Can the byte stand before the `@` of an address? */
export const isLocalByte = (byte: number): boolean => isLocal[byte] === 1;

/** Can the byte stand in a domain? */
export const isDomainByte = (byte: number): boolean => isDomain[byte] === 1;

/** @returns the first byte of the address whose `@` is at `at`, or `at` when nothing fit stands before it. */
export function emailStart(buffer: Buffer, start: number, at: number): number {
  let first = at;
  while (first > start && isLocal[buffer[first - 1] as number] === 1) first -= 1;
  // A quote or dot that opens the text around it is no part of the address.
  while (first < at && (buffer[first] === 0x27 || buffer[first] === dot)) first += 1;
  return first;
}

/** @returns the end of the domain after the `@` at `at`: its last label begins with two letters or more. -1 when there is none. */
export function emailEnd(buffer: Buffer, at: number, end: number): number {
  let last = at + 1;
  while (last < end && isDomain[buffer[last] as number] === 1) last += 1;
  // From the right: the first label that begins with letters is the last one of the domain.
  let labelEnd = last;
  for (let i = last - 1; i > at; i -= 1) {
    if (buffer[i] !== dot) continue;
    let letters = i + 1;
    while (letters < labelEnd && isTop(buffer[letters] as number)) letters += 1;
    if (letters - i > 2) return i > at + 1 ? endOfLabel(buffer, i + 1, letters, labelEnd) : -1;
    labelEnd = i;
  }
  return -1;
}

const isTop = (byte: number): boolean => byte >= 0x80 || isLetter(byte);

/** `xn--…` labels hold digits and dashes; other last labels end with their letters. */
function endOfLabel(buffer: Buffer, label: number, letters: number, labelEnd: number): number {
  const isEncoded = labelEnd - label > 4 && buffer[label + 2] === dash && buffer[label + 3] === dash;
  return isEncoded ? labelEnd : letters;
}
