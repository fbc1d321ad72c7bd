import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const packageFolders = ['apps', 'packages'];

/** Folders of the workspace's packages, sorted, from the checkout's root. */
export function workspaceFolders(root) {
  const inside = packageFolders.flatMap((group) =>
    existsSync(join(root, group)) ? readdirSync(join(root, group)).map((name) => join(group, name)) : [],
  );
  return [...inside, 'bench', 'e2e', 'fuzz'].filter((folder) => existsSync(join(root, folder, 'package.json'))).sort();
}

/** What decides which packages are installed: the lock file, the workspace's settings and every manifest. */
export function installHash(root) {
  const manifests = workspaceFolders(root).map((folder) => join(folder, 'package.json'));
  return hashFiles(root, ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...manifests]);
}

/** What decides the build's result: sources, compiler settings and what is installed. */
export function buildHash(root) {
  const sources = workspaceFolders(root).flatMap((folder) => [
    join(folder, 'tsconfig.json'),
    ...filesBelow(root, join(folder, 'src')),
  ]);
  return hashFiles(root, ['tsconfig.base.json', 'turbo.json', ...sources], installHash(root));
}

/** Packages that are to be built and have no result yet. */
export function unbuiltFolders(root) {
  return workspaceFolders(root).filter((folder) => {
    const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    return manifest.scripts?.build !== undefined && !existsSync(join(root, folder, 'dist'));
  });
}

/** The hashes of what was done last; empty at first. A damaged file counts as empty: everything is done again. */
export function readStamps(file) {
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** Adds to the stamps. */
export function writeStamp(file, stamp) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify({ ...readStamps(file), ...stamp }));
}

function hashFiles(root, paths, seed = '') {
  const hash = createHash('sha256').update(seed);
  for (const path of paths) {
    if (!existsSync(join(root, path))) continue;
    const content = readFileSync(join(root, path));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

function filesBelow(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  return entries
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesBelow(root, path) : [path];
    })
    .sort();
}
