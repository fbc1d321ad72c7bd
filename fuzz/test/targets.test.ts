import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'weir-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the command as its users do. @returns its exit code and all that it wrote */
function fuzz(...args: readonly string[]): Promise<{ code: number; text: string }> {
  const line = ['--conditions=source', main, ...args, '--out', folder];
  return new Promise((resolve) => {
    execFile(process.execPath, line, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), text: stdout + stderr }),
    );
  });
}

describe('fuzzing for some seconds', () => {
  it.each([
    ['frontend', 2000],
    ['backend', 2000],
    ['sign-in', 8000],
    ['analyser', 1500],
    ['shell', 4000],
    ['ssh', 1500],
    ['ssh-certificate', 1500],
    ['policy', 300],
  ])('%s: all seeds and changed ones, %i runs, find nothing', { timeout: 120_000 }, async (target, runs) => {
    const { code, text } = await fuzz(target, '--runs', String(runs), '--seed', '1');
    expect(text).toContain('0 findings');
    expect(code).toBe(0);
  });

  it('an unknown target is refused with the list of targets', async () => {
    const { code, text } = await fuzz('nothing');
    expect(code).toBe(1);
    expect(text).toMatch(
      /no target "nothing"[\s\S]*frontend, backend, sign-in, analyser, shell, ssh, ssh-certificate, policy/,
    );
  });
});
