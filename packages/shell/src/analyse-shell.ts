import type { ShellAnalysis } from './analysis.ts';
import { Findings } from './facts/findings.ts';
import { inspectCommand, type Surroundings } from './facts/inspect.ts';
import type { Stdin } from './facts/invocation.ts';
import { setsDangerousVariable } from './facts/variables.ts';
import { type FoldedWord, foldWhole, foldWord } from './fold/fold-word.ts';
import { maxDepth, maxTextLength } from './limits.ts';
import { readWholeProgram } from './parse/program.ts';
import { Source } from './parse/source.ts';
import {
  type Command,
  NotUnderstood,
  type Program,
  type Redirection,
  type SimpleCommand,
  type Word,
} from './parse/syntax.ts';

/** Variables that the shell itself keeps as numbers. */
const numbers = ['RANDOM', 'SECONDS', 'LINENO', 'UID', 'EUID', 'PPID', 'BASHPID', 'COLUMNS', 'LINES'];

/** What the walk over one text carries along. */
interface Walk {
  readonly findings: Findings;
  readonly via: readonly string[];
  readonly depth: number;
  readonly functions: Set<string>;
  /** Variables that hold numbers, or something else. */
  readonly assigned: Map<string, boolean>;
}

/** Says what `text` would do if a POSIX shell ran it. Never throws: what is not understood, too long or too deep is `opaque`. */
export function analyseShell(text: string): ShellAnalysis {
  const findings = new Findings();
  if (text.length > maxTextLength) findings.opaque('It is too long to be analysed.');
  else if (/[\0\ufffd]/.test(text)) findings.opaque('It holds a byte that no shell text holds.');
  else analyse(text, { findings, via: [], depth: 0, functions: new Set(), assigned: new Map() });
  return findings.analysis();
}

function analyse(text: string, walk: Walk): void {
  const { findings } = walk;
  const source = new Source(text);
  const program: Command[] = [];
  try {
    if (walk.depth > maxDepth) throw new NotUnderstood('It is nested too deeply.');
    readWholeProgram(source, program);
  } catch (error) {
    noteNotUnderstood(error, findings);
  }
  defineFunctions(program, walk);
  walkProgram(program, walk, { type: 'client' });
  for (const name of source.arithmeticNames)
    if (!numbers.includes(name) && walk.assigned.get(name) !== true)
      findings.opaque('Arithmetic evaluates what a variable holds, commands included.');
}

function noteNotUnderstood(error: unknown, findings: Findings): void {
  if (!(error instanceof NotUnderstood)) throw error;
  findings.opaque(error.message);
}

/** A function's name stands for its body from the start: whether it is defined before it is called depends on how the text runs. */
function defineFunctions(program: Program, walk: Walk): void {
  for (const command of program) {
    if (command.type === 'compound') defineFunctions(command.body, walk);
    if (command.type !== 'function') continue;
    walk.functions.add(command.name);
    defineFunctions([command.body], walk);
  }
}

function walkProgram(program: Program, walk: Walk, stdin: Stdin): void {
  for (const command of program) walkCommand(command, walk, stdin);
}

function walkCommand(command: Command, walk: Walk, stdin: Stdin): void {
  try {
    if (command.type === 'pipeline')
      for (const [at, stage] of command.stages.entries()) walkCommand(stage, walk, at === 0 ? stdin : { type: 'pipe' });
    else if (command.type === 'function') {
      if (callsItself(command.body, command.name)) walk.findings.destructive('A function calls itself without end.');
      walkCommand(command.body, walk, { type: 'file' });
    } else if (command.type === 'compound') {
      const { words, body, redirections, variable } = command;
      const folded = words.flatMap((word) => visit(word, walk));
      if (variable !== undefined) assign(variable, folded, walk);
      walkProgram(body, walk, redirect(redirections, walk, stdin));
    } else walkSimple(command, walk, stdin);
  } catch (error) {
    noteNotUnderstood(error, walk.findings);
  }
}

function walkSimple({ assignments, words, redirections }: SimpleCommand, walk: Walk, stdin: Stdin): void {
  for (const { name, values } of assignments) {
    assign(
      name,
      values.map((value) => {
        for (const program of value.programs) walkProgram(program, walk, { type: 'client' });
        return foldWhole(value);
      }),
      walk,
    );
  }
  const folded = words.flatMap((word) => visit(word, walk));
  const input = redirect(redirections, walk, stdin);
  const around: Surroundings = {
    ...{ findings: walk.findings, via: walk.via, stdin: input, functions: walk.functions },
    analyse: (text, via) => analyse(text, { ...walk, via, depth: walk.depth + 1 }),
  };
  inspectCommand(folded, around);
}

/** Looks at what a word runs, and gives the words that it becomes. */
function visit(word: Word, walk: Walk): FoldedWord[] {
  for (const program of word.programs) walkProgram(program, walk, { type: 'client' });
  return foldWord(word);
}

function assign(name: string, values: readonly FoldedWord[], walk: Walk): void {
  if (setsDangerousVariable(name)) walk.findings.opaque(`It sets ${name}, which changes what programs do.`);
  const isNumber = values.length > 0 && values.every(({ value }) => value !== null && /^-?\d+$/.test(value));
  walk.assigned.set(name, isNumber && walk.assigned.get(name) !== false);
}

/** Notes files of redirections; gives what the command's standard input is then. */
function redirect(redirections: readonly Redirection[], walk: Walk, stdin: Stdin): Stdin {
  const { findings } = walk;
  let input = stdin;
  for (const { type, descriptor, word } of redirections) {
    for (const program of word.programs) walkProgram(program, walk, { type: 'client' });
    const [only, ...more] = type === 'text' ? [foldWhole(word)] : foldWord(word);
    if (only === undefined || more.length > 0) throw new NotUnderstood('A redirection leads to more than one file.');
    if (type === 'text') {
      if ((descriptor ?? 0) === 0) input = { type: 'text', text: only.value };
      continue;
    }
    if (type === 'duplicate') {
      if (only.value === null) findings.opaque('Where a redirection leads is computed.');
      if ((descriptor ?? 1) === 0) input = { type: 'file' };
      continue;
    }
    if (/^\/dev\/(tcp|udp)\//.test(only.prefix)) findings.opaque('It opens a connection to another host.');
    if (type !== 'write' && type !== 'append') {
      findings.file(only, 'download');
      if ((descriptor ?? 0) === 0) input = { type: 'file' };
    }
    if (type === 'read') continue;
    if (findings.path(only) === '/dev/null') continue;
    findings.file(only, 'upload', 'A redirection');
  }
  return input;
}

/** Does a function start itself more than once, or in the background of itself: `:(){ :|:& }`? */
function callsItself(body: Command, name: string): boolean {
  if (body.type === 'pipeline') return body.stages.some((stage) => callsItself(stage, name));
  if (body.type === 'compound') return body.body.some((command) => callsItself(command, name));
  if (body.type === 'function') return callsItself(body.body, name);
  return body.words[0] !== undefined && foldWhole(body.words[0]).value === name;
}
