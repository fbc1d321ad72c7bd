import { Source } from './source.ts';
import { NotUnderstood, type Redirection, type Word } from './syntax.ts';
import { readQuotedPiece, readWord, startsWord } from './word.ts';
import { createWordBuilder } from './word-builder.ts';

/** Here-documents whose text begins behind the next newline. */
export interface HereDocument {
  readonly delimiter: string;
  readonly isQuoted: boolean;
  readonly isStripped: boolean;
  fill(word: Word): void;
}

type Operator = readonly [text: string, type: Redirection['type'] | 'here' | 'both' | 'both-append'];

/** Longest first. */
const operators: readonly Operator[] = [
  ['&>>', 'both-append'],
  ['<<<', 'text'],
  ['<<', 'here'],
  ['<>', 'read-write'],
  ['<&', 'duplicate'],
  ['>>', 'append'],
  ['>|', 'write'],
  ['>&', 'both'],
  ['&>', 'both'],
  ['<', 'read'],
  ['>', 'write'],
];

/** Does a redirection's operator come next? */
export function startsRedirection(source: Source): boolean {
  const [first, second] = [source.peek(), source.peek(1)];
  if (first === '&') return second === '>';
  return (first === '<' || first === '>') && second !== '(';
}

/** Reads one behind its number. Here-documents go to `pending`. */
export function readRedirection(
  source: Source,
  descriptor: number | undefined,
  pending: HereDocument[],
): () => Redirection {
  const [, type] = operators.find(([text]) => source.take(text)) ?? [];
  if (type === undefined) throw new NotUnderstood('A redirection is not understood.');
  const isStripped = type === 'here' && source.take('-');
  while (source.peek() === ' ' || source.peek() === '\t') source.next();
  if (!startsWord(source)) throw new NotUnderstood('A redirection leads nowhere.');
  const isDash = source.peek() === '-';
  const word = readWord(source);
  const [only, ...more] = word.parts;
  // To some shells `>&-` ends behind the dash, whatever follows.
  if (
    isDash &&
    (type === 'both' || type === 'duplicate') &&
    (more.length > 0 || only?.type !== 'text' || only.text !== '-')
  )
    throw new NotUnderstood('Shells disagree about where a redirection ends.');
  if (type === 'here') {
    let text: Word | undefined;
    pending.push({ ...delimiterOf(word), isStripped, fill: (filled) => (text = filled) });
    return () => {
      if (text === undefined) throw new NotUnderstood('A here-document has no text.');
      return { type: 'text', descriptor, word: text };
    };
  }
  if (type === 'both' || type === 'both-append') {
    const isNumber = word.parts.every((part) => part.type === 'text' && /^(\d+-?|-)$/.test(part.text));
    const found = isNumber ? 'duplicate' : type === 'both' ? 'write' : 'append';
    return () => ({ type: found, descriptor, word });
  }
  return () => ({ type, descriptor, word });
}

function delimiterOf({ parts }: Word): { readonly delimiter: string; readonly isQuoted: boolean } {
  let delimiter = '';
  for (const part of parts) {
    if (part.type === 'computed') throw new NotUnderstood('The end of a here-document is computed.');
    delimiter += part.text;
  }
  return { delimiter, isQuoted: parts.some((part) => part.type === 'text' && part.isQuoted) };
}

/** Reads the texts of all pending here-documents; the newline has been taken. */
export function readHereDocuments(source: Source, pending: HereDocument[]): void {
  for (const document of pending.splice(0)) document.fill(readText(source, document));
}

function readText(source: Source, { delimiter, isQuoted, isStripped }: HereDocument): Word {
  let text = '';
  for (;;) {
    if (source.at >= source.text.length) throw new NotUnderstood('A here-document is not closed.');
    let line = readLine(source);
    // Lines join before they are compared, unless the delimiter is quoted.
    while (!isQuoted && /(^|[^\\])(\\\\)*\\$/.test(line) && source.at < source.text.length)
      line = line.slice(0, -1) + readLine(source);
    if (isStripped) line = line.replace(/^\t+/, '');
    if (line === delimiter) break;
    text += `${line}\n`;
  }
  const word = createWordBuilder();
  if (isQuoted) word.text(text, true);
  else {
    const inner = new Source(text, source);
    while (inner.at < inner.text.length) readQuotedPiece(inner, word, /[$`\\]/);
  }
  return word.build();
}

function readLine(source: Source): string {
  const end = source.text.indexOf('\n', source.at);
  const line = source.text.slice(source.at, end === -1 ? source.text.length : end);
  source.at = end === -1 ? source.text.length : end + 1;
  return line;
}
