import type { SshMatch } from '../../schema/ssh.ts';
import type { FileAccess, ShellCommand, SshFacts, SshStatement } from '../../ssh-statement.ts';
import { createPathTest, type PathAnswer } from './file-paths.ts';
import type { SshMatchResult, SshTest } from './ssh-match.ts';

/** Kinds in which files are moved one by one, so that size and content of each are seen as they pass. */
export function isSingleFile({ kind }: SshFacts): boolean {
  return kind === 'file-read' || kind === 'file-write';
}

/** Kinds that only begin what is judged file by file afterwards. */
const isBeginning = ({ kind }: SshFacts): boolean => kind === 'sftp' || kind === 'scp';

/** Compiles `paths`, `directions`, `sizeOver` and `content`: one file meets all of them. undefined = none is named. */
export function createFileTest(match: SshMatch): SshTest | undefined {
  const { paths, directions, sizeOver, content } = match;
  if (paths === undefined && directions === undefined && sizeOver === undefined && content === undefined) {
    return undefined;
  }
  const placeOf = createPlaceTest(match);
  const meets = (file: FileAccess, statement: SshStatement): SshMatchResult | null => {
    const place = placeOf(file, statement);
    if (place === null) return null;
    const size =
      sizeOver === undefined ? place : withSize(file, sizeOver, statement.facts, place, content !== undefined);
    return size === null || content === undefined ? size : withContent(file, content, statement.facts, size);
  };
  const mentions =
    paths === undefined || sizeOver !== undefined || content !== undefined ? undefined : createMentionTest(paths);
  return (statement) => {
    let doubt: SshMatchResult | null = null;
    for (const file of statement.facts.files) {
      const found = meets(file, statement);
      if (found?.isCertain === true) return found;
      doubt ??= found;
    }
    return doubt ?? mentions?.(statement) ?? null;
  };
}

/** `paths` and `directions` of one file; null = not meant. */
export function createPlaceTest({
  paths,
  directions,
}: Pick<SshMatch, 'paths' | 'directions'>): (file: FileAccess, statement: SshStatement) => SshMatchResult | null {
  const isPath = paths === undefined ? undefined : createPathTest(paths);
  return (file, statement) => {
    if (directions !== undefined && !directions.includes(file.direction)) return null;
    const what = wordsOf[file.direction];
    if (isPath === undefined) return { why: `${what} ${file.path ?? 'a file'}`, isCertain: true };
    if (file.path === null) {
      return { why: `${what} a file whose name is computed when it runs`, isCertain: false };
    }
    const { login, facts } = statement;
    const isRecursive = facts.kinds.includes('rsync') || facts.kind === 'scp';
    const answer = isPath(file.path, { login, isMoved: facts.commands.some(changesFolder), isRecursive });
    if (answer === 'no') return null;
    return { why: `${what} ${file.path}${doubtOf(answer)}`, isCertain: answer === 'yes' };
  };
}

const wordsOf: Readonly<Record<FileAccess['direction'], string>> = {
  upload: 'it writes',
  download: 'it reads',
  list: 'it lists',
  change: 'it changes',
};

const doubtOf = (answer: PathAnswer) => (answer === 'maybe' ? ', where files may lie that the rule is about' : '');

function withSize(
  file: FileAccess,
  over: number,
  facts: SshFacts,
  place: SshMatchResult,
  isOfContent: boolean,
): SshMatchResult | null {
  if (file.size !== null) {
    return file.size > over ? { ...place, why: `${place.why} with ${file.size} bytes, more than ${over}` } : null;
  }
  const hasContent = file.direction === 'upload' || file.direction === 'download';
  if (!hasContent || isBeginning(facts)) return null;
  // Of a single file the size is watched while it passes; together with its content it must be decided before.
  if (isSingleFile(facts) && !isOfContent) return null;
  return { why: `${place.why}, and its size is not known before`, isCertain: false };
}

function withContent(
  file: FileAccess,
  wanted: NonNullable<SshMatch['content']>,
  facts: SshFacts,
  place: SshMatchResult,
): SshMatchResult | null {
  const found = file.content.find((type) => wanted.includes(type));
  if (found !== undefined) return { ...place, why: `${place.why}, which holds content of the type ${found}` };
  const isUnseen = facts.kinds.includes('rsync') || facts.kinds.includes('git');
  return isUnseen ? { why: `${place.why}, and its content cannot be seen`, isCertain: false } : null;
}

/** Words of a command that name a place of the rule, whatever the program does with it. */
function createMentionTest(paths: readonly string[]): SshTest {
  const isPath = createPathTest(paths);
  return ({ facts, login }) => {
    const isMoved = facts.commands.some(changesFolder);
    let doubt: SshMatchResult | null = null;
    for (const command of facts.commands) {
      const isRecursive = !isShallow(command);
      const program = command.program ?? 'a command';
      for (const word of command.arguments) {
        if (word === null) {
          if (fileless.has(program)) continue;
          doubt ??= {
            why: `an argument of ${program} is computed when it runs and may name such a file`,
            isCertain: false,
          };
          continue;
        }
        const answers = pathsIn(word).map((path) => isPath(path, { login, isMoved, isRecursive }));
        if (answers.includes('yes')) return { why: `it runs ${program} with ${word}`, isCertain: true };
        if (answers.includes('maybe'))
          doubt ??= { why: `it runs ${program} with ${word}${doubtOf('maybe')}`, isCertain: false };
      }
    }
    return doubt;
  };
}

/** No word of these names a file that they open. */
const fileless: ReadonlySet<string> = new Set([
  ...['echo', 'printf', 'true', 'false', ':', 'exit', 'return', 'break', 'continue', 'shift', 'seq', 'expr', 'sleep'],
  ...['kill', 'wait', 'test', '[', 'basename', 'dirname', 'id'],
]);

/** `cd`, and wrappers that begin elsewhere. */
const changesFolder = ({ program, via }: ShellCommand) =>
  ['cd', 'pushd', 'popd', 'chroot'].includes(program ?? '') || via.some((name) => name === 'chroot' || name === 'env');

/** Looks at a folder without what lies in it. */
const isShallow = ({ program, arguments: words }: ShellCommand) =>
  shallowPrograms.has(program ?? '') && !words.some((word) => word !== null && /^-[a-zA-Z]*R|^--recursive$/.test(word));

const shallowPrograms: ReadonlySet<string> = new Set([
  ...['ls', 'cd', 'pushd', 'pwd', 'stat', 'test', '[', 'df', 'mkdir', 'rmdir', 'touch'],
  ...['echo', 'printf', 'basename', 'dirname', 'readlink', 'realpath', 'file'],
]);

/** Everything in a word that may be a path: all of it, what follows `=`, `:` or `@`, and what begins at its first slash. */
function pathsIn(word: string): string[] {
  const slash = word.indexOf('/');
  const parts = [
    word.startsWith('-') ? '' : word,
    /[=:@]([^=:]+)$/.exec(word)?.[1] ?? '',
    slash > 0 ? word.slice(slash) : '',
  ];
  return [...new Set(parts)].filter((part) => part !== '');
}
