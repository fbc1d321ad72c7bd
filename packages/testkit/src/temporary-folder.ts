import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of its own for one test. */
export interface TemporaryFolder {
  readonly path: string;
  /** Removes it with all that is in it; safe to call again. */
  remove(): void;
}

/** Makes a folder in the system's temporary folder. Default mode 0700; servers of another account need 0711. */
export function createTemporaryFolder(name = 'weir-test', mode = 0o700): TemporaryFolder {
  const path = mkdtempSync(join(realpathSync(tmpdir()), `${name}-`));
  chmodSync(path, mode);
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}
