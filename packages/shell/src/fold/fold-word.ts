import type { Part, Word } from '../parse/syntax.ts';
import { expandBraces } from './braces.ts';

/** A word as a program gets it. */
export interface FoldedWord {
  /** Quotes removed; null = computed when it runs. `~` in front stands for a home folder only when `isHome`. */
  readonly value: string | null;
  /** Its fixed beginning, or `0` for a number; the value when that is known. */
  readonly prefix: string;
  /** It may become more words than one, or none. */
  readonly isSplit: boolean;
  /** Begins with a tilde outside quotes. */
  readonly isHome: boolean;
}

/** A fixed word, as texts within texts make them. */
export function fixedWord(value: string): FoldedWord {
  return { value, prefix: value, isSplit: false, isHome: false };
}

/** A word that nobody knows before it runs. */
export const unknownWord: FoldedWord = { value: null, prefix: '', isSplit: true, isHome: false };

/** May a word be an option, whatever it becomes? A fixed word is one when it begins with `-`. */
export function mayBeOption({ value, prefix, isSplit }: FoldedWord): boolean {
  if (value !== null) return value.startsWith('-');
  return isSplit || prefix === '' || prefix.startsWith('-');
}

/** The words that a word becomes, as far as they are known. */
export function foldWord(word: Word): FoldedWord[] {
  return expandBraces(word.parts).flatMap((parts) => {
    const folded = foldParts(parts);
    return folded === undefined ? [] : [folded];
  });
}

/** A word where no braces are expanded and no words are split: assignments, here-documents. */
export function foldWhole(word: Word): FoldedWord {
  const parts = word.parts.map(
    (part): Part => (part.type === 'brace' ? { type: 'text', text: part.text, isQuoted: false } : part),
  );
  return foldParts(parts) ?? fixedWord('');
}

function foldParts(parts: readonly Part[]): FoldedWord | undefined {
  // Braces may leave nothing at all: no word.
  if (parts.length === 0) return undefined;
  const [first] = parts;
  const isHome = first?.type === 'text' && !first.isQuoted && first.text.startsWith('~');
  let prefix = '';
  let value: string | null = '';
  let isSplit = false;
  for (const part of parts) {
    const fixed = fixedText(part, parts);
    if (fixed === undefined) {
      // Of a number the first digit is not known, but that it is one.
      if (part.type === 'computed' && part.isNumber) {
        if (value === '') prefix = '0';
        value = null;
        continue;
      }
      value = null;
      isSplit ||= part.type === 'computed' && !part.isQuoted;
      // A quoted "$@" is as many words as there are; what was quoted is not kept apart from it.
      isSplit ||= part.type === 'computed' && parts.length === 1;
    } else if (value !== null) {
      value += fixed;
      prefix = value;
    }
  }
  // ~user, ~+ and ~- are known at the target.
  if (isHome && value !== null && !/^~(\/|$)/.test(value)) return { value: null, prefix: '', isSplit, isHome };
  return { value, prefix, isSplit, isHome };
}

function fixedText(part: Part, parts: readonly Part[]): string | undefined {
  if (part.type === 'computed') return undefined;
  // A bracket that nothing closes stands for itself.
  if (part.type === 'glob') return part.text === '[' && !isClosed(parts, parts.indexOf(part)) ? '[' : undefined;
  return part.text;
}

function isClosed(parts: readonly Part[], from: number): boolean {
  return parts.slice(from + 1).some((part) => part.type === 'computed' || ('text' in part && part.text.includes(']')));
}
