import type { FoldedWord } from '../fold/fold-word.ts';
import type { Handler } from './invocation.ts';
import { operandsOf } from './options.ts';

type Direction = 'upload' | 'download' | 'list' | 'change';

/** Changes after which a name leads nowhere, or elsewhere. */
const replacing = new Set(['rm', 'rmdir', 'unlink', 'shred', 'ln', 'link', 'rename']);

/** How many words in front are no files, and what happens to the rest. */
const simple: Readonly<Record<Direction, readonly string[]>> = {
  download: [
    ...[
      'cat',
      'tac',
      'head',
      'tail',
      'nl',
      'od',
      'xxd',
      'hexdump',
      'strings',
      'wc',
      'uniq',
      'cut',
      'paste',
      'join',
      'comm',
    ],
    ...[
      'cmp',
      'diff',
      'sdiff',
      'rev',
      'fold',
      'fmt',
      'column',
      'base64',
      'base32',
      'md5sum',
      'sha1sum',
      'sha256sum',
      'sha512sum',
    ],
    ...[
      'cksum',
      'b2sum',
      'zcat',
      'bzcat',
      'xzcat',
      'zstdcat',
      'file',
      'look',
      'shuf',
      'expand',
      'unexpand',
      'pr',
      'iconv',
    ],
    ...['less', 'more', 'most', 'view', 'readelf', 'objdump', 'nm', 'bat', 'batcat'],
  ],
  list: ['ls', 'dir', 'vdir', 'stat', 'du', 'tree', 'readlink', 'realpath', 'lsattr', 'getfacl', 'exa', 'eza'],
  change: ['rm', 'rmdir', 'unlink', 'mkdir', 'mkfifo', 'mknod', 'shred', 'ln', 'link', 'chattr', 'rename'],
  upload: [
    'tee',
    'touch',
    'truncate',
    'split',
    'csplit',
    'vi',
    'vim',
    'nvim',
    'nano',
    'ed',
    'emacs',
    'sponge',
    'fallocate',
  ],
};

/** The first operand says what to do: a pattern, a mode, an owner. */
const behindFirst: Readonly<Record<string, Direction>> = {
  grep: 'download',
  egrep: 'download',
  fgrep: 'download',
  zgrep: 'download',
  rg: 'download',
  jq: 'download',
  yq: 'download',
  chmod: 'change',
  chown: 'change',
  chgrp: 'change',
  setfacl: 'change',
};

/** Reads the first ones, writes the last one; -t names the folder to write to. */
const copying = new Set(['cp', 'mv', 'install', 'scp', 'rsync', 'gcp']);

const named =
  (direction: Direction, skip: number): Handler =>
  ({ program, words, findings }) => {
    for (const word of operandsOf(words).slice(skip)) {
      if (replacing.has(program)) findings.replaced(word);
      else findings.file(word, direction);
    }
  };

const copy: Handler = ({ program, words, findings }) => {
  const at = words.findIndex(({ value }) => /^(-[a-zA-Z]*t|--target-directory)$/.test(value ?? ''));
  const attached = words.find(({ prefix }) => prefix.startsWith('--target-directory='));
  const operands = operandsOf(at === -1 ? words : [...words.slice(0, at), ...words.slice(at + 2)]);
  const target = attached !== undefined ? cut(attached) : at === -1 ? operands.at(-1) : words[at + 1];
  const sources = attached !== undefined || at !== -1 ? operands : operands.slice(0, -1);
  for (const word of sources) {
    if (program === 'mv') findings.replaced(word);
    else findings.file(word, 'download');
  }
  if (target === undefined) return;
  findings.file(target, 'upload');
  if (program === 'mv' && findings.path(target) === '/dev/null')
    findings.destructive('mv to /dev/null removes what is moved.');
};

/** What stands behind `name=`. */
function cut(word: FoldedWord): FoldedWord {
  return cutAt(word, word.prefix.indexOf('=') + 1);
}

function cutAt(word: FoldedWord, length: number): FoldedWord {
  return { ...word, value: word.value?.slice(length) ?? null, prefix: word.prefix.slice(length) };
}

/** `-o` names where the sorted lines go: `-o FILE`, `-noFILE`, `--output FILE`, `--output=FILE`. */
const sort: Handler = ({ words, findings }) => {
  const option = /^(-[bdfgiMhnRrVcCmsuz]*o|--output(=|$))/;
  for (const [at, word] of words.entries()) {
    const name = option.exec(word.prefix)?.[0];
    if (name === undefined) continue;
    const rest = cutAt(word, name.length);
    findings.file(rest.value === '' ? (words[at + 1] ?? rest) : rest, 'upload');
  }
  for (const word of operandsOf(words)) findings.file(word, 'download');
};

const dd: Handler = ({ program, words, findings }) => {
  for (const word of words) {
    const { prefix } = word;
    if (prefix.startsWith('if=')) findings.file(cut(word), 'download');
    else if (prefix.startsWith('of=')) {
      findings.file(cut(word), 'upload');
      findings.destructive('dd with of= writes over a file or a device.');
    } else if (word.value === null) findings.destructive(`A word of ${program} is computed and may be of=.`);
  }
};

/** `-f` and `-o` name the archive; with -x files are written, else read. */
const archive: Handler = ({ program, words, findings }) => {
  const [first] = words;
  const isBare = first?.value !== null && first?.value?.startsWith('-') === false;
  const mode = isBare ? (first?.value ?? '') : '';
  const extracts = /x/.test(mode) || words.some(({ value }) => /^-[^-]*x|^--(extract|get)/.test(value ?? ''));
  const lists = /t/.test(mode) || words.some(({ value }) => /^-[^-]*t|^--list/.test(value ?? ''));
  const unpacks = program !== 'tar' || extracts;
  for (const word of operandsOf(isBare ? words.slice(1) : words))
    findings.file(word, unpacks || lists ? 'download' : 'upload');
  if (unpacks && !lists) findings.file({ value: null, prefix: '', isSplit: true, isHome: false }, 'upload');
};

/** Programs whose words are files. */
export const files: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ...Object.entries(simple).flatMap(([direction, programs]) =>
    programs.map((program): [string, Handler] => [program, named(direction as Direction, 0)]),
  ),
  ...Object.entries(behindFirst).map(([program, direction]): [string, Handler] => [program, named(direction, 1)]),
  ...[...copying].map((program): [string, Handler] => [program, copy]),
  ['dd', dd],
  ['sort', sort],
  ...['tar', 'unzip', 'cpio', 'gunzip', 'gzip', 'bzip2', 'xz', 'zstd', '7z'].map((program): [string, Handler] => [
    program,
    archive,
  ]),
]);
