import { readAnsiC } from './ansi-c.ts';
import { readProgramUntilParenthesis, readWholeProgram } from './program.ts';
import { Source } from './source.ts';
import { NotUnderstood, type Program } from './syntax.ts';
import { readDoubleQuoted } from './word.ts';
import type { WordBuilder } from './word-builder.ts';

const special = /[0-9@*#?$!_-]/;
const nameStart = /[A-Za-z_]/;
const nameRest = /[A-Za-z0-9_]/;

/** Reads what a dollar sign begins. `isQuoted`: within double quotes or a here-document. */
export function readDollar(source: Source, word: WordBuilder, isQuoted: boolean): void {
  source.next();
  const next = source.peek();
  if (next === "'" && !isQuoted) {
    source.next();
    word.text(readAnsiC(source), true);
  } else if (next === '"' && !isQuoted) {
    source.next();
    readDoubleQuoted(source, word);
  } else if (next === '(') {
    source.next();
    if (source.peek() === '(') word.computed(isQuoted, readArithmetic(source));
    else word.computed(isQuoted, [source.nested(() => readProgramUntilParenthesis(source))]);
  } else if (next === '{') {
    source.next();
    word.computed(isQuoted, readBracedParameter(source, isQuoted));
  } else if (next === '[') {
    throw new NotUnderstood('$[…] is arithmetic to some shells only.');
  } else if (nameStart.test(next)) {
    readName(source);
    word.computed(isQuoted);
  } else if (special.test(next)) {
    const character = source.next();
    // The last background process may not exist.
    word.computed(isQuoted, [], /[$?#]/.test(character));
  } else word.text('$', isQuoted);
}

/** Reads the rest of a name. */
export function readName(source: Source): string {
  let name = '';
  while (nameRest.test(source.peek())) name += source.next();
  return name;
}

/** Reads `…` behind its first backquote: within, a backslash quotes backslash, dollar and backquote. */
export function readBackquotes(source: Source, isQuoted: boolean): Program {
  source.next();
  let inner = '';
  for (;;) {
    const character = source.nextRaw();
    if (character === '') throw new NotUnderstood('A backquote is not closed.');
    if (character === '`') break;
    if (character !== '\\') {
      inner += character;
      continue;
    }
    const quoted = source.nextRaw();
    if (isQuoted && quoted === '"') throw new NotUnderstood('Shells disagree about \\" within backquotes.');
    inner += /[\\$`]/.test(quoted) ? quoted : `\\${quoted}`;
  }
  return source.nested(() => readWholeProgram(new Source(inner, source)));
}

/** `((` … `))` behind its first parenthesis. */
export function readArithmetic(source: Source): Program[] {
  source.next();
  const programs: Program[] = [];
  let open = 0;
  for (;;) {
    const character = source.peek();
    if (character === '' || /['"\\;{}]/.test(character))
      throw new NotUnderstood('An arithmetic expression is not closed.');
    if (character === '$' || character === '`') programs.push(...readInner(source, true));
    else if (nameStart.test(character)) source.arithmeticNames.add(readName(source));
    else if (/[0-9]/.test(character)) {
      readName(source);
      // The digits of another base.
      if (source.take('#')) readName(source);
    } else {
      source.next();
      if (character === '(') open += 1;
      if (character === ')' && open === 0) {
        if (!source.take(')')) throw new NotUnderstood('A text is arithmetic or a subshell, depending on the shell.');
        return programs;
      }
      if (character === ')') open -= 1;
    }
  }
}

/** `${…}` behind its brace: gives what runs for its value. */
function readBracedParameter(source: Source, isQuoted: boolean): Program[] {
  const first = source.peek();
  if ((first === '#' || first === '!') && source.peek(1) !== '}') source.next();
  if (nameStart.test(source.peek())) readName(source);
  else if (/[0-9]/.test(source.peek())) while (/[0-9]/.test(source.peek())) source.next();
  else if (special.test(source.peek())) source.next();
  else throw new NotUnderstood('A parameter is not understood.');
  const programs: Program[] = [];
  if (source.peek() === '[') programs.push(...readSubscript(source));
  const operator = source.peek();
  if (operator === '@') throw new NotUnderstood('A parameter with @ may run what its variable holds.');
  const isArithmetic = operator === ':' && !/[-=?+]/.test(source.peek(1));
  for (;;) {
    const character = source.peek();
    if (character === '') throw new NotUnderstood('A parameter is not closed.');
    if (isArithmetic && nameStart.test(character)) {
      source.arithmeticNames.add(readName(source));
      continue;
    }
    if (character === '$' || character === '`') {
      programs.push(...readInner(source, isQuoted));
      continue;
    }
    source.next();
    if (character === '}') return programs;
    if (character === '\\') source.next();
    else if (/['"]/.test(character)) {
      if (isQuoted) throw new NotUnderstood('Shells disagree about quotes within a quoted parameter.');
      programs.push(...readQuotedInner(source, character));
    } else if (/[<>{]/.test(character)) throw new NotUnderstood('A parameter is not understood.');
  }
}

/** `[…]` of an array's element: a number, a name, `@` or `*`; anything else is evaluated as arithmetic. */
function readSubscript(source: Source): Program[] {
  source.next();
  let text = '';
  while (/[A-Za-z0-9_@*]/.test(source.peek())) text += source.next();
  if (!source.take(']')) throw new NotUnderstood('The element of an array is computed.');
  if (nameStart.test(text)) source.arithmeticNames.add(text);
  return [];
}

function readQuotedInner(source: Source, quote: string): Program[] {
  if (quote === '"') {
    const { word, build } = sink();
    readDoubleQuoted(source, word);
    return build();
  }
  for (;;) {
    const character = source.nextRaw();
    if (character === '') throw new NotUnderstood('A quote is not closed.');
    if (character === "'") return [];
  }
}

function readInner(source: Source, isQuoted: boolean): Program[] {
  if (source.peek() === '`') return [readBackquotes(source, isQuoted)];
  const { word, build } = sink();
  readDollar(source, word, isQuoted);
  return build();
}

/** Takes parts of a word whose value does not matter, and keeps what they run. */
function sink(): { readonly word: WordBuilder; build(): Program[] } {
  const found: Program[] = [];
  const word: WordBuilder = {
    text: () => undefined,
    glob: () => undefined,
    brace: () => undefined,
    computed: (_isQuoted, programs = []) => {
      found.push(...programs);
    },
    build: () => ({ parts: [], programs: found }),
  };
  return { word, build: () => found };
}
