import { createGlob } from '../../glob.ts';

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
  const globs = patterns.map((pattern) => ({ pattern, matches: createGlob(pattern, { ignoreCase: false }) }));
  return (path, origin) => {
    const plain = normalisePath(path);
    const isAnchored = plain.startsWith('/') || plain.startsWith('~');
    const candidates = isAnchored ? formsOfHome(plain, origin.login) : formsOfHome(`~/${plain}`, origin.login);
    if (globs.some(({ matches }) => matches(plain) || candidates.some(matches))) return 'yes';
    const isElsewhere = !isAnchored && (origin.isMoved || plain === '..' || plain.startsWith('../'));
    const tail = plain.replace(/^(\.\.\/)+/, '/');
    const end = tail.startsWith('/') ? tail : `/${tail}`;
    if (isElsewhere && globs.some(({ pattern }) => plain === '..' || canEndWith(pattern, end))) return 'maybe';
    if (!origin.isRecursive) return 'no';
    const isAbove = ({ pattern }: { pattern: string }) =>
      candidates.some((candidate) => canBeginWith(pattern, candidate.endsWith('/') ? candidate : `${candidate}/`));
    return globs.some(isAbove) ? 'maybe' : 'no';
  };
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

/** Is there a text before `end` with which the pattern matches? */
function canEndWith(pattern: string, end: string): boolean {
  return startsOf(pattern).some((at) => createGlob(pattern.slice(at), { ignoreCase: false })(end));
}

/** Is there a text behind `begin` with which the pattern matches? */
function canBeginWith(pattern: string, begin: string): boolean {
  return startsOf(pattern).some((at) => at > 0 && createGlob(pattern.slice(0, at), { ignoreCase: false })(begin));
}

const startsOf = (pattern: string): number[] => Array.from({ length: pattern.length + 1 }, (_, at) => at);
