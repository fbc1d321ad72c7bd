import { type FoldedWord, mayBeOption } from '../fold/fold-word.ts';
import type { Handler, Invocation } from './invocation.ts';
import { hasOption, readOptions } from './options.ts';
import { setsDangerousVariable } from './variables.ts';

/** Shells that read what this package reads. Others have a grammar of their own. */
const posixShells = ['sh', 'bash', 'dash', 'ash', 'ksh', 'mksh', 'zsh', 'rbash', 'ksh93', 'lksh', 'busybox-sh'];
const otherShells = ['fish', 'csh', 'tcsh', 'rc', 'es', 'nu', 'xonsh', 'pwsh', 'elvish', 'yash', 'osh', 'ysh'];

/** `sh -c TEXT`, `sh FILE`, `sh` alone. */
const shell: Handler = ({ program, words, stdin, findings, runText }) => {
  if (words.some(({ value }) => value === '--version' || value === '--help')) return;
  const plain = words.filter(
    ({ value }) => value === null || !/^--(login|norc|noprofile|posix|noediting)$/.test(value),
  );
  const options = readOptions(plain.map(asMinus), { flags: 'cilrsaefhkmnpruvxBCEHPTt', values: 'oO' });
  if (options === undefined) {
    findings.opaque(`An option of ${program} is computed or not known, so it is not known what it runs.`);
    return;
  }
  const [first] = options.operands;
  if (options.found.has('c')) {
    if (first === undefined || first.value === null) findings.opaque(`The text that ${program} runs is computed.`);
    else runText(first.value);
  } else if (first !== undefined && !options.found.has('s')) {
    findings.opaque(`${program} runs a file of the target that nobody has looked at.`);
  } else if (stdin.type === 'text' && stdin.text !== null) runText(stdin.text);
  else findings.opaque(`${program} runs the commands that it reads, and nobody has seen them.`);
};

/** `+x` turns an option off; it reads as one. */
function asMinus(word: FoldedWord): FoldedWord {
  if (word.value === null || !/^\+[A-Za-z]/.test(word.value)) return word;
  const value = `-${word.value.slice(1)}`;
  return { ...word, value, prefix: value };
}

/** `su - USER -c TEXT`: options may stand behind the user. */
const switchUser: Handler = ({ program, words, findings, run, runText }) => {
  if (words.some(mayHide)) return findings.opaque(`An option of ${program} is computed.`);
  const texts = words.map(({ value }) => value ?? '');
  const at = texts.findIndex((text) => /^(-[a-z]*c|--command|--session-command)$/.test(text));
  const attached = texts.find((text) => /^--(command|session-command)=/.test(text));
  if (attached !== undefined) return runText(attached.slice(attached.indexOf('=') + 1));
  if (at !== -1) {
    const code = words[at + 1];
    if (code?.value === null) return findings.opaque(`The text that ${program} runs is computed.`);
    return runText(code?.value ?? '');
  }
  // runuser -u USER [--] PROGRAM: no shell.
  const user = texts.indexOf('-u');
  if (program === 'runuser' && user === 0) {
    const rest = words.slice(texts[2] === '--' ? 3 : 2);
    if (rest.length > 0 && rest[0]?.value?.startsWith('-') !== true) {
      run(rest);
      return;
    }
  }
  findings.opaque(`${program} starts a shell that reads commands nobody has seen.`);
};

function mayHide(word: FoldedWord): boolean {
  return word.value === null && mayBeOption(word);
}

/** `eval WORD…`: the words are one text. */
const evaluate: Handler = ({ words, findings, runText }) => {
  const texts = words.map(({ value }) => value);
  if (texts.includes(null)) findings.opaque('The text that eval runs is computed.');
  else runText(texts.filter((text, at) => at > 0 || text !== '--').join(' '));
};

const source: Handler = ({ program, findings }) =>
  findings.opaque(`${program} runs a file of the target that nobody has looked at.`);

/** `trap TEXT SIGNAL…`. */
const trap: Handler = ({ words, findings, runText }) => {
  const operands = words[0]?.value === '--' ? words.slice(1) : words;
  const [code] = operands;
  if (operands.length < 2 || code?.value === '-' || code?.value === '-l' || code?.value === '-p') return;
  if (code?.value === null) findings.opaque('The text that trap runs is computed.');
  else runText(code?.value ?? '');
};

/** Builtins that change what later words mean. */
const changing: Handler = ({ program, words, findings }) => {
  if (program === 'alias' && words.every(({ value }) => value !== null && !value.includes('='))) return;
  if (program === 'hash' && !hasOption(words, 'p')) return;
  if (program === 'mapfile' || program === 'readarray') {
    if (!hasOption(words, 'C')) return;
  }
  findings.opaque(`${program} changes what words behind it mean.`);
};

/** Builtins that set variables by name. Names with brackets may run what is in the brackets. */
const setting: Handler = ({ program, words, findings }) => {
  const takesPrinted = program === 'printf' ? printedNames(words) : words;
  for (const { value, prefix } of takesPrinted) {
    const name = /^[A-Za-z_]\w*/.exec(prefix)?.[0];
    if (value === null && (name === undefined || prefix === name))
      findings.opaque(`The name of the variable that ${program} sets is computed.`);
    else if (name !== undefined && setsDangerousVariable(name))
      findings.opaque(`It sets ${name}, which changes what programs do.`);
    if (evaluates(prefix)) findings.opaque(`${program} evaluates what stands in brackets.`);
  }
};

function evaluates(text: string): boolean {
  return text.includes('[') && /[$`]/.test(text);
}

/** `-v NAME`, in one word or two. */
function printedNames(words: readonly FoldedWord[]): FoldedWord[] {
  const [first, second] = words;
  if (first === undefined || first.value === null || !first.value.startsWith('-v')) return [];
  if (first.value === '-v') return second === undefined ? [] : [second];
  const value = first.value.slice(2);
  return [{ ...first, value, prefix: value }];
}

const letArithmetic: Handler = ({ findings }) =>
  findings.opaque('let evaluates what its variables hold, commands included.');

/** `test -v 'a[…]'` and numeric comparisons evaluate what stands in brackets. */
const test: Handler = ({ program, words, findings }) => {
  if (words.some(({ prefix }) => evaluates(prefix))) findings.opaque(`${program} evaluates what stands in brackets.`);
};

const setOptions: Handler = ({ program, words, findings }: Invocation) => {
  if (program !== 'set') findings.opaque(`${program} changes how the shell reads words.`);
  else if (words.some(({ value }) => value !== null && /^[-+][A-Za-z]*k/.test(value)))
    findings.opaque('set -k changes how the shell reads words.');
};

const all = (names: readonly string[], handler: Handler): [string, Handler][] => names.map((name) => [name, handler]);

const foreignShell: Handler = ({ program, findings }) =>
  findings.opaque(`${program} has a grammar of its own, which is not analysed.`);

/** Shells, and what is part of them. */
export const shells: ReadonlyMap<string, Handler> = new Map([
  ...all(posixShells, shell),
  ...all(otherShells, foreignShell),
  ...all(['su', 'runuser', 'sg'], switchUser),
  ...all(['eval'], evaluate),
  ...all(['source', '.'], source),
  ...all(['trap'], trap),
  ...all(
    [
      'alias',
      'hash',
      'enable',
      'complete',
      'compgen',
      'bind',
      'fc',
      'mapfile',
      'readarray',
      'zmodload',
      'autoload',
      'functions',
    ],
    changing,
  ),
  ...all(
    ['export', 'declare', 'typeset', 'local', 'readonly', 'read', 'unset', 'printf', 'getopts', 'setenv'],
    setting,
  ),
  ...all(['let'], letArithmetic),
  ...all(['test', '['], test),
  ...all(['set', 'shopt', 'setopt', 'unsetopt', 'emulate'], setOptions),
]);
