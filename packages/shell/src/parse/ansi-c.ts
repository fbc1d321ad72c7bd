import type { Source } from './source.ts';
import { NotUnderstood } from './syntax.ts';

const letters: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  e: '\x1b',
  E: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
  '?': '?',
};

/** Reads the text of $'…' behind its first quote (bash(1), QUOTING). Other shells end it at `\'`, so that is not understood. */
export function readAnsiC(source: Source): string {
  let text = '';
  for (;;) {
    const character = source.nextRaw();
    if (character === '') throw new NotUnderstood('A quote is not closed.');
    if (character === "'") return text;
    text += character === '\\' ? readEscape(source) : character;
  }
}

function readEscape(source: Source): string {
  const letter = source.nextRaw();
  const fixed = letters[letter];
  if (fixed !== undefined) return fixed;
  if (letter === "'") throw new NotUnderstood("Shells disagree about where a $'…' with a quote in it ends.");
  if (/[0-7]/.test(letter)) return code(letter + digits(source, /[0-7]/, 2), 8);
  const longest = { x: 2, u: 4, U: 8 }[letter];
  if (longest !== undefined) return code(digits(source, /[0-9a-fA-F]/, longest), 16);
  // \cX, and what only later versions know.
  throw new NotUnderstood(`Shells disagree about \\${letter} in $'…'.`);
}

function digits(source: Source, which: RegExp, most: number): string {
  let found = '';
  while (found.length < most && which.test(source.text.charAt(source.at))) found += source.nextRaw();
  return found;
}

function code(found: string, base: number): string {
  const point = Number.parseInt(found, base);
  // A zero ends the word in some shells; bytes above ASCII are parts of characters.
  if (!(point > 0 && point < 0x80)) throw new NotUnderstood("A $'…' holds a byte that is no ASCII character.");
  return String.fromCodePoint(point);
}
