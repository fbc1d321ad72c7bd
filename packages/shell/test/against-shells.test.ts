import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTemporaryFolder, hasCommand, runCommand } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import { afterAll, expect, it } from 'vitest';
import { analyseShell, type ShellAnalysis } from '../src/index.ts';
import { understood } from './cases/understood.ts';
import { createTextGenerator } from './random-texts.ts';

const folder = createTemporaryFolder('weir-shell-words');
afterAll(() => folder.remove());

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** A program that a shell has started, with its words. */
type Started = readonly string[];

/** Runs texts in a shell where a, b, ab and x write down how they are called, and nothing else exists. */
async function runAll(shell: string, texts: readonly string[]): Promise<Map<number, Started[]>> {
  const [script, log] = [join(folder.path, `${shell}.sh`), join(folder.path, `${shell}.log`)];
  const names = ['a', 'b', 'ab', 'x', 'aa', 'A', 'B', '1', '2', 'a,b'].filter(
    (name) => shell === 'bash' || /^[a-z]+$/i.test(name),
  );
  writeFileSync(
    script,
    [
      'PATH=/nowhere',
      // What a tilde becomes looks as the analysis names it.
      "HOME='~'",
      `cd ${folder.path} || exit 1`,
      `exec 9>${quoted(log)}`,
      // One write for each, since they may come from processes side by side.
      `record() { for w in "$@"; do set -- "$@" "W$w"; shift; done; printf '%s\\0' "C$n" "$@" >&9; }`,
      ...(shell === 'bash' ? ['command_not_found_handle() { record "$@"; }'] : []),
      ...(shell === 'bash' ? [] : names.map((name) => `${name}() { record ${name} "$@"; }`)),
      ...texts.map((text, n) => `n=${n}; ( x='p q'; eval ${quoted(text)}\nwait ) </dev/null >/dev/null 2>&1`),
    ].join('\n'),
  );
  await runCommand(shell, [script], { timeoutMs: 50_000 });
  const found = new Map<number, Started[]>();
  let current: string[] = [];
  for (const entry of readFileSync(log, 'utf8').split('\0')) {
    if (entry.startsWith('C')) {
      current = [];
      const n = Number(entry.slice(1));
      found.set(n, [...(found.get(n) ?? []), current]);
    } else if (entry.startsWith('W')) current.push(entry.slice(1));
  }
  return found;
}

/** Is this one of the commands that the analysis names? A computed word stands for any number of words. */
function isNamed([program, ...words]: Started, { commands }: ShellAnalysis): boolean {
  return commands.some(
    (command) => (command.program === null || command.program === program) && fits(words, command.arguments),
  );
}

function fits(words: readonly string[], pattern: readonly (string | null)[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return words.length === 0;
  if (first === null)
    return Array.from({ length: words.length + 1 }, (_, at) => at).some((at) => fits(words.slice(at), rest));
  return words[0] === first && fits(words.slice(1), rest);
}

for (const shell of ['bash', 'dash']) {
  lane(
    shell,
    () => hasCommand(shell),
    `apt: ${shell}`,
  )(`what ${shell} runs is what the analysis says`, () => {
    it('whatever the text, unless it is opaque', { timeout: 60_000 }, async () => {
      const next = createTextGenerator(20_261_125);
      // dash has no braces: there the text means something else, which is not more.
      const texts = Array.from({ length: 12_000 }, next)
        .filter((text) => analyseShell(text).opaque.length === 0)
        .filter((text) => shell === 'bash' || !/\{[^}]*(,|\.\.)|\$['"]/.test(text));
      expect(texts.length).toBeGreaterThan(500);
      const started = await runAll(shell, texts);
      const missed = texts.flatMap((text, n) => {
        const analysis = analyseShell(text);
        return (started.get(n) ?? [])
          .filter((one) => !isNamed(one, analysis))
          .map((one) => ({ text, one, commands: analysis.commands }));
      });
      expect(missed).toEqual([]);
      expect([...started.values()].flat().length).toBeGreaterThan(150);
    });
  });
}

lane(
  'bash',
  () => hasCommand('bash'),
  'apt: bash',
)('the table of what is understood', () => {
  it('holds nothing that bash does not read', async () => {
    const script = understood.map(([text], n) => `bash -n -c ${quoted(text)} || echo ${n}`).join('\n');
    const { stdout, stderr } = await runCommand('bash', ['-c', script]);
    expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' });
  });
});
