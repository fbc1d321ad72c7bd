import type { ParsedStatement } from './parser.ts';

/** Watches which integer literals of a text the analysis looks at. */
export interface IntegerWatch {
  /**
   * Indexes, among the runs of digits of the text in order, of those that are whole integer literals whose value nothing has read. A text that
   * differs from this one in such digits alone (one to nine of them) has the same tree but for values that nobody looked at: the same analysis.
   */
  free(): number[];
  /** Index, among the runs of digits, of the integer literal at this position (bytes) that nothing had read when `free` was called; undefined = another. */
  digitsAt(location: number): number | undefined;
}

interface WatchedLiteral {
  readonly location: number;
  isRead: boolean;
}

const watchNothing: IntegerWatch = { free: () => [], digitsAt: () => undefined };
const digitRun = /[0-9]+/g;
/** What may stand beside a literal so that the server's lexer sees one token however many digits it has: nothing that could continue a number, a name or an operator with it. */
const before = /[\s(,=<>+*%]/;
const after = /[\s),;=<>+*%]/;
const maxTextLength = 4096;
const maxDigits = 9;

/** Puts a watch on the integer literals of parsed statements. Call before the analysis reads them. Positions are bytes, so only ASCII texts are watched. */
export function watchIntegers(text: string, statements: readonly ParsedStatement[]): IntegerWatch {
  if (statements.length !== 1 || text.length > maxTextLength || !isAscii(text)) return watchNothing;
  const literals: WatchedLiteral[] = [];
  watch(statements[0]?.node, literals);
  if (literals.length === 0) return watchNothing;
  const indexes = new Map<number, number>();
  return {
    digitsAt: (location) => indexes.get(location),
    free() {
      const unread = new Set(literals.filter((literal) => !literal.isRead).map((literal) => literal.location));
      const read = new Set(literals.filter((literal) => literal.isRead).map((literal) => literal.location));
      const free: number[] = [];
      let index = 0;
      for (const { 0: digits, index: start } of text.matchAll(digitRun)) {
        if (unread.has(start) && !read.has(start) && isWholeToken(text, start, digits.length)) {
          free.push(index);
          indexes.set(start, index);
        }
        index += 1;
      }
      return free;
    },
  };
}

const isAscii = (text: string) => Buffer.byteLength(text) === text.length;

function isWholeToken(text: string, start: number, length: number): boolean {
  const next = text[start + length];
  return length <= maxDigits && before.test(text[start - 1] ?? '') && (next === undefined || after.test(next));
}

/** Any read of the value counts, also by serialising or comparing the tree. */
function watch(value: unknown, literals: WatchedLiteral[]): void {
  if (Array.isArray(value)) {
    for (const item of value) watch(item, literals);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const node = value as Record<string, unknown>;
  for (const key in node) {
    const child = node[key];
    if (key === 'A_Const') watchLiteral(child as Record<string, unknown>, literals);
    else watch(child, literals);
  }
}

function watchLiteral(body: Record<string, unknown>, literals: WatchedLiteral[]): void {
  const { ival, location } = body;
  if (ival === undefined || typeof location !== 'number') return;
  const literal: WatchedLiteral = { location, isRead: false };
  literals.push(literal);
  Object.defineProperty(body, 'ival', {
    enumerable: true,
    get() {
      literal.isRead = true;
      return ival;
    },
  });
}
