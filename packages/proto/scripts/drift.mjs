// Regenerates the code of the contract into a temporary folder and compares it with what is committed.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const fresh = mkdtempSync(join(tmpdir(), 'weir-proto-'));

/** Relative path -> content of every file below `folder`. */
function readTree(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(folder.length + 1), readFileSync(path, 'utf8')];
    }),
  );
}

try {
  execFileSync('buf', ['generate', '--output', fresh], { cwd: root, stdio: 'inherit' });
  const expected = readTree(join(fresh, 'gen'));
  const committed = readTree(join(root, 'gen'));
  const names = new Set([...expected.keys(), ...committed.keys()]);
  const different = [...names].filter((name) => expected.get(name) !== committed.get(name));
  if (different.length > 0) {
    console.error(
      `Generated code is not what the contract says: ${different.join(', ')}. Run: pnpm --filter @weir/proto generate`,
    );
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
