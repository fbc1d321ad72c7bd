import { isDigit } from '../content/byte-class.ts';
import type { Span } from './span.ts';

const backslash = 0x5c;
const quote = 0x22;

/** Where a span of a JSON text really is, and whether a replacement needs quotes of its own there. */
export interface JsonSpan {
  readonly start: number;
  readonly end: number;
  readonly needsQuotes: boolean;
}

/** Follows the strings of one JSON text from left to right (spans are asked in order). */
export interface JsonReader {
  /** @returns null when nothing of the span is left outside escapes. */
  place(span: Span): JsonSpan | null;
}

export function createJsonReader(buffer: Buffer, start: number, end: number): JsonReader {
  let at = start;
  let isInString = false;
  return {
    place(span) {
      let escapeEnd = span.start;
      while (at < span.start) {
        const byte = buffer[at] as number;
        if (byte === backslash && isInString) {
          at += buffer[at + 1] === 0x75 ? 6 : 2;
          escapeEnd = Math.max(span.start, at);
          continue;
        }
        if (byte === quote) isInString = !isInString;
        at += 1;
      }
      if (escapeEnd >= span.end) return null;
      if (isInString) return { start: escapeEnd, end: span.end, needsQuotes: false };
      return wholeNumber(buffer, start, end, span);
    },
  };
}

/** Outside strings a span is (part of) a number: the whole number goes, or `-4111…` and `4111….5` would leave no legal JSON behind. */
function wholeNumber(buffer: Buffer, start: number, end: number, span: Span): JsonSpan {
  let first = span.start;
  let last = span.end;
  while (first > start && isNumberByte(buffer[first - 1] as number)) first -= 1;
  while (last < end && isNumberByte(buffer[last] as number)) last += 1;
  return { start: first, end: last, needsQuotes: true };
}

const isNumberByte = (byte: number): boolean =>
  isDigit(byte) || byte === 0x2b || byte === 0x2d || byte === 0x2e || byte === 0x45 || byte === 0x65;
