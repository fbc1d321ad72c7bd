import { type FoldedWord, mayBeOption } from '../fold/fold-word.ts';

/** Options that a program knows. */
export interface OptionSpec {
  /** Letters without a value. */
  readonly flags?: string;
  /** Letters with a value, in the same word or the next. */
  readonly values?: string;
  /** Letters whose value is optional and stands in the same word. */
  readonly attached?: string;
  readonly longFlags?: readonly string[];
  readonly longValues?: readonly string[];
  /** Words `NAME=VALUE` in front of the operands are taken, too. */
  readonly hasAssignments?: boolean;
}

/** Options that were found, and what stands behind them. */
export interface Options {
  /** By letter or long name; true = without a value. The last wins. */
  readonly found: ReadonlyMap<string, FoldedWord | true>;
  readonly assignments: readonly string[];
  readonly operands: readonly FoldedWord[];
}

/** Reads the options in front of the first operand. Undefined: an option is computed or not known, so nobody can say where the operands begin. */
export function readOptions(words: readonly FoldedWord[], spec: OptionSpec): Options | undefined {
  const found = new Map<string, FoldedWord | true>();
  const assignments: string[] = [];
  let at = 0;
  for (; at < words.length; at += 1) {
    const word = words[at];
    if (word === undefined) break;
    const name = spec.hasAssignments === true ? /^([^=-][^=]*)=/.exec(word.prefix)?.[1] : undefined;
    if (name !== undefined) {
      if (word.isSplit) return undefined;
      assignments.push(name);
      continue;
    }
    if (word.value === null) {
      if (mayBeOption(word)) return undefined;
      break;
    }
    if (word.value === '--') {
      at += 1;
      break;
    }
    if (!word.value.startsWith('-') || word.value === '-') break;
    const taken = word.value.startsWith('--')
      ? readLong(word.value, words[at + 1], spec, found)
      : readLetters(word.value, words[at + 1], spec, found);
    if (taken === undefined) return undefined;
    at += taken;
  }
  return { found, assignments, operands: words.slice(at) };
}

type Found = Map<string, FoldedWord | true>;

/** How many words more were taken; undefined = not known. */
function readLong(text: string, next: FoldedWord | undefined, spec: OptionSpec, found: Found): number | undefined {
  const [name = '', ...value] = text.slice(2).split('=');
  const { longFlags = [], longValues = [] } = spec;
  const names = [...longFlags, ...longValues];
  // Names may be cut as long as one option is left.
  const matches = names.includes(name) ? [name] : names.filter((known) => known.startsWith(name));
  const [match] = matches;
  if (matches.length !== 1 || match === undefined) return undefined;
  if (value.length > 0) {
    found.set(match, fixed(value.join('=')));
    return 0;
  }
  if (longFlags.includes(match)) {
    found.set(match, true);
    return 0;
  }
  if (next === undefined || next.isSplit) return undefined;
  found.set(match, next);
  return 1;
}

function readLetters(text: string, next: FoldedWord | undefined, spec: OptionSpec, found: Found): number | undefined {
  const { flags = '', values = '', attached = '' } = spec;
  for (let at = 1; at < text.length; at += 1) {
    const letter = text.charAt(at);
    const rest = text.slice(at + 1);
    if (flags.includes(letter)) found.set(letter, true);
    else if (attached.includes(letter)) {
      found.set(letter, rest === '' ? true : fixed(rest));
      return 0;
    } else if (values.includes(letter)) {
      if (rest !== '') {
        found.set(letter, fixed(rest));
        return 0;
      }
      if (next === undefined || next.isSplit) return undefined;
      found.set(letter, next);
      return 1;
    } else return undefined;
  }
  return 0;
}

function fixed(value: string): FoldedWord {
  return { value, prefix: value, isSplit: false, isHome: false };
}

/** Is one of the words this option, in one of its forms: a letter among others, a long name (cut or not), with or without a value? Computed words may be. */
export function hasOption(words: readonly FoldedWord[], letters: string, longs: readonly string[] = []): boolean {
  for (const word of words) {
    const { value } = word;
    if (value === '--') return false;
    if (value === null ? mayBeOption(word) : isOneOf(value, letters, longs)) return true;
  }
  return false;
}

function isOneOf(value: string, letters: string, longs: readonly string[]): boolean {
  if (value.startsWith('--')) {
    const name = value.split('=')[0] ?? '';
    return name.length > 2 && longs.some((long) => `--${long}`.startsWith(name));
  }
  return /^-[^-]/.test(value) && [...letters].some((letter) => value.includes(letter));
}

/** Words that are no options. */
export function operandsOf(words: readonly FoldedWord[]): FoldedWord[] {
  const end = words.findIndex(({ value }) => value === '--');
  const [before, after] = end === -1 ? [words, []] : [words.slice(0, end), words.slice(end + 1)];
  return [...before.filter(({ value }) => value === null || value === '-' || !value.startsWith('-')), ...after];
}
