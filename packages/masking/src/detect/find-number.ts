import { isAlphanumeric, isDigit, isLetter } from '../content/byte-class.ts';
import { ibanLength, ibanRemainder } from '../content/iban.ts';
import { hasLuhnCheckDigit } from '../content/luhn.ts';
import { ssnPattern } from './patterns.ts';

const space = 0x20;
const dash = 0x2d;

const digits = new Uint8Array(20);

/**
 * A card number that begins at `at` (the first digit of a run): 13 to 19 digits in groups divided by single spaces or dashes, first digit 2
 * to 6 (the ranges of the payment networks), Luhn-valid. It ends where a group ends; the longest wins.
 * @returns its end or -1.
 */
export function cardEnd(buffer: Buffer, at: number, end: number): number {
  const first = buffer[at] as number;
  if (first < 0x32 || first > 0x36) return -1;
  let count = 0;
  let found = -1;
  for (let i = at; i < end; i += 1) {
    const byte = buffer[i] as number;
    if (isDigit(byte)) {
      if (count === 19) return found;
      digits[count] = byte - 0x30;
      count += 1;
      const isGroupEnd = i + 1 === end || !isDigit(buffer[i + 1] as number);
      if (count >= 13 && isGroupEnd && hasLuhnCheckDigit(digits, count)) found = i + 1;
    } else if ((byte !== space && byte !== dash) || i + 1 === end || !isDigit(buffer[i + 1] as number)) return found;
  }
  return found;
}

const ibanBytes = new Uint8Array(34);

/**
 * An IBAN that begins at `at` (a letter): country, check digits and as many letters or digits as the country has, in groups divided by
 * single spaces or dashes, with remainder 1 modulo 97.
 * @returns its end or -1.
 */
export function ibanEnd(buffer: Buffer, at: number, end: number): number {
  const first = buffer[at] as number;
  const second = buffer[at + 1] as number;
  if (!isLetter(first) || !isLetter(second)) return -1;
  const length = ibanLength(first, second);
  if (length === 0 || end - at < length) return -1;
  let count = 0;
  for (let i = at; i < end; i += 1) {
    const byte = buffer[i] as number;
    if (isAlphanumeric(byte)) {
      ibanBytes[count] = byte;
      count += 1;
      if (count === length) return ibanRemainder(ibanBytes, count) === 1 ? i + 1 : -1;
    } else if (byte !== space && byte !== dash) return -1;
    else if (i + 1 === end || !isAlphanumeric(buffer[i + 1] as number)) return -1;
  }
  return -1;
}

/** @returns true when `pattern` (`9` = digit, others as they are) stands at `at` and no digit follows. */
export function matchesPattern(buffer: Buffer, at: number, end: number, pattern: string): boolean {
  if (end - at < pattern.length) return false;
  for (let i = 0; i < pattern.length; i += 1) {
    const byte = buffer[at + i] as number;
    const wanted = pattern.charCodeAt(i);
    if (wanted === 0x39 ? !isDigit(byte) : byte !== wanted) return false;
  }
  return at + pattern.length === end || !isDigit(buffer[at + pattern.length] as number);
}

const digitAt = (buffer: Buffer, at: number): number => (buffer[at] as number) - 0x30;

/**
 * A US social security number `NNN-NN-NNNN` at `at`: area not 000, 666 or 900 and above, group not 00, serial not 0000 (SSA, POMS RM 10201.030).
 * @returns its end or -1.
 */
export function ssnEnd(buffer: Buffer, at: number, end: number): number {
  if (!matchesPattern(buffer, at, end, ssnPattern)) return -1;
  const area = digitAt(buffer, at) * 100 + digitAt(buffer, at + 1) * 10 + digitAt(buffer, at + 2);
  if (area === 0 || area === 666 || area >= 900) return -1;
  if (digitAt(buffer, at + 4) + digitAt(buffer, at + 5) === 0) return -1;
  for (let i = at + 7; i < at + 11; i += 1) if (buffer[i] !== 0x30) return at + 11;
  return -1;
}
