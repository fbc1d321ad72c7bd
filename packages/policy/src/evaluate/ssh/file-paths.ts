import { createGlobs } from '../../glob.ts';

/** Does a path rule meet this path? `maybe`: where the path leads is not known, and it may be a place that the rule names. */
export type PathAnswer = 'yes' | 'no' | 'maybe';

/** Whose path it is, and what is known of the folder that relative ones begin in. */
export interface PathOrigin {
  /** User at the target. */
  readonly login: string;
  /** The command changes its folder first. */
  readonly isMoved: boolean;
  /** What lies below the path is meant as well. */
  readonly isRecursive: boolean;
}

/** Compiles path globs. Relative paths begin in the home folder, which is where commands and file transfers begin. */
export function createPathTest(patterns: readonly string[]): (path: string, origin: PathOrigin) => PathAnswer {
  const isMeant = createGlobs(patterns, exact);
  const endsMeant = createGlobs(patterns.flatMap(endsOf), exact);
  const leadsThere = createGlobs(patterns.flatMap(beginningsOf), exact);
  return (path, origin) => {
    const plain = normalisePath(path);
    const isAnchored = plain.startsWith('/') || plain.startsWith('~');
    const candidates = formsOfHome(isAnchored ? plain : `~/${plain}`, origin.login);
    if (isMeant(plain) || candidates.some(isMeant)) return 'yes';
    const isElsewhere = !isAnchored && (origin.isMoved || plain === '..' || plain.startsWith('../'));
    const end = plain.replace(/^(\.\.\/)+/, '');
    if (isElsewhere && (end === '..' || endsMeant(`/${end}`))) return 'maybe';
    if (!origin.isRecursive) return 'no';
    const folders = candidates.map((candidate) => (candidate.endsWith('/') ? candidate : `${candidate}/`));
    return folders.some(leadsThere) ? 'maybe' : 'no';
  };
}

const exact = { ignoreCase: false };

/** Ends of a pattern that a path can have whose folder is not known: they begin with a slash, or with what may be one. */
function endsOf(pattern: string): string[] {
  return Array.from(pattern, (_, at) => pattern.slice(at)).filter((end) => /^[/*?]/.test(end));
}

/** Beginnings of a pattern that a folder can have in which something is meant. */
function beginningsOf(pattern: string): string[] {
  return Array.from(pattern, (_, at) => pattern.slice(0, at + 1)).filter((begin) => /[/*?]$/.test(begin));
}

/** Removes `.`, empty parts and, where something stands before them, `..`. */
export function normalisePath(path: string): string {
  const isAbsolute = path.startsWith('/');
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    const last = parts.at(-1);
    if (part !== '..') parts.push(part);
    else if (last !== undefined && last !== '..' && !last.startsWith('~')) parts.pop();
    else if (!isAbsolute) parts.push(part);
  }
  return `${isAbsolute ? '/' : ''}${parts.join('/')}`;
}

/** `~`, `~user` and what they usually stand for. */
function formsOfHome(path: string, login: string): string[] {
  const found = /^~([^/]*)(.*)$/s.exec(path);
  if (found === null) return [path];
  const [, name = '', rest = ''] = found;
  const user = name === '' ? login : name;
  return [path, normalisePath(`${user === 'root' ? '/root' : `/home/${user}`}${rest}`)];
}
