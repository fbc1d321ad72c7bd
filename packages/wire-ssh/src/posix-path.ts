/** Longest path, bytes (Linux's PATH_MAX is 4096). */
export const maxPathBytes = 8192;

/** An absolute path without `.`, `..` and empty parts, by its letters alone. */
export function normalize(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** Where a path leads from a folder; null = it is relative and the folder is not known. */
export function resolvePath(path: string, folder: string | null): string | null {
  if (path.startsWith('/')) return normalize(path);
  return folder === null ? null : normalize(`${folder}/${path}`);
}

/** The folder in which a path's last part lies. */
export function parentOf(path: string): string {
  return normalize(`${path}/..`);
}
