import type { FileAccess } from '@weir/policy';
import { pathOf } from './facts/path.ts';
import { type FoldedWord, foldWord, unknownWord } from './fold/fold-word.ts';
import { maxTextLength } from './limits.ts';
import { readWholeProgram } from './parse/program.ts';
import { Source } from './parse/source.ts';
import { NotUnderstood, type SimpleCommand } from './parse/syntax.ts';

/** Which program of the target a client's own exec request starts; anything else is `exec`. */
export type ExecKind =
  | { readonly kind: 'exec' }
  /** The old protocol of scp (scp -O, OpenSSH before 9). */
  | {
      readonly kind: 'scp';
      /** `upload`: the target runs `scp -t`. */
      readonly direction: 'upload' | 'download';
      readonly isRecursive: boolean;
      /** Modification times and modes travel, too. */
      readonly isPreserving: boolean;
      /** More than one file is sent: `path` is a folder (-d). */
      readonly isFolder: boolean;
      /** One path, as the client names it; null = with wildcards, a variable or a home folder that the target's shell resolves. */
      readonly path: string | null;
    }
  | {
      readonly kind: 'rsync';
      readonly direction: 'upload' | 'download';
      /** May files be removed, at the receiver or (--remove-source-files) at the sender? */
      readonly isRemoving: boolean;
      /** null = the target's shell resolves it. */
      readonly paths: readonly (string | null)[];
    }
  | {
      readonly kind: 'git';
      readonly service: 'upload-pack' | 'receive-pack' | 'upload-archive';
      /** `upload`: the client pushes. */
      readonly direction: 'upload' | 'download';
      readonly path: string | null;
    }
  /** sftp over exec instead of the subsystem (sftp -s /usr/lib/openssh/sftp-server). */
  | { readonly kind: 'sftp' };

const exec: ExecKind = { kind: 'exec' };

/** The files that a recognised exec moves, as far as its command line says; empty for `exec` and `sftp`. */
export function filesOfExec(kind: ExecKind): readonly FileAccess[] {
  if (kind.kind === 'exec' || kind.kind === 'sftp') return [];
  const paths = kind.kind === 'rsync' ? kind.paths : [kind.path];
  return paths.map((path) => ({ path, direction: kind.direction, size: null, content: [] }));
}

/**
 * Recognises what scp, rsync, git and sftp send, in the exact form that they send it: fixed words, known options, nothing beside the one command.
 * Everything else is `exec` and is judged as a shell text.
 */
export function classifyExec(text: string): ExecKind {
  const words = onlyCommand(text);
  const [first, ...rest] = words ?? [];
  switch (first?.value) {
    case 'scp':
      return scp(rest);
    case 'rsync':
      return rsync(rest);
    case 'git-upload-pack':
    case 'git-receive-pack':
    case 'git-upload-archive':
      return git(first.value.slice('git-'.length) as 'upload-pack', rest);
    case '/usr/lib/openssh/sftp-server':
    case '/usr/libexec/openssh/sftp-server':
    case '/usr/libexec/sftp-server':
    case 'sftp-server':
      return rest.length === 0 ? { kind: 'sftp' } : exec;
    default:
      return exec;
  }
}

/** The words of a text that is one command without anything that runs, leads elsewhere or is set. */
function onlyCommand(text: string): FoldedWord[] | undefined {
  if (text.length > maxTextLength || /[\0\ufffd\n]/.test(text)) return undefined;
  try {
    const [command, ...more] = readWholeProgram(new Source(text));
    if (more.length > 0 || command?.type !== 'simple' || !isPlain(command)) return undefined;
    // What the client asks for must be what the shell is given: `scp -t x &` and `scp -t x #` are not what scp sends.
    if (/[;&|]|\s#/.test(text.replaceAll(/'[^']*'|"[^"]*"|\\./g, ''))) return undefined;
    return command.words.flatMap(foldWord);
  } catch (error) {
    if (error instanceof NotUnderstood) return undefined;
    throw error;
  }
}

function isPlain({ assignments, words, redirections }: SimpleCommand): boolean {
  return assignments.length + redirections.length === 0 && words.every(({ programs }) => programs.length === 0);
}

/** A path of the client's. Only its last words may be what the target's shell resolves: one word that cannot become an option. */
function pathWord(word: FoldedWord | undefined): word is FoldedWord {
  return (
    word !== undefined &&
    word.value !== '' &&
    !word.isSplit &&
    !word.prefix.startsWith('-') &&
    (word.value !== null || word.prefix !== '')
  );
}

/** OpenSSH's scp.c: `scp [-v] [-r] [-p] [-d] -t|-f [--] PATH`. */
function scp(words: readonly FoldedWord[]): ExecKind {
  const flags = new Set<string>();
  let at = 0;
  for (; /^-[vrpdtfq]$/.test(words[at]?.value ?? ''); at += 1) flags.add(words[at]?.value ?? '');
  const hasMark = words[at]?.value === '--';
  if (hasMark) at += 1;
  const [word, ...more] = words.slice(at);
  const isUpload = flags.has('-t');
  if (more.length > 0 || isUpload === flags.has('-f') || word === undefined) return exec;
  // Behind the mark a dash is a part of the name.
  if (!pathWord(hasMark ? { ...word, prefix: `./${word.prefix}` } : word)) return exec;
  return {
    kind: 'scp',
    direction: isUpload ? 'upload' : 'download',
    isRecursive: flags.has('-r'),
    isPreserving: flags.has('-p'),
    isFolder: flags.has('-d'),
    path: pathOf(word),
  };
}

/** Letters of rsync's own short options between client and server (options.c, server_options), without -s: with it the words travel in the stream. */
const rsyncLetters = /^-[vqblLkKHogtDpPAXxSWriucdnIyzROUNEWJh]*(e\d*\.\d*[A-Za-z]*)?$/;
const rsyncLong =
  /^--(bwlimit=\d+|timeout=\d+|partial|inplace|append|append-verify|numeric-ids|log-format=[%A-Za-z]*|out-format=.*|list-only|ignore-errors|force|max-delete=\d+|max-size=\w+|min-size=\w+|modify-window=-?\d+|checksum-seed=\d+|checksum-choice=\w+|compress-level=\d+|compress-choice=\w+|new-compress|old-compress|existing|ignore-existing|ignore-non-existing|size-only|safe-links|munge-links|copy-unsafe-links|no-implied-dirs|no-relative|no-r|stats|delay-updates|fuzzy|block-size=\d+|sparse|open-noatime|skip-compress=[\w/]*|stop-at=.*|super|fake-super|usermap=.*|groupmap=.*|backup|suffix=[^/]*|delete(-before|-during|-after|-delay|-excluded|-missing-args)?|ignore-missing-args|remove-source-files|msgs2stderr|no-msgs2stderr|mkpath|trust-sender)$/;

/** rsync's `rsync --server [--sender] LETTERS [OPTIONS] . PATH…` (options.c, server_options). */
function rsync(words: readonly FoldedWord[]): ExecKind {
  const values = words.map(({ value }) => value);
  if (values[0] !== '--server') return exec;
  const isSender = values[1] === '--sender';
  const mark = values.indexOf('.');
  const options = values.slice(isSender ? 2 : 1, mark);
  const paths = words.slice(mark + 1);
  if (mark === -1 || paths.length === 0 || !paths.every(pathWord)) return exec;
  // Several letters come in one word, which is the first.
  if (
    !options.every(
      (option, at) => option !== null && (rsyncLong.test(option) || (at === 0 && rsyncLetters.test(option))),
    )
  )
    return exec;
  return {
    kind: 'rsync',
    direction: isSender ? 'download' : 'upload',
    isRemoving: options.some((option) => /^--(delete|remove-source-files)/.test(option ?? '')),
    paths: paths.map(pathOf),
  };
}

/** git's connect.c: `git-upload-pack 'PATH'`. */
function git(service: 'upload-pack' | 'receive-pack' | 'upload-archive', words: readonly FoldedWord[]): ExecKind {
  const [word, ...more] = words;
  if (more.length > 0 || !pathWord(word)) return exec;
  // git resolves ~ and ~user itself, behind its quotes.
  const isHome = word.value?.startsWith('~') === true;
  const path = isHome && !/^~(\/|$)/.test(word.prefix) ? unknownWord : { ...word, isHome };
  return { kind: 'git', service, direction: service === 'receive-pack' ? 'upload' : 'download', path: pathOf(path) };
}
