import { parsePhoneNumberFromString } from 'libphonenumber-js';
import { isDigit } from '../content/byte-class.ts';
import { matchesPattern } from './find-number.ts';
import { isPhoneSeparator, nationalPatterns } from './patterns.ts';

/** @returns the end of a North American number without country code whose first digit is at `at`, or -1. */
export function nationalPhoneEnd(buffer: Buffer, start: number, at: number, end: number): number {
  for (const pattern of nationalPatterns) {
    if (!matchesPattern(buffer, at, end, pattern)) continue;
    if (pattern[3] === ')' && (at === start || buffer[at - 1] !== 0x28)) continue;
    return at + pattern.length;
  }
  return -1;
}

/** Verifications by libphonenumber-js (12 µs each) that one cell may cost. */
const maxVerifications = 64;

/** Counts the verifications of one scan. */
export interface PhoneBudget {
  spent: number;
}

/**
 * An international number whose `+` is right before `at`: 8 to 15 digits in groups divided by up to two of `space - . / ( )`, ending where a
 * group ends; the longest that libphonenumber-js calls valid wins. When a cell has cost 64 verifications, what looks like a number is one.
 * @returns its end or -1.
 */
export function internationalPhoneEnd(buffer: Buffer, at: number, end: number, budget: PhoneBudget): number {
  const ends: number[] = [];
  let count = 0;
  let gap = 0;
  for (let i = at; i < end; i += 1) {
    const byte = buffer[i] as number;
    if (isDigit(byte)) {
      count += 1;
      gap = 0;
      if (count > 15) break;
      if (count >= 8 && (i + 1 === end || !isDigit(buffer[i + 1] as number))) ends.push(i + 1);
    } else if (!isPhoneSeparator(byte) || gap === 2) break;
    else gap += 1;
  }
  for (let i = ends.length - 1; i >= 0; i -= 1) {
    const last = ends[i] as number;
    if (budget.spent >= maxVerifications) return last;
    budget.spent += 1;
    if (parsePhoneNumberFromString(`+${buffer.toString('latin1', at, last)}`)?.isValid() === true) return last;
  }
  return -1;
}
