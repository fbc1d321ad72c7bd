import { readBackquotes, readDollar } from './expansion.ts';
import { readProgramUntilParenthesis } from './program.ts';
import type { Source } from './source.ts';
import { NotUnderstood, type Word } from './syntax.ts';
import { createWordBuilder, type WordBuilder } from './word-builder.ts';

const ends = new Set(['', ' ', '\t', '\n', '|', '&', ';', '(', ')', '<', '>']);

/** Does a word begin here? */
export function startsWord(source: Source): boolean {
  const character = source.peek();
  return !ends.has(character) || startsProcessSubstitution(source);
}

function startsProcessSubstitution(source: Source): boolean {
  return (source.peek() === '<' || source.peek() === '>') && source.peek(1) === '(';
}

/** Reads one word; the next character must begin it (POSIX.1-2024, 2.3 Token Recognition). */
export function readWord(source: Source): Word {
  const word = createWordBuilder();
  for (;;) {
    const character = source.peek();
    if (startsProcessSubstitution(source)) {
      source.take(`${character}(`);
      word.computed(false, [source.nested(() => readProgramUntilParenthesis(source))]);
    } else if (ends.has(character)) return word.build();
    else readPiece(source, word, character);
  }
}

function readPiece(source: Source, word: WordBuilder, character: string): void {
  if (character === '$') readDollar(source, word, false);
  else if (character === '`') word.computed(false, [readBackquotes(source, false)]);
  else {
    source.next();
    if (character === "'") readSingleQuoted(source, word);
    else if (character === '"') readDoubleQuoted(source, word);
    else if (character === '\\') {
      // At the very end it stands for itself.
      const quoted = source.nextRaw();
      word.text(quoted === '' ? '\\' : quoted, true);
    } else if (/[*?[]/.test(character)) word.glob(character);
    else if (character === '{' || character === ',' || character === '}') word.brace(character);
    else word.text(character, false);
  }
}

function readSingleQuoted(source: Source, word: WordBuilder): void {
  const end = source.text.indexOf("'", source.at);
  if (end === -1) throw new NotUnderstood('A quote is not closed.');
  const text = source.text.slice(source.at, end);
  source.at = end + 1;
  word.text(text, true);
}

/** Reads behind the first double quote up to the last. */
export function readDoubleQuoted(source: Source, word: WordBuilder): void {
  word.text('', true);
  for (;;) {
    const character = source.peek();
    if (character === '') throw new NotUnderstood('A quote is not closed.');
    if (character === '"') {
      source.next();
      return;
    }
    readQuotedPiece(source, word, /[$`"\\]/);
  }
}

/** One piece of text that is quoted but for dollar, backquote and the backslashes before `escaped`. */
export function readQuotedPiece(source: Source, word: WordBuilder, escaped: RegExp): void {
  const character = source.peek();
  if (character === '$') readDollar(source, word, true);
  else if (character === '`') word.computed(true, [readBackquotes(source, true)]);
  else {
    source.next();
    const isEscape = character === '\\' && escaped.test(source.peek());
    word.text(isEscape ? source.next() : character, true);
  }
}
