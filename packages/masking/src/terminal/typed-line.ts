import type { Key } from './key-reader.ts';

/** Most bytes of one line that are kept. */
const maxLineBytes = 64 * 1024;

/** A line as it is typed. */
export interface TypedLine {
  /** Its bytes, all keys. */
  readonly bytes: Buffer[];
  length: number;
  /** Its text, as far as keys tell; null = nobody knows. */
  text: string | null;
  isCertain: boolean;
  /** Printable text whose echo has not been seen, after erasing. */
  awaited: string;
  /** Something that was typed can no longer be seen echoed. */
  isHidden: boolean;
  /** The key that enters it was typed. */
  isEntered: boolean;
  /** It was entered while others waited: line ends that still come before its echo. */
  lineEnds: number;
  /** Output has come since. */
  isAnswered: boolean;
  /** Something was typed into it in an earlier chunk, and its echo has not come. */
  isOverdue: boolean;
}

export const createTypedLine = (): TypedLine => ({
  bytes: [],
  length: 0,
  text: '',
  isCertain: true,
  awaited: '',
  isHidden: false,
  isEntered: false,
  lineEnds: 0,
  isAnswered: false,
  isOverdue: false,
});

/** Puts one key into the line. */
export function typeKey(line: TypedLine, key: Key): void {
  line.length += key.bytes.length;
  if (line.length > maxLineBytes) {
    line.isHidden = true;
    line.text = null;
    return;
  }
  line.bytes.push(key.bytes);
  switch (key.type) {
    case 'text':
    case 'paste':
      // The shell replaces words that begin with ! by those of its history.
      if (key.text.includes('!')) line.isCertain = false;
      if (line.text !== null) line.text += key.text;
      line.awaited += key.text;
      return;
    case 'erase':
      if (line.text !== null) line.text = withoutLast(line.text);
      take(line, withoutLast(line.awaited));
      return;
    case 'erase-word':
      if (line.text !== null) line.text = withoutWord(line.text);
      take(line, withoutWord(line.awaited));
      return;
    case 'erase-line':
      line.text = line.text === null ? null : '';
      take(line, '');
      return;
    case 'other':
      // An unknown line stays unknown: the key may have brought any text.
      line.text = null;
      line.isCertain = false;
      return;
    default:
  }
}

/** Text that is erased before its echo came will never be seen. */
function take(line: TypedLine, awaited: string): void {
  if (line.awaited !== '' && awaited === '') line.isHidden = true;
  line.awaited = awaited;
}

const withoutLast = (text: string): string => [...text].slice(0, -1).join('');
const withoutWord = (text: string): string => text.replace(/\S*\s*$/u, '');
