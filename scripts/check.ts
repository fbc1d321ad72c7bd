import { spawnSync } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { checkDocs } from './check/docs.ts';
import { checkImports } from './check/imports.ts';
import { checkSizes } from './check/sizes.ts';

/** `pnpm check`: everything that is true of the tree without running it. Prints each problem and exits 1 when there is one. */
const commands: readonly (readonly [string, string, readonly string[]])[] = [
  ['format and lint', 'biome', ['check', '--error-on-warnings', '.']],
  ['types', 'tsc', ['-p', 'tsconfig.check.json']],
  ['tunnel contract: lint', 'npm', ['--prefix', 'packages/proto', 'run', '--silent', 'lint']],
  ['tunnel contract: breaking changes', 'npm', ['--prefix', 'packages/proto', 'run', '--silent', 'breaking']],
  ['generated files', 'npm', ['--prefix', 'packages/proto', 'run', '--silent', 'drift']],
];

const env = {
  ...process.env,
  PATH: [join(process.cwd(), 'node_modules', '.bin'), process.env['PATH'] ?? ''].join(delimiter),
};
let failures = 0;
const report = (title: string, problems: readonly string[]) => {
  process.stdout.write(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${title}\n`);
  for (const problem of problems) process.stdout.write(`     ${problem}\n`);
  if (problems.length > 0) failures += 1;
};

report('import rules', checkImports());
report('size budget', checkSizes());
report('links of the documentation', checkDocs());
for (const [title, command, args] of commands) {
  const run = spawnSync(command, args, { encoding: 'utf8', env });
  report(title, run.status === 0 ? [] : `${run.stdout}${run.stderr}`.trim().split('\n'));
}
process.exitCode = failures === 0 ? 0 : 1;
