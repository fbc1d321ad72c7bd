import { compoundReaders } from './compound.ts';
import { type HereDocument, readHereDocuments, readRedirection, startsRedirection } from './redirection.ts';
import type { Source } from './source.ts';
import { type Assignment, type Command, NotUnderstood, type Program, type Redirection, type Word } from './syntax.ts';
import { readWord, startsWord } from './word.ts';

/** Words that end a list: whoever began it takes them. */
const closing = new Set(['}', 'then', 'elif', 'else', 'fi', 'do', 'done', 'esac']);

/** What the readers of commands share. */
export interface Reading {
  readonly source: Source;
  readonly pending: HereDocument[];
}

/** Reads all of a text. `into` takes commands as they are complete: what stands before a mistake runs all the same. */
export function readWholeProgram(source: Source, into: Command[] = []): Program {
  const reading: Reading = { source, pending: [] };
  readList(reading, into);
  if (source.peek() !== '') throw new NotUnderstood('It is not a shell text.');
  if (reading.pending.length > 0) throw new NotUnderstood('A here-document is not closed.');
  return into;
}

/** Reads up to the closing parenthesis and takes it. */
export function readProgramUntilParenthesis(source: Source): Program {
  const reading: Reading = { source, pending: [] };
  const program = readList(reading);
  if (!source.take(')')) throw new NotUnderstood('A parenthesis is not closed.');
  if (reading.pending.length > 0) throw new NotUnderstood('A here-document is not closed.');
  return program;
}

/** Skips blanks, comments and newlines; texts of here-documents follow their newline. */
export function skipNewlines(reading: Reading): void {
  for (;;) {
    skipBlanks(reading.source);
    if (!reading.source.take('\n')) return;
    readHereDocuments(reading.source, reading.pending);
  }
}

/** Skips blanks and a comment. */
export function skipBlanks(source: Source): void {
  while (source.peek() === ' ' || source.peek() === '\t') source.next();
  // No line goes on behind a comment.
  if (source.take('#')) while (source.text.charAt(source.at) !== '\n' && source.nextRaw() !== '');
}

/** Reads commands up to a closing word, a parenthesis, `;;` or the end. */
export function readList(reading: Reading, into: Command[] = []): Program {
  const { source } = reading;
  for (;;) {
    skipNewlines(reading);
    const next = source.peek();
    if (next === '' || next === ')' || (next === ';' && /[;&]/.test(source.peek(1))) || closesList(source)) return into;
    into.push(...readAndOr(reading));
    skipBlanks(source);
    if (source.peek() === ';' && !/[;&]/.test(source.peek(1))) source.next();
    else if (source.peek() === '&') source.next();
    else if (source.peek() !== '\n') {
      skipNewlines(reading);
      const end = source.peek();
      if (end !== '' && end !== ')' && end !== ';') throw new NotUnderstood('It is not a shell text.');
      return into;
    }
  }
}

function closesList(source: Source): boolean {
  const word = peekPlainWord(source);
  return word !== undefined && closing.has(word);
}

/** The next word when it is of plain characters only, as reserved words are. Takes nothing. */
export function peekPlainWord(source: Source): string | undefined {
  let word = '';
  for (let ahead = 0; ahead <= 9; ahead += 1) {
    const character = source.peek(ahead);
    if (['', ' ', '\t', '\n', '|', '&', ';', '(', ')', '<', '>'].includes(character))
      return word === '' ? undefined : word;
    if (!/[a-z{}![\]]/.test(character)) return undefined;
    word += character;
  }
  return undefined;
}

/** Takes this reserved word, or the text is none. */
export function expectWord(reading: Reading, word: string): void {
  if (peekPlainWord(reading.source) !== word) throw new NotUnderstood(`"${word}" is missing.`);
  reading.source.take(word);
}

function readAndOr(reading: Reading): Command[] {
  const found = [readPipeline(reading)];
  for (;;) {
    skipBlanks(reading.source);
    if (!reading.source.take('&&') && !reading.source.take('||')) return found;
    skipNewlines(reading);
    found.push(readPipeline(reading));
  }
}

function readPipeline(reading: Reading): Command {
  const { source } = reading;
  for (;;) {
    skipBlanks(source);
    const word = peekPlainWord(source);
    if (word !== '!' && word !== 'time') break;
    source.take(word);
    skipBlanks(source);
    if (word === 'time' && source.peek() === '-') {
      // The shell's own has one option.
      if (!source.take('-p')) throw new NotUnderstood('An option of time is not understood.');
    }
  }
  const stages = [readCommand(reading)];
  for (;;) {
    skipBlanks(source);
    if (source.peek() !== '|' || source.peek(1) === '|') break;
    source.next();
    source.take('&');
    skipNewlines(reading);
    stages.push(readCommand(reading));
  }
  const [only] = stages;
  return stages.length === 1 && only !== undefined ? only : { type: 'pipeline', stages };
}

/** Reads one command of a pipeline. */
export function readCommand(reading: Reading): Command {
  const { source } = reading;
  skipBlanks(source);
  const word = source.peek() === '(' ? '(' : peekPlainWord(source);
  const reader = word === undefined ? undefined : compoundReaders[word];
  if (reader !== undefined && word !== undefined) {
    source.take(word);
    return source.nested(() => reader(reading));
  }
  if (word !== undefined && (closing.has(word) || word === '!')) throw new NotUnderstood(`"${word}" stands alone.`);
  return readSimple(reading);
}

function readSimple(reading: Reading): Command {
  const { source } = reading;
  const assignments: Assignment[] = [];
  const words: Word[] = [];
  const redirections: (() => Redirection)[] = [];
  let isBackground = false;
  for (;;) {
    skipBlanks(source);
    if (startsRedirection(source)) {
      isBackground ||= source.peek() === '&';
      redirections.push(readRedirection(source, undefined, reading.pending));
      continue;
    }
    if (!startsWord(source)) break;
    // Where `&>` is not known, what follows it is a command of its own.
    if (isBackground) throw new NotUnderstood('A word behind &> is a command to some shells.');
    const from = source.at;
    const word = readWord(source);
    const raw = source.text.slice(from, source.at).replaceAll('\\\n', '');
    // To some shells the brackets of an element hold blanks and operators.
    if (words.length === 0 && /^\w+\[/.test(raw)) throw new NotUnderstood('The element of an array is computed.');
    const assignment = words.length === 0 ? readAssignment(source, word) : undefined;
    if (assignment !== undefined) assignments.push(assignment);
    else if (/[<>]/.test(source.peek()) && /^(\d+|\{\w+\})$/.test(raw)) {
      if (raw.includes('{')) throw new NotUnderstood('Shells disagree about {name}>.');
      redirections.push(readRedirection(source, Number(raw), reading.pending));
    } else words.push(word);
    if (words.length === 1 && assignments.length + redirections.length === 0 && endsFunctionName(source)) {
      return readFunction(reading, nameOf(word));
    }
  }
  if (words.length + assignments.length + redirections.length === 0) throw new NotUnderstood('A command is missing.');
  return deferred({ type: 'simple', assignments, words }, redirections);
}

function endsFunctionName(source: Source): boolean {
  skipBlanks(source);
  return source.peek() === '(';
}

/** Reads `() body` of a function. */
function readFunction(reading: Reading, name: string): Command {
  const { source } = reading;
  source.take('(');
  skipBlanks(source);
  if (!source.take(')')) throw new NotUnderstood('A parenthesis is out of place.');
  skipNewlines(reading);
  return { type: 'function', name, body: source.nested(() => readCommand(reading)) };
}

/** The text of a word of fixed characters. */
export function nameOf(word: Word): string {
  const fixed = word.parts.map((part) => (part.type === 'computed' ? undefined : part.text));
  if (fixed.includes(undefined)) throw new NotUnderstood('The name of a function is computed.');
  return fixed.join('');
}

function readAssignment(source: Source, word: Word): Assignment | undefined {
  const [first, ...rest] = word.parts;
  if (first?.type !== 'text' || first.isQuoted) return undefined;
  const match = /^([A-Za-z_][A-Za-z0-9_]*)\+?=/.exec(first.text);
  const name = match?.[1];
  if (match === null || name === undefined) return undefined;
  const value: Word = {
    parts: [{ ...first, text: first.text.slice(match[0].length) }, ...rest],
    programs: word.programs,
  };
  if (source.peek() !== '(') return { name, values: [value] };
  if (match[0].length !== first.text.length || rest.length > 0)
    throw new NotUnderstood('A parenthesis is out of place.');
  source.next();
  return { name, values: readArray(source) };
}

function readArray(source: Source): Word[] {
  const values: Word[] = [];
  for (;;) {
    skipBlanks(source);
    if (source.take('\n')) continue;
    if (source.take(')')) {
      if (startsWord(source)) throw new NotUnderstood('A word goes on behind a list of values.');
      return values;
    }
    if (!startsWord(source)) throw new NotUnderstood('A list of values is not closed.');
    values.push(readWord(source));
  }
}

/** Reads the redirections behind a compound command. */
export function readRedirections(reading: Reading): (() => Redirection)[] {
  const { source } = reading;
  const found: (() => Redirection)[] = [];
  for (;;) {
    skipBlanks(source);
    let digits = 0;
    while (/[0-9]/.test(source.peek(digits))) digits += 1;
    const after = source.peek(digits);
    if (digits > 0 && after !== '<' && after !== '>') return found;
    if (digits === 0 && !startsRedirection(source)) return found;
    let descriptor = '';
    while (digits > 0) {
      descriptor += source.next();
      digits -= 1;
    }
    found.push(readRedirection(source, descriptor === '' ? undefined : Number(descriptor), reading.pending));
  }
}

/** The texts of here-documents are known behind the next newline, so redirections are looked at when they are needed. */
export function deferred<T extends object>(
  command: T,
  redirections: readonly (() => Redirection)[],
): T & { readonly redirections: readonly Redirection[] } {
  return {
    ...command,
    get redirections() {
      return redirections.map((redirection) => redirection());
    },
  };
}
