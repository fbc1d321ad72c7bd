import { serverVocabulary } from './server-vocabulary.ts';

/** What stands in place of a value. */
export const redactedMark = '***';

/** Decides whether a piece of a message may be shown. */
export interface Disclosure {
  /** The piece stands in the client's own statement and this message may quote it. */
  isClients(piece: string): boolean;
  /** The piece names an object of the catalog (each part of a dotted name does). */
  isName(piece: string): boolean;
}

/** Quoted words that are no values: encodings and settings that messages and hints speak of. */
const quotedConstants = new Set(
  'UTF8 SQL_ASCII LATIN1 WIN1252 datestyle DateStyle IntervalStyle TimeZone max_stack_depth work_mem search_path standard_conforming_strings statement_timeout e E { } [ ] , : ; ( )'.split(
    ' ',
  ),
);

/** Words after which a number counts lines, columns or parts and is no value. */
const countingWords = new Set(
  'line lines column argument parameter statement process transaction precision scale page block type pid'.split(' '),
);

const word = /^[A-Za-z][A-Za-z']*$/;
const chunk = /[^\s()"',;:=[\]]+/g;
const modifier = /\b(varying|character|varchar|bpchar|bit|numeric|time|timestamp|interval)\(\d{1,8}(,-?\d{1,4})?\)/g;

/**
 * Redacts one text of an error or notice that the server itself has worded. Shown are: the server's own words, quoted and unquoted pieces
 * that the client sent or that name catalog objects, and counting numbers. All else (also everything in a language that we do not know)
 * becomes `***`.
 */
export function redactServerText(text: string, disclosure: Disclosure): string {
  const held: string[] = [];
  const hold = (piece: string): string => `\u0000${held.push(piece) - 1}\u0000`;
  let open = text.replaceAll('\u0000', '');
  open = holdValueLists(open, hold);
  open = holdQuoted(open, disclosure, hold);
  open = open.replace(modifier, hold);
  open = redactChunks(open, disclosure);
  return open.replace(/\u0000(\d+)\u0000/g, (_all, index: string) => held[Number(index)] ?? redactedMark);
}

type Hold = (piece: string) => string;

/**
 * `Key (a)=(…)`, `row contains (…)`, `$1 = '…'`, `JSON data, line 1: …`: what follows is data whatever it holds, up to the last bracket or to
 * the end, so that brackets and quotes inside a value cannot end it early.
 */
function holdValueLists(text: string, hold: Hold): string {
  return text
    .replace(/(= ?\()[\s\S]*\)/, (_all, head: string) => `${head}${hold(redactedMark)})`)
    .replace(/(\bcontains \()(?![\s\S]*\) = \()[\s\S]*\)/i, (_all, head: string) => `${head}${hold(redactedMark)})`)
    .replace(/(= ')[\s\S]*'/, (_all, head: string) => `${head}${hold(redactedMark)}'`)
    .replace(/^(JSON data, line \d+: )[^\n]*/gm, (_all, head: string) => `${head}${hold(redactedMark)}`);
}

const quotePairs = [/"[\s\S]*"/, /(?<![A-Za-z])'[\s\S]*'/, /[«»„“”‚‘’‹›「」][\s\S]*[«»„“”‚‘’‹›「」]/];

/**
 * From the first to the last quote: shown when every quoted piece may be, otherwise one `"***"`. Messages do not escape quotes, so a value
 * with quotes inside could pose as several pieces with words between them.
 */
function holdQuoted(text: string, disclosure: Disclosure, hold: Hold): string {
  let open = text;
  for (const pair of quotePairs) {
    open = open.replace(pair, (region) => {
      const quote = region.charAt(0);
      const pieces = region.split(quote);
      const isWellFormed = (quote === '"' || quote === "'") && pieces.length % 2 === 1;
      const canShow = (piece: string): boolean =>
        quotedConstants.has(piece) || disclosure.isName(piece) || disclosure.isClients(piece);
      if (!isWellFormed || !pieces.every((piece, i) => i % 2 === 0 || canShow(piece))) {
        return hold(`${quote}${redactedMark}${region.at(-1)}`);
      }
      return pieces.map((piece, i) => (i % 2 === 0 ? piece : hold(`${quote}${piece}${quote}`))).join('');
    });
  }
  return open;
}

function redactChunks(text: string, disclosure: Disclosure): string {
  let previous = '';
  return text.replace(chunk, (piece) => {
    if (piece.includes('\u0000')) return heldOnly(piece);
    const bare = piece.replace(/[.!?]+$/, '');
    const before = previous;
    previous = bare.toLowerCase();
    if (bare === '' || /^[-+*/<>=~!@#%^&|`?.]+$/.test(bare)) return piece;
    if (countingWords.has(before) && /^\$?\d{1,10}$/.test(bare)) return piece;
    if (/^\$\d{1,5}$/.test(bare) || bare.split(/[-./]/).every(isServerWord)) return piece;
    if (disclosure.isName(bare) || disclosure.isClients(bare)) return piece;
    return `${redactedMark}${piece.slice(bare.length)}`;
  });
}

const isServerWord = (part: string): boolean => word.test(part) && serverVocabulary.has(part.toLowerCase());

/** A chunk around held pieces keeps only these and the punctuation at its edges. */
function heldOnly(piece: string): string {
  return piece.replace(/[^\u0000.!?]+(?=\u0000|$)/g, (part, at: number) => {
    // Between two marks stands the number of a held piece.
    const marksBefore = piece.slice(0, at).split('\u0000').length - 1;
    return marksBefore % 2 === 1 ? part : redactedMark;
  });
}
