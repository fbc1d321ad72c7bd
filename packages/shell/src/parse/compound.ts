import { readName } from './expansion.ts';
import {
  deferred,
  expectWord,
  nameOf,
  peekPlainWord,
  type Reading,
  readCommand,
  readList,
  readRedirections,
  skipBlanks,
  skipNewlines,
} from './program.ts';
import { type Command, NotUnderstood, type Program, type Word } from './syntax.ts';
import { readWord, startsWord } from './word.ts';

type Reader = (reading: Reading) => Command;

interface Pieces {
  readonly body: Program;
  readonly words?: readonly Word[];
  readonly variable?: string;
}

function compound(reading: Reading, { body, words = [], variable }: Pieces): Command {
  return deferred({ type: 'compound' as const, words, variable, body }, readRedirections(reading));
}

/** By the word that begins it, which has been taken (POSIX.1-2024, 2.9.4 Compound Commands). */
export const compoundReaders: Readonly<Record<string, Reader>> = {
  __proto__: null as never,
  '(': (reading) => {
    if (reading.source.peek() === '(')
      throw new NotUnderstood('((…)) is arithmetic or a subshell, depending on the shell.');
    const body = readList(reading);
    if (!reading.source.take(')')) throw new NotUnderstood('A parenthesis is not closed.');
    return compound(reading, { body });
  },
  '{': (reading) => {
    const body = readList(reading);
    expectWord(reading, '}');
    return compound(reading, { body });
  },
  if: (reading) => {
    const body = [...readList(reading)];
    expectWord(reading, 'then');
    body.push(...readList(reading));
    while (peekPlainWord(reading.source) === 'elif') {
      reading.source.take('elif');
      body.push(...readList(reading));
      expectWord(reading, 'then');
      body.push(...readList(reading));
    }
    if (peekPlainWord(reading.source) === 'else') {
      reading.source.take('else');
      body.push(...readList(reading));
    }
    expectWord(reading, 'fi');
    return compound(reading, { body });
  },
  while: readLoop,
  until: readLoop,
  for: (reading) => {
    const { source } = reading;
    skipBlanks(source);
    if (source.take('((')) throw new NotUnderstood('for ((…)) is not understood.');
    return readFor(reading);
  },
  select: readFor,
  case: readCase,
  function: (reading) => {
    const { source } = reading;
    skipBlanks(source);
    if (!startsWord(source)) throw new NotUnderstood('A function has no name.');
    const name = nameOf(readWord(source));
    if (name === '{') throw new NotUnderstood('A function has no name.');
    skipBlanks(source);
    if (source.take('(')) {
      skipBlanks(source);
      if (!source.take(')')) throw new NotUnderstood('A parenthesis is out of place.');
    }
    skipNewlines(reading);
    return { type: 'function', name, body: readCommand(reading) };
  },
  '[[': (reading) => {
    const { source } = reading;
    const words: Word[] = [];
    for (;;) {
      skipBlanks(source);
      if (peekPlainWord(source) === ']]') break;
      // Operators within are commands and redirections to shells that do not know [[.
      if (!startsWord(source))
        throw new NotUnderstood('[[…]] with operators means different things to different shells.');
      words.push(readWord(source));
    }
    source.take(']]');
    return compound(reading, { body: [], words });
  },
};

function readLoop(reading: Reading): Command {
  const condition = readList(reading);
  return compound(reading, { body: [...condition, ...readDo(reading)] });
}

function readDo(reading: Reading): Program {
  expectWord(reading, 'do');
  const body = readList(reading);
  expectWord(reading, 'done');
  return body;
}

function readFor(reading: Reading): Command {
  const { source } = reading;
  skipBlanks(source);
  const variable = readName(source);
  if (variable === '' || startsWord(source)) throw new NotUnderstood('A loop has no variable.');
  skipNewlines(reading);
  const words: Word[] = [];
  if (peekPlainWord(source) === 'in') {
    source.take('in');
    for (;;) {
      skipBlanks(source);
      if (!startsWord(source)) break;
      words.push(readWord(source));
    }
  }
  skipBlanks(source);
  source.take(';');
  skipNewlines(reading);
  return compound(reading, { body: readDo(reading), words, variable });
}

function readCase(reading: Reading): Command {
  const { source } = reading;
  skipBlanks(source);
  if (!startsWord(source)) throw new NotUnderstood('A case has no word.');
  const words = [readWord(source)];
  skipNewlines(reading);
  expectWord(reading, 'in');
  const body: Command[] = [];
  for (;;) {
    skipNewlines(reading);
    if (peekPlainWord(source) === 'esac') break;
    source.take('(');
    words.push(...readPatterns(reading));
    body.push(...readList(reading));
    if (!source.take(';;&') && !source.take(';;') && !source.take(';&')) break;
  }
  expectWord(reading, 'esac');
  return compound(reading, { body, words });
}

function readPatterns({ source }: Reading): Word[] {
  const patterns: Word[] = [];
  for (;;) {
    skipBlanks(source);
    if (!startsWord(source)) throw new NotUnderstood('A pattern is missing.');
    patterns.push(readWord(source));
    skipBlanks(source);
    if (source.take(')')) return patterns;
    if (!source.take('|')) throw new NotUnderstood('A parenthesis is not closed.');
  }
}
