import { execFileSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const run = (command: string, ...args: string[]) => execFileSync(command, args, { cwd: root, encoding: 'utf8' });

describe('the contract', () => {
  it('is clean', () => {
    expect(run('buf', 'lint')).toBe('');
  });

  it('is compatible with its baseline', () => {
    expect(run('buf', 'breaking', '--against', 'baseline.binpb')).toBe('');
  });

  it('has generated code that belongs to it', () => {
    expect(run('node', 'scripts/drift.mjs')).toBe('');
  });
});
