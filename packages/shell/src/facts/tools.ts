import { type FoldedWord, fixedWord, mayBeOption, unknownWord } from '../fold/fold-word.ts';
import type { Handler } from './invocation.ts';
import { hasOption, operandsOf, readOptions } from './options.ts';

/** find(1): its actions start programs and write files. */
const find: Handler = ({ words, findings, run }) => {
  if (words.some((word) => word.value === null && mayBeOption(word)))
    findings.opaque('A word of find is computed and may be an action.');
  for (let at = 0; at < words.length; at += 1) {
    const action = words[at]?.value ?? '';
    if (/^-(exec|execdir|ok|okdir)$/.test(action)) {
      const rest = words.slice(at + 1);
      const end = rest.findIndex(
        ({ value }, index) => value === ';' || (value === '+' && rest[index - 1]?.value === '{}'),
      );
      if (end === -1) return findings.opaque('A command that find starts has no end.');
      run(rest.slice(0, end).map(filled), { type: 'client' });
      at += end + 1;
    } else if (/^-(fprint|fprint0|fprintf|fls)$/.test(action)) {
      findings.file(words[at + 1] ?? unknownWord, 'upload');
    } else if (action === '-delete') findings.destructive('find -delete removes what it finds.');
    else if (action === '-files0-from') findings.opaque('find reads where to begin from a file.');
  }
  for (const word of words) {
    if (word.value?.startsWith('-') === true || /^[(!,)]$/.test(word.value ?? '')) break;
    findings.file(word, 'list');
  }
};

function filled(word: FoldedWord): FoldedWord {
  const at = word.value?.indexOf('{}') ?? -1;
  return at === -1 ? word : { value: null, prefix: word.value?.slice(0, at) ?? '', isSplit: at === 0, isHome: false };
}

/** awk's own ways out: system, pipes, getline, files, libraries. */
const awk: Handler = ({ program, words, findings }) => {
  const options = readOptions(words, { values: 'Fv', longValues: ['field-separator', 'assign'] });
  const [code, ...files] = options?.operands ?? [];
  if (code?.value === undefined || code.value === null)
    return findings.opaque(`The program that ${program} runs is not in its first word, or computed.`);
  const text = code.value.replaceAll('||', '');
  // A `>` behind print leads to a file; a name in front of a parenthesis may be called through a variable (gawk's @f()).
  if (/system|\||getline|@|close|fflush/.test(text) || /print[^;}\n]*>/.test(text))
    return findings.opaque(`A program of ${program} reads files, writes files or starts programs.`);
  for (const file of files) if (file.value === null || !/^\w+=/.test(file.value)) findings.file(file, 'download');
};

const address = String.raw`(?:\d+|\$|/(?:[^/\\\n]|\\[^\n])*/I?)`;
const substitution = [...'/|#,:@!%_'].map((mark) => {
  const quoted = `\\${mark}`
    .replace('\\_', '_')
    .replace('\\:', ':')
    .replace('\\,', ',')
    .replace('\\@', '@')
    .replace('\\!', '!')
    .replace('\\%', '%')
    .replace('\\#', '#');
  const body = String.raw`(?:[^${quoted}\\\n]|\\[^\n])*`;
  return `[sy]${quoted}${body}${quoted}${body}${quoted}[gpIi0-9]*`;
});
const command = String.raw`(?:${address}(?:\s*,\s*(?:${address}|\+\d+))?)?\s*!?\s*(?:[dDpPnNgGhHxq=]|${substitution.join('|')})?`;
const understood = new RegExp(String.raw`^\s*${command}(?:\s*[;\n]\s*${command})*\s*$`);

/** sed(1): scripts of addresses, s, y and one-letter commands are understood; e, w, r and the rest are not. */
const sed: Handler = ({ words, findings }) => {
  const options = readOptions(words, {
    flags: 'nrEsuz',
    values: 'e',
    attached: 'i',
    longFlags: ['quiet', 'silent', 'regexp-extended', 'separate', 'null-data', 'sandbox', 'posix'],
    longValues: ['expression'],
  });
  if (options === undefined) return findings.opaque('An option of sed is computed or not known.');
  const given = words.filter(({ value }) => value?.startsWith('-e') || value?.startsWith('--expression'));
  const option = options.found.get('e') ?? options.found.get('expression');
  const [first, ...rest] = options.operands;
  const script = option ?? first;
  const text = script === undefined || script === true ? null : script.value;
  if (text === null || given.length > 1 || text.length > 4096 || !understood.test(text))
    findings.opaque('A script of sed is computed, or does more than to change lines.');
  const files = option === undefined ? rest : options.operands;
  // Options may stand behind.
  if (hasOption(files, 'fei', ['file', 'expression', 'in-place']))
    findings.opaque('An option of sed stands behind its script.');
  const inPlace = options.found.has('i');
  for (const file of files) findings.file(file, inPlace ? 'upload' : 'download');
};

const destructiveGit: readonly [command: RegExp, letters: string, longs: readonly string[], why: string][] = [
  [
    /^push$/,
    'fd',
    ['force', 'force-with-lease', 'mirror', 'delete', 'prune'],
    'git push with these options removes what others have pushed.',
  ],
  [/^reset$/, '', ['hard', 'merge'], 'git reset --hard throws changes away.'],
  [/^clean$/, 'f', ['force'], 'git clean removes files.'],
  [/^(checkout|switch)$/, 'f', ['force', 'discard-changes'], 'git throws changes away.'],
  [/^branch$/, 'dDM', ['delete', 'force'], 'git branch removes branches.'],
  [/^tag$/, 'd', ['delete'], 'git tag removes tags.'],
  [/^stash$/, '', [], ''],
  [/^(update-ref|symbolic-ref)$/, 'd', ['delete'], 'git removes names.'],
  [/^(gc|prune)$/, '', ['prune'], 'git removes objects.'],
];

const plainGit = new Set([
  ...[
    'add',
    'am',
    'annotate',
    'apply',
    'blame',
    'branch',
    'cat-file',
    'check-ignore',
    'checkout',
    'cherry',
    'cherry-pick',
    'clean',
  ],
  ...[
    'clone',
    'commit',
    'count-objects',
    'describe',
    'diff',
    'diff-tree',
    'fetch',
    'for-each-ref',
    'format-patch',
    'fsck',
    'gc',
  ],
  ...[
    'grep',
    'hash-object',
    'help',
    'init',
    'log',
    'ls-files',
    'ls-remote',
    'ls-tree',
    'merge',
    'merge-base',
    'mv',
    'notes',
  ],
  ...[
    'prune',
    'pull',
    'push',
    'range-diff',
    'reflog',
    'remote',
    'reset',
    'restore',
    'rev-list',
    'rev-parse',
    'revert',
    'rm',
  ],
  ...[
    'shortlog',
    'show',
    'show-ref',
    'sparse-checkout',
    'stash',
    'status',
    'switch',
    'symbolic-ref',
    'tag',
    'update-ref',
  ],
  ...['version', 'whatchanged', 'worktree', 'write-tree'],
]);

/** git(1): settings, aliases and some options start programs. */
const git: Handler = ({ words, findings }) => {
  const options = readOptions(words, {
    flags: 'pPh',
    values: 'C',
    longFlags: ['version', 'help', 'no-pager', 'bare', 'no-replace-objects', 'literal-pathspecs', 'no-optional-locks'],
    longValues: ['git-dir', 'work-tree', 'namespace'],
  });
  if (options === undefined)
    return findings.opaque('An option of git is computed, sets what git does, or is not known.');
  const [first, ...rest] = options.operands;
  if (first === undefined) return;
  const name = first.value;
  if (name === null || !plainGit.has(name))
    return findings.opaque('A command of git is computed, starts programs, or is not known.');
  if (options.found.has('git-dir')) findings.opaque('git with a folder of settings of its own may start programs.');
  const starting = [
    'upload-pack',
    'receive-pack',
    'exec',
    'open-files-in-pager',
    'ext-diff',
    'template',
    'config',
    'strategy',
  ];
  // `-u` is upload-pack to clone, `-c` sets to it, `-O` opens pagers for grep, `-x` runs for rebase.
  const letters = { clone: 'uc', grep: 'O', 'ls-remote': 'u' }[name] ?? '';
  if (hasOption(rest, letters, starting) || rest.some(({ prefix }) => prefix.includes('::')))
    findings.opaque(`git ${name} with these words can start other programs.`);
  for (const [command, options, longs, why] of destructiveGit)
    if (command.test(name) && why !== '' && hasOption(rest, options, longs)) findings.destructive(why);
  if (name === 'push' && rest.some(({ prefix }) => /^[+:]/.test(prefix)))
    findings.destructive('git push of a name with + or : removes what others have pushed.');
  if (name === 'stash' && rest.some(({ value }) => value === 'drop' || value === 'clear' || value === null))
    findings.destructive('git stash throws changes away.');
};

/** curl and wget write and send files. */
const curl: Handler = ({ words, findings }) => {
  for (const [at, word] of words.entries()) {
    const text = word.value ?? word.prefix;
    const next = words[at + 1] ?? unknownWord;
    if (/^(-[A-Za-z]*o|--output|--output-dir|-[A-Za-z]*D|--dump-header|--cookie-jar|-[A-Za-z]*c)$/.test(text))
      findings.file(next, 'upload');
    else if (/^(-[A-Za-z]*O|--remote-name.*|-[A-Za-z]*J)$/.test(text)) findings.file(unknownWord, 'upload');
    else if (/^(-[A-Za-z]*T|--upload-file)$/.test(text)) findings.file(next, 'download');
    else if (/^-o.|^--output=/.test(text)) findings.file(fixedWord(text.replace(/^(-o|--output=)/, '')), 'upload');
    else if (/^-T.|^--upload-file=/.test(text))
      findings.file(fixedWord(text.replace(/^(-T|--upload-file=)/, '')), 'download');
    else if (/^(@|[^=]*=[@<]|--?[\w-]+=?@)/.test(text))
      findings.file(fixedWord(text.slice(text.search(/[@<]/) + 1)), 'download');
    else if (/^file:/i.test(text)) findings.file(fixedWord(text.replace(/^file:\/*/i, '/')), 'download');
    if (word.value === null && mayBeOption(word)) findings.file(unknownWord, 'upload');
  }
};

const wget: Handler = ({ words, findings }) => {
  const options = ['output-document', 'output-file', 'append-output', 'directory-prefix'];
  const named = words.some((word, at) => {
    const match = /^(-O|-o|-a|--output-document=?|--output-file=?)(.*)$/.exec(word.value ?? '');
    if (match === null) return false;
    findings.file(match[2] ? fixedWord(match[2]) : (words[at + 1] ?? unknownWord), 'upload');
    return true;
  });
  if (!named || hasOption(words, 'P', options)) findings.file(unknownWord, 'upload');
  for (const word of words) {
    const match = /^--(?:post-file|body-file|input-file)=(.*)$/.exec(word.value ?? '');
    if (match !== null) findings.file(fixedWord(match[1] ?? ''), 'download');
  }
};

/** crontab FILE, crontab -. */
const crontab: Handler = ({ words, findings }) => {
  if (hasOption(words, 'r')) findings.destructive('crontab -r removes all timed jobs.');
  if (!hasOption(words, 'l') || operandsOf(words).length > 0 || hasOption(words, 'e'))
    if (!hasOption(words, 'r')) findings.opaque('crontab starts programs later, outside this session.');
};

/** Containers: what runs within is not judged. */
const containers: Handler = ({ program, words, findings }) => {
  const operands = operandsOf(words).map(({ value }) => value);
  if (words.some((word) => word.value === null && mayBeOption(word)))
    findings.opaque(`A word of ${program} is computed and may be a command.`);
  const starting =
    /^(exec|run|create|build|buildx|cp|attach|start|restart|compose|stack|service|swarm|plugin|debug|apply|patch|edit|port-forward|proxy|replace|config|set|rollout|upgrade|install|load|import|commit|context)$/;
  if (operands.some((operand) => operand !== null && starting.test(operand)))
    findings.opaque(`${program} starts or changes what runs elsewhere, which is not analysed.`);
};

/** Programs of which the words say what they start. */
export const tools: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['find', find],
  ['gfind', find],
  ['awk', awk],
  ['gawk', awk],
  ['mawk', awk],
  ['nawk', awk],
  ['original-awk', awk],
  ['sed', sed],
  ['gsed', sed],
  ['git', git],
  ['curl', curl],
  ['wget', wget],
  ['crontab', crontab],
  ['docker', containers],
  ['podman', containers],
  ['nerdctl', containers],
  ['crictl', containers],
  ['kubectl', containers],
  ['oc', containers],
  ['helm', containers],
]);
