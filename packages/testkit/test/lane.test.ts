import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTemporaryFolder, runCommand } from '@weir/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** A missing lane is looked at from outside: a test run of its own on one file. */
describe('a lane that is missing', () => {
  const root = join(import.meta.dirname, '../../..');
  const folder = createTemporaryFolder('weir-lane');
  const lanesFile = join(folder.path, 'lanes');
  const run = (env: Record<string, string>) =>
    runCommand(
      process.execPath,
      [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', folder.path, '--config', 'none.config.mjs'],
      { env: { ...process.env, NO_COLOR: '1', WEIR_LANES_FILE: lanesFile, WEIR_REQUIRE_ALL: '', ...env }, cwd: root },
    );

  beforeAll(() => {
    writeFileSync(lanesFile, '');
    writeFileSync(join(folder.path, 'none.config.mjs'), 'export default {};\n');
    const laneFile = JSON.stringify(join(root, 'packages/testkit/src/lane.ts'));
    const vitest = JSON.stringify(join(root, 'node_modules/vitest/dist/index.js'));
    writeFileSync(
      join(folder.path, 'a.test.ts'),
      `import { lane } from ${laneFile}; import { it } from ${vitest};
       lane('here', () => true, 'x')('kept', () => { it('runs', () => undefined); });
       lane('gone', () => false, 'no\\tsuch\\nthing')('left out', () => { it('would fail', () => { throw new Error('ran'); }); });`,
    );
  });
  afterAll(() => folder.remove());

  it('is left out and written down', async () => {
    const result = await run({});
    expect(result.stdout).toMatch(/1 passed \| 1 skipped/);
    expect(result.status).toBe(0);
    expect(readFileSync(lanesFile, 'utf8')).toBe('gone\tno such thing\n');
  });

  it('fails under WEIR_REQUIRE_ALL=1', async () => {
    const result = await run({ WEIR_REQUIRE_ALL: '1' });
    expect(result.status).toBe(1);
    expect(result.stdout + result.stderr).toContain('The lane gone is missing and WEIR_REQUIRE_ALL=1: no\tsuch\nthing');
  });
});
