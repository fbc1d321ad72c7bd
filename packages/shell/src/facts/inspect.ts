import type { FoldedWord } from '../fold/fold-word.ts';
import { maxDepth } from '../limits.ts';
import { NotUnderstood } from '../parse/syntax.ts';
import { noteDestruction } from './destructive.ts';
import { files } from './files.ts';
import type { Findings } from './findings.ts';
import { interpreterHandler } from './interpreters.ts';
import type { Handler, Stdin } from './invocation.ts';
import { isSystemProgram } from './path.ts';
import { shells } from './shells.ts';
import { tools } from './tools.ts';
import { wrappers } from './wrappers.ts';

/** What surrounds a command. */
export interface Surroundings {
  readonly findings: Findings;
  readonly via: readonly string[];
  readonly stdin: Stdin;
  /** Functions that the text defines: their bodies are looked at where they stand. */
  readonly functions: ReadonlySet<string>;
  /** Looks at a text that a command gives to a shell, one level deeper. */
  analyse(text: string, via: readonly string[]): void;
}

/** Says what a command does: `words` are its program and arguments. */
export function inspectCommand(words: readonly FoldedWord[], around: Surroundings): void {
  const { findings, via, stdin } = around;
  const [first, ...rest] = words;
  if (first === undefined) return;
  if (via.length > maxDepth) throw new NotUnderstood('It is nested too deeply.');
  const values = rest.map(({ value }) => value);
  if (first.value === null || first.isHome) {
    findings.command({ program: null, arguments: values, via });
    findings.opaque('A program is computed when it runs.');
    return;
  }
  const program = first.value.slice(first.value.lastIndexOf('/') + 1);
  findings.command({ program, arguments: values, via });
  if (!isSystemProgram(first.value))
    findings.opaque(`The program ${first.value} is a file of the target that nobody has looked at.`);
  if (program === 'cd' || program === 'pushd' || program === 'popd') findings.hasMoved = true;
  if (around.functions.has(program)) return;
  const inner = [...via, program];
  const invocation = {
    ...{ program, words: rest, via, stdin, findings },
    run: (started: readonly FoldedWord[], input: Stdin = stdin) =>
      inspectCommand(started, { ...around, via: inner, stdin: input }),
    runText: (text: string) => around.analyse(text, inner),
  };
  noteDestruction(invocation);
  for (const handler of handlersOf(program)) handler(invocation);
}

function handlersOf(program: string): Handler[] {
  const found = [wrappers, shells, tools, files].map((map) => map.get(program));
  return [...found, interpreterHandler(program)].filter((handler) => handler !== undefined);
}
