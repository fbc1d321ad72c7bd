import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { daytime, documentOf } from '../fixture.ts';
import { allKindsAccess, sshEvaluatorOf, sshFactsOf, sshStatementOf } from './ssh-fixture.ts';

const rules = documentOf(
  'Guardrail',
  'everything',
  `match:
  ssh:
    programs: ["*a*b*"]
    arguments: ["*x*y*", "* x* *y"]
    paths: ["/*/*/*/?*.d/*/secret*", "~/*/.ssh/*", "/etc/**"]
    directions: [upload, download]
action: deny`,
);
const paths = documentOf(
  'Guardrail',
  'paths',
  'match: { ssh: { paths: ["/*/*/*/*/secret*", "/etc/*", "~/.ssh/*"] } }\naction: deny',
);
const evaluator = sshEvaluatorOf(allKindsAccess + rules + paths);
const context = { now: daytime.now, interactive: true };

describe('what a client sends to hold the agent up', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['a word of 128 KiB', [`cd /${'a/'.repeat(65_536)}`], []],
    ['20,000 words', [`cd ${'a/b '.repeat(20_000)}`], []],
    ['5,000 commands', Array.from({ length: 5000 }, (_, at) => `tar /a/${at}`), []],
    ['5,000 files', [], Array.from({ length: 5000 }, (_, at) => `upload ../../${at}/*`)],
    ['a path of 64 KiB dots', [], [`download ${'../'.repeat(21_000)}x`]],
    ['a path of stars', [], [`download ${'*'.repeat(60_000)}`]],
  ])('%s', (_name, commands, files) => {
    const statement = sshStatementOf({ commands, files });
    const before = process.cpuUsage().user;
    evaluator.evaluateSsh(statement, context);
    expect((process.cpuUsage().user - before) / 1000).toBeLessThan(1500);
  });
});

describe('any facts', () => {
  const word = fc.oneof(fc.string(), fc.constantFrom('?', '/', '~', '..', '', 'rm', '/etc/x', '[::]', '*'));
  it('get a verdict with a sentence, and every rule a step', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(word), { maxLength: 4 }),
        fc.array(word, { maxLength: 4 }),
        fc.oneof(
          fc.constant(null),
          fc.record({ host: fc.string(), port: fc.integer() }),
          fc.record({ path: fc.string() }),
        ),
        (commands, files, destination) => {
          const base = sshFactsOf({});
          const facts = {
            ...base,
            commands: commands.map(([program = null, ...words]) => ({ program, arguments: words, via: [] })),
            files: files.map((path) => ({ path, direction: 'upload' as const, size: null, content: [] })),
            destination,
          };
          const verdict = evaluator.evaluateSsh({ ...sshStatementOf({}), facts }, context);
          expect(verdict.reason).toMatch(/[.!?]$/);
          expect(verdict.trace.length).toBeGreaterThanOrEqual(6);
        },
      ),
      { numRuns: 200 },
    );
  });
});
