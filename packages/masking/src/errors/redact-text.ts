import { serverVocabulary } from './server-vocabulary.ts';

/** What stands in place of a value. */
export const redactedMark = '***';

/** Decides whether a piece of a message may be shown. */
export interface Disclosure {
  /** The piece stands in the client's own statement and this message may quote it. */
  isClients(piece: string): boolean;
  /** The piece names an object of the catalog (each part of a dotted name does), or a type with the modifier of one of its columns. */
  isName(piece: string): boolean;
  /** Numbers of lines, columns, processes … in this message come from the statement's text or from the server, not from values. */
  readonly areCountsHarmless: boolean;
}

/** Quoted words that are no values: encodings and settings that messages and hints speak of. */
const quotedConstants = new Set(
  'UTF8 SQL_ASCII LATIN1 WIN1252 datestyle DateStyle IntervalStyle TimeZone max_stack_depth work_mem search_path standard_conforming_strings statement_timeout { } [ ] , : ; ( )'.split(
    ' ',
  ),
);

/**
 * Words after which a number counts lines, columns or parts. At run time a value can be made to stand there: `varchar(repeat('x', 1000000), salary, false)`,
 * `pg_terminate_backend(salary)` and `(repeat(E'\\n', salary) || '{')::json` all do.
 */
const countingWords = new Set(
  'line lines column argument parameter statement process transaction precision scale page block type pid'.split(' '),
);

const word = /^[A-Za-z][A-Za-z']*$/;
const chunk = /[^\s()"',;:=[\]]+/g;
/** A type with its modifier, and the words of numeric's overflow for one. */
const modifier =
  /\b(character varying|bit varying|varying|character|varchar|bpchar|bit|numeric|time|timestamp|interval)\((\d{1,8}(?:,-?\d{1,4})?)\)|\b(precision) (\d{1,8}), scale (-?\d{1,4})\b/g;
/** Places of a line in what the client sent by COPY and in the body of a function. */
const place = /(?:^|\n)COPY [\w.]+, line \d{1,10}\b|\bPL\/pgSQL function [^\n"']*? line \d{1,10} at /g;

/** A stretch of a message: `isOpen` still to be judged, otherwise final. */
interface Stretch {
  readonly text: string;
  readonly isOpen: boolean;
}
const open = (text: string): Stretch => ({ text, isOpen: true });
const final = (text: string): Stretch => ({ text, isOpen: false });

/** Splits the open stretches at every match of a global pattern and puts in its place what `judge` makes of it. */
function judgeMatches(
  stretches: readonly Stretch[],
  pattern: RegExp,
  judge: (match: RegExpExecArray) => readonly Stretch[],
): readonly Stretch[] {
  return stretches.flatMap((stretch) => {
    if (!stretch.isOpen) return [stretch];
    const out: Stretch[] = [];
    let from = 0;
    for (const match of stretch.text.matchAll(pattern)) {
      out.push(open(stretch.text.slice(from, match.index)), ...judge(match));
      from = match.index + match[0].length;
    }
    out.push(open(stretch.text.slice(from)));
    return out.filter(({ text }) => text !== '');
  });
}

/**
 * Redacts one text of an error or notice that the server itself has worded. Shown are: the server's own words, quoted and unquoted pieces
 * that the client sent or that name catalog objects, and counting numbers. All else (also everything in a language that we do not know)
 * becomes `***`.
 */
export function redactServerText(text: string, disclosure: Disclosure): string {
  let stretches = withoutValueLists([open(text)]);
  for (const pair of quotePairs)
    stretches = judgeMatches(stretches, pair, ([region]) => judgeQuoted(region, disclosure));
  stretches = judgeMatches(stretches, place, ([shown]) => judgePlace(shown, disclosure));
  stretches = judgeMatches(stretches, modifier, (match) => judgeModifier(match, disclosure));
  return stretches.map((stretch) => (stretch.isOpen ? redactChunks(stretch.text, disclosure) : stretch.text)).join('');
}

/**
 * `Key (a)=(…)`, `row contains (…)`, `$1 = '…'`, `JSON data, line 1: …`: what follows is data whatever it holds, up to the last bracket or to
 * the end, so that brackets and quotes inside a value cannot end it early.
 */
const valueLists = [
  /(= ?\()[\s\S]*(\))/g,
  /(\bcontains \()[\s\S]*(\))/gi,
  /(= ')[\s\S]*(')/g,
  /(\bJSON data, line \d+: )[^\n]*()/g,
];

function withoutValueLists(stretches: readonly Stretch[]): readonly Stretch[] {
  return valueLists.reduce(
    (rest, pattern) =>
      judgeMatches(rest, pattern, ([, before = '', after = '']) => [open(before), final(redactedMark), open(after)]),
    stretches,
  );
}

const quotePairs = [/"[\s\S]*"/g, /(?<![A-Za-z])'[\s\S]*'/g, /[«»„“”‚‘’‹›「」][\s\S]*[«»„“”‚‘’‹›「」]/g];

/**
 * From the first to the last quote: shown when every quoted piece may be, otherwise one `"***"`. Messages do not escape quotes, so a value
 * with quotes inside could pose as several pieces with words between them.
 */
function judgeQuoted(region: string, disclosure: Disclosure): readonly Stretch[] {
  const quote = region.charAt(0);
  if (region.length > 2 && disclosure.isClients(region.slice(1, -1))) return [final(region)];
  const pieces = region.split(quote);
  const isWellFormed = (quote === '"' || quote === "'") && pieces.length % 2 === 1;
  const canShow = (piece: string): boolean =>
    quotedConstants.has(piece) || disclosure.isName(piece) || disclosure.isClients(piece);
  if (isWellFormed && pieces.every((piece, i) => i % 2 === 0 || canShow(piece))) {
    return pieces.map((piece, i) => (i % 2 === 0 ? open(piece) : final(quote + piece + quote)));
  }
  return [final(quote + redactedMark + region.charAt(region.length - 1))];
}

/** Line numbers here are harmless; the words around them are judged as all words. */
function judgePlace(shown: string, disclosure: Disclosure): readonly Stretch[] {
  const [, before = '', line = '', after = ''] = /^([\s\S]*? line )(\d+)( at )?$/.exec(shown) ?? [];
  return line === '' ? [open(shown)] : [final(redactChunks(before, disclosure)), final(line), final(after)];
}

/** The modifier of a column of the catalog is shown, as is one that the client wrote; any other may be computed of a value. */
function judgeModifier(
  [shown, type, sizes, precision, digits, scale]: RegExpExecArray,
  disclosure: Disclosure,
): readonly Stretch[] {
  const name = precision === undefined ? `${type}(${sizes})` : `numeric(${digits},${scale})`;
  if (disclosure.isName(name) || disclosure.isClients(name)) return [final(shown)];
  return [final(shown.replaceAll(/\d+/g, redactedMark))];
}

/** Judges the words outside quotes, blank by blank; a word with any unknown part goes as a whole. */
function redactChunks(text: string, disclosure: Disclosure): string {
  let previous = '';
  return text.replace(chunk, (piece) => {
    const bare = piece.replace(/[.!?]+$/, '');
    const before = previous;
    previous = bare.toLowerCase();
    if (bare === '' || /^[-+*/<>~!@#%^&|`?.]+$/.test(bare)) return piece;
    if (countingWords.has(before) && (disclosure.areCountsHarmless ? /^\d{1,10}$/ : /^1$/).test(bare)) return piece;
    if (/^\$\d{1,5}$/.test(bare) || bare.split(/[-./_]/).every(isServerWord)) return piece;
    if (disclosure.isName(bare) || disclosure.isClients(bare)) return piece;
    return redactedMark + piece.slice(bare.length);
  });
}

const isServerWord = (part: string): boolean => word.test(part) && serverVocabulary.has(part.toLowerCase());
