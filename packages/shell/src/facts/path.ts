import type { FoldedWord } from '../fold/fold-word.ts';

/**
 * The path of a word with `.` and doubled slashes removed; null = known only at the target: computed, with `..` in it (a link may stand before it), or by way of
 * /proc. A quoted tilde is a name: `./~`.
 */
export function pathOf({ value, isHome }: FoldedWord): string | null {
  if (value === null || value === '') return null;
  const isAbsolute = value.startsWith('/');
  const steps = value.split('/').filter((step) => step !== '' && step !== '.');
  if (steps.includes('..')) return null;
  const path = (isAbsolute ? '/' : '') + steps.join('/');
  if (/^\/proc\/[^/]+\/(root|cwd|fd|task|exe|map_files)(\/|$)|^\/dev\/(fd|stdin|stdout|stderr)(\/|$)/.test(path))
    return null;
  if (!isHome && path.startsWith('~')) return `./${path}`;
  return path === '' ? '.' : path;
}

/** Folders of programs that the system's own accounts alone can change. */
const programFolders = /^\/(usr\/(local\/)?)?s?bin\/[^/]+$|^\/usr\/games\/[^/]+$|^\/opt\/homebrew\/s?bin\/[^/]+$/;

/** Is this how a program of the system is named: by its name, or by its path in a folder of programs? */
export function isSystemProgram(word: string): boolean {
  return !word.includes('/') || programFolders.test(word);
}

const systemPath = /^\/(etc|usr|bin|sbin|lib\w*|boot|sys|proc|var\/(lib|spool|log)|opt|root\/\.ssh)(\/|$)/;
const device = /^\/dev\/(?!(null|zero|full|random|urandom|tty\w*)$|pts\/|shm\/)/;

/** Does writing to this path change what the system stands on? */
export function isSystemPath(path: string): boolean {
  return systemPath.test(path) || device.test(path);
}
