import type { ContentType } from '@weir/policy';
import { isDigit, isLetter } from '../content/byte-class.ts';
import { ibanLength } from '../content/iban.ts';
import { isDomainByte, isLocalByte } from '../detect/find-email.ts';
import { isPhoneSeparator, nationalPatterns, ssnPattern } from '../detect/patterns.ts';
import type { Span } from '../detect/span.ts';

const space = 0x20;
const dash = 0x2d;

/** Longest run that a number can take: an IBAN of 34 letters and digits with a separator behind each, rounded up. */
const longestNumber = 80;

/** @returns the first place of `text[start, end)` from which on bytes that follow can still make or change a find; `end` = all is decided. */
export type UndecidedStart = (text: Buffer, start: number, end: number, spans: readonly Span[]) => number;

/** Says for these types what is decided; the counterpart of createDetector. */
export function createUndecidedStart(types: readonly ContentType[]): UndecidedStart {
  const wanted = new Set(types);
  const tests: ((text: Buffer, start: number, at: number, end: number) => number)[] = [];
  if (wanted.has('iban')) tests.push(undecidedIban);
  if (wanted.has('card')) tests.push((text, _start, at, end) => (isCardOpen(text, at, end) ? at : end));
  if (wanted.has('us-ssn'))
    tests.push((text, _start, at, end) => (isPatternOpen(text, at, end, ssnPattern) ? at : end));
  if (wanted.has('phone')) tests.push(undecidedPhone);
  const hasEmail = wanted.has('email');
  return (text, start, end, spans) => {
    let first = end;
    if (hasEmail) first = Math.min(first, undecidedEmail(text, start, end));
    if (wanted.has('iban')) first = Math.min(first, ibanHead(text, start, end));
    if (wanted.has('phone') && end > start && (text[end - 1] === 0x2b || text[end - 1] === 0x28))
      first = Math.min(first, end - 1);
    // A number can begin two bytes before its first digit.
    for (let at = Math.max(start, end - longestNumber); at < Math.min(first + 2, end); at += 1) {
      if (!isDigit(text[at] as number)) continue;
      if (at > start && isDigit(text[at - 1] as number) && !spans.some((span) => span.end === at)) continue;
      for (const test of tests) first = Math.min(first, test(text, start, at, end));
    }
    // What is found up to the end may grow, and an address that begins in a find takes its place.
    for (let i = spans.length - 1; i >= 0; i -= 1) {
      const span = spans[i] as Span;
      if (span.end > first || span.end === end) first = Math.min(first, span.start);
    }
    return first;
  };
}

function undecidedEmail(text: Buffer, start: number, end: number): number {
  let local = end;
  while (local > start && isLocalByte(text[local - 1] as number)) local -= 1;
  let domain = end;
  while (domain > start && isDomainByte(text[domain - 1] as number)) domain -= 1;
  if (domain === start || text[domain - 1] !== 0x40) return local;
  let first = domain - 1;
  while (first > start && isLocalByte(text[first - 1] as number)) first -= 1;
  return Math.min(local, first);
}

/** One or two letters at the end may be the country. */
function ibanHead(text: Buffer, start: number, end: number): number {
  if (end === start || !isLetter(text[end - 1] as number)) return end;
  if (end - 1 === start || !isLetter(text[end - 2] as number)) return end - 1;
  return ibanLength(text[end - 2] as number, text[end - 1] as number) > 0 ? end - 2 : end - 1;
}

function undecidedIban(text: Buffer, start: number, at: number, end: number): number {
  if (at - start < 2) return end;
  const first = text[at - 2] as number;
  const second = text[at - 1] as number;
  if (!isLetter(first) || !isLetter(second)) return end;
  const length = ibanLength(first, second);
  let count = 2;
  for (let i = at; i < end; i += 1) {
    const byte = text[i] as number;
    if (isDigit(byte) || isLetter(byte)) count += 1;
    else if ((byte !== space && byte !== dash) || text[i - 1] === space || text[i - 1] === dash) return end;
    if (count >= length) return end;
  }
  return at - 2;
}

function isCardOpen(text: Buffer, at: number, end: number): boolean {
  const first = text[at] as number;
  if (first < 0x32 || first > 0x36) return false;
  let count = 0;
  for (let i = at; i < end; i += 1) {
    const byte = text[i] as number;
    if (isDigit(byte)) count += 1;
    else if ((byte !== space && byte !== dash) || !isDigit(text[i - 1] as number)) return false;
    if (count > 19) return false;
  }
  return true;
}

function isPatternOpen(text: Buffer, at: number, end: number, pattern: string): boolean {
  if (end - at > pattern.length) return false;
  for (let i = at; i < end; i += 1) {
    const wanted = pattern.charCodeAt(i - at);
    const byte = text[i] as number;
    if (wanted === 0x39 ? !isDigit(byte) : byte !== wanted) return false;
  }
  return true;
}

function undecidedPhone(text: Buffer, start: number, at: number, end: number): number {
  const before = at > start ? text[at - 1] : 0;
  if (before === 0x2b && isInternationalOpen(text, at, end)) return at - 1;
  if (!nationalPatterns.some((pattern) => isPatternOpen(text, at, end, pattern))) return end;
  return before === 0x28 ? at - 1 : at;
}

function isInternationalOpen(text: Buffer, at: number, end: number): boolean {
  let count = 0;
  let gap = 0;
  for (let i = at; i < end; i += 1) {
    const byte = text[i] as number;
    if (isDigit(byte)) {
      count += 1;
      gap = 0;
      if (count > 15) return false;
    } else if (!isPhoneSeparator(byte) || gap === 2) return false;
    else gap += 1;
  }
  return true;
}
