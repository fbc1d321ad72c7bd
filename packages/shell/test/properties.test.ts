import { describe, expect, it } from 'vitest';
import { analyseShell, classifyExec } from '../src/index.ts';
import { maxDepth, maxTextLength } from '../src/limits.ts';
import { destructive } from './cases/destructive.ts';
import { createTextGenerator } from './random-texts.ts';

/** All that decides; the same for texts that mean the same. */
const meaning = (text: string): string => JSON.stringify(analyseShell(text));

const quotings: readonly ((word: string) => string)[] = [
  (word) => `'${word.replaceAll("'", `'\\''`)}'`,
  (word) => `"${word.replaceAll(/[\\"$`]/g, '\\$&')}"`,
  (word) => [...word].map((letter) => `\\${letter}`).join(''),
  (word) => [...word].map((letter) => `'${letter}'`).join('""'),
  (word) => `${word.slice(0, 1)}''${word.slice(1)}`,
  (word) => `$'${[...word].map((letter) => `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}`).join('')}'`,
  (word) => [...word].join('\\\n'),
];

describe('any quoting of any word gives the same', () => {
  const commands = [
    ['rm', '-rf', '/srv/data'],
    ['sudo', '-u', 'root', 'systemctl', 'stop', 'nginx'],
    ['sh', '-c', 'ls'],
    ['find', '/srv', '-name', 'x', '-delete'],
    ['git', 'push', '--force'],
    ['cat', '/etc/shadow'],
    ['env', '-i', 'nohup', 'python3', 'x.py'],
    ['curl', '-o', '/etc/cron.d/x', 'https://example.com/'],
    ['eval', 'reboot'],
  ];
  it.each(commands)('%s %s %s %s', (...given) => {
    const words = given.filter((word) => typeof word === 'string');
    const plain = meaning(words.join(' '));
    for (const [at] of words.entries())
      for (const quote of quotings) {
        const text = words.map((word, index) => (index === at ? quote(word) : word)).join(' ');
        expect({ text, meaning: meaning(text) }).toEqual({ text, meaning: plain });
      }
    for (const quote of quotings) expect(meaning(words.map(quote).join(' \\\n\t'))).toBe(plain);
  });
});

describe('what surrounds a command', () => {
  const surroundings: readonly ((text: string) => string)[] = [
    (text) => `ls; ${text}`,
    (text) => `ls &&\n${text}`,
    (text) => `(${text}\n)`,
    (text) => `{ ${text}\n}`,
    (text) => `if ls; then ${text}\nfi`,
    (text) => `while ls; do ${text}\ndone`,
    (text) => `case a in *) ${text}\nesac`,
    (text) => `f() { ${text}\n}; f`,
    (text) => `echo $(${text}\n)`,
    (text) => `cat <(${text}\n)`,
    (text) => `sh -c '${text.replaceAll("'", `'\\''`)}'`,
    (text) => `eval '${text.replaceAll("'", `'\\''`)}'`,
    (text) => `# a comment\n${text}`,
    (text) => `${text}\nls`,
  ];
  it.each(surroundings.map((surround) => [surround('…'), surround] as const))('%j hides nothing', (_name, surround) => {
    for (const text of destructive) {
      const { destructive: reasons, opaque } = analyseShell(surround(text));
      // A text that does not end as it should may take what surrounds it along: then nobody can say what it does.
      expect({ text, isNoticed: reasons.length + opaque.length > 0 }).toEqual({ text, isNoticed: true });
    }
  });
});

describe('whatever the text', () => {
  it('nothing is thrown, and the same text gives the same', () => {
    const next = createTextGenerator(7);
    for (let n = 0; n < 5000; n += 1) {
      const text = next();
      expect(meaning(text)).toBe(meaning(text));
      expect(() => classifyExec(text)).not.toThrow();
    }
  });

  it('a cut text is opaque or does no more than the whole', () => {
    for (const text of ['rm -rf "/srv/a b" | tee >(wc) && echo $(date)', 'cat <<E\n$(ls)\nE\nls', "sh -c 'ls | wc'"])
      for (let end = 0; end <= text.length; end += 1) expect(() => analyseShell(text.slice(0, end))).not.toThrow();
  });

  it.each([
    ['long', 'x'.repeat(maxTextLength + 1)],
    ['of many commands', 'ls;'.repeat(3000)],
    ['of many files', `cat ${'a '.repeat(3000)}`],
    ['deep in substitutions', `${'$('.repeat(maxDepth + 1)}ls${')'.repeat(maxDepth + 1)}`],
    ['deep in groups', `${'('.repeat(1)}${'{ '.repeat(maxDepth + 1)}ls${'; }'.repeat(maxDepth + 1)})`],
    ['deep in evals', `${'eval '.repeat(maxDepth + 2)}ls`],
    ['deep in wrappers', `${'nohup '.repeat(5000)}ls`],
    ['of many braces', `echo ${'{a,b}'.repeat(16)}`],
    ['deep in braces', `echo ${'{a,'.repeat(4000)}${'}'.repeat(4000)}`],
    ['of open braces', `echo ${'{'.repeat(30_000)}`],
    ['of backquotes', '`'.repeat(20_001)],
    ['of open substitutions', '$('.repeat(20_000)],
    ['of open quotes', `"$("`.repeat(10_000)],
    ['of here-documents', `cat ${'<<E '.repeat(5000)}\n`],
  ])('a text %s is opaque, soon', (_how, text) => {
    const startedMs = performance.now();
    expect(analyseShell(text).opaque).not.toEqual([]);
    expect(performance.now() - startedMs).toBeLessThan(2000);
  });
});
