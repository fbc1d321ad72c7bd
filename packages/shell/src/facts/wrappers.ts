import type { FoldedWord } from '../fold/fold-word.ts';
import type { Handler, Invocation } from './invocation.ts';
import { type OptionSpec, type Options, readOptions } from './options.ts';
import { setsDangerousVariable } from './variables.ts';

/** A program that starts another one. */
interface Wrapper extends OptionSpec {
  /** Operands in front of the program. Default 0. */
  readonly skip?: number;
  /** Options (letters or long names) whose value is a text for a shell. */
  readonly texts?: readonly string[];
  /** Options with which no program is started. */
  readonly harmless?: readonly string[];
  /** Options with which an editor is started. */
  readonly editing?: readonly string[];
  /** Why nothing can be known when no program is named; undefined = then it does nothing. */
  readonly alone?: string;
  /** Why the effect cannot be known in any case. */
  readonly opaque?: string;
  /** The words are one text for a shell. */
  readonly isText?: boolean;
  /** What the program gets behind its words is known when it runs. */
  readonly isFed?: boolean;
}

const shell = 'starts a shell that reads commands nobody has seen';
const elsewhere = 'starts a program in surroundings that are not known';

const table: Readonly<Record<string, Wrapper>> = {
  sudo: {
    flags: 'ABbEeHiKklNnPSsVv',
    values: 'CDghpRrTtuU',
    longFlags: [
      ...['askpass', 'background', 'bell', 'preserve-env', 'edit', 'help', 'login', 'remove-timestamp', 'list'],
      ...[
        'reset-timestamp',
        'no-update',
        'non-interactive',
        'preserve-groups',
        'stdin',
        'shell',
        'version',
        'validate',
      ],
      'set-home',
    ],
    longValues: ['close-from', 'chdir', 'group', 'host', 'prompt', 'chroot', 'role', 'type', 'command-timeout', 'user'],
    hasAssignments: true,
    editing: ['e', 'edit'],
    harmless: ['l', 'list', 'v', 'validate', 'V', 'version', 'k', 'K', 'help', 'remove-timestamp', 'reset-timestamp'],
    alone: shell,
  },
  doas: { flags: 'Lns', values: 'aCu', alone: shell },
  env: {
    flags: 'i0v',
    values: 'uC',
    longFlags: ['ignore-environment', 'null', 'debug', 'block-signal', 'default-signal', 'ignore-signal'],
    longValues: ['unset', 'chdir'],
    hasAssignments: true,
  },
  nohup: {},
  nice: { flags: '0123456789', values: 'n', longValues: ['adjustment'] },
  ionice: {
    flags: 't',
    values: 'cnpPu',
    longFlags: ['ignore'],
    longValues: ['class', 'classdata', 'pid', 'pgid', 'uid'],
  },
  chrt: { flags: 'abdfiomrRv', values: 'pTPD', skip: 1 },
  taskset: { flags: 'ac', values: 'p', skip: 1 },
  numactl: {
    attached: 'CNmip',
    longFlags: ['all'],
    longValues: ['cpunodebind', 'membind', 'interleave', 'physcpubind'],
  },
  prlimit: { longFlags: ['nofile', 'nproc', 'cpu', 'as', 'core', 'fsize'], attached: 'nuvcf' },
  timeout: {
    flags: 'vfp',
    values: 'ks',
    longFlags: ['foreground', 'preserve-status', 'verbose'],
    longValues: ['kill-after', 'signal'],
    skip: 1,
  },
  time: {
    flags: 'apqvV',
    values: 'fo',
    longFlags: ['append', 'portability', 'verbose'],
    longValues: ['format', 'output'],
  },
  xargs: {
    flags: '0oprtx',
    values: 'adEILnPs',
    attached: 'eil',
    longFlags: ['null', 'open-tty', 'interactive', 'no-run-if-empty', 'verbose', 'exit', 'show-limits'],
    longValues: ['arg-file', 'delimiter', 'replace', 'max-lines', 'max-args', 'max-procs', 'max-chars'],
    isFed: true,
  },
  watch: {
    flags: 'bcCdegrtwx',
    values: 'nqs',
    longFlags: ['beep', 'color', 'differences', 'errexit', 'chgexit', 'precise', 'no-title', 'no-wrap', 'exec'],
    longValues: ['interval'],
    isText: true,
  },
  setsid: { flags: 'cfw', longFlags: ['ctty', 'fork', 'wait'] },
  stdbuf: { values: 'ioe', longValues: ['input', 'output', 'error'] },
  busybox: {},
  toybox: {},
  chroot: { longFlags: ['skip-chdir'], longValues: ['groups', 'userspec'], skip: 1, alone: shell, opaque: elsewhere },
  nsenter: {
    attached: 'mpuinUCTt',
    values: 'tSGr',
    longFlags: ['all'],
    longValues: ['target'],
    alone: shell,
    opaque: elsewhere,
  },
  unshare: {
    attached: 'mpuinUCT',
    flags: 'frc',
    values: 'SGRw',
    longFlags: ['fork', 'map-root-user', 'mount', 'pid', 'net', 'user', 'uts', 'ipc', 'mount-proc'],
    alone: shell,
    opaque: elsewhere,
  },
  'systemd-run': {
    flags: 'tPqrGd',
    values: 'pEMuH',
    longFlags: ['pty', 'pipe', 'scope', 'user', 'wait', 'collect', 'quiet', 'no-block', 'system', 'same-dir'],
    longValues: ['unit', 'property', 'setenv', 'slice', 'uid', 'gid', 'on-calendar', 'on-active', 'description'],
    opaque: 'starts a program that goes on outside this session',
  },
  script: {
    flags: 'aefq',
    values: 'cEmoBIOTt',
    longFlags: ['append', 'return', 'flush', 'force', 'quiet'],
    longValues: ['command', 'echo', 'log-in', 'log-out', 'log-io', 'log-timing', 'output-limit'],
    texts: ['c', 'command'],
    alone: shell,
    skip: 9,
  },
  flock: {
    flags: 'seoxnuFv',
    values: 'wEc',
    longFlags: ['shared', 'exclusive', 'unlock', 'nonblock', 'close', 'no-fork', 'verbose'],
    longValues: ['timeout', 'wait', 'conflict-exit-code', 'command'],
    texts: ['c', 'command'],
    skip: 1,
  },
  strace: { flags: 'fFqrtTvVxyiCcdDhwkYzZ', values: 'aeEIoOpPsSubX', hasAssignments: false },
  ltrace: { flags: 'cfhirStTV', values: 'aDeFlnopsuxA' },
  exec: { flags: 'cl', values: 'a' },
  command: { flags: 'pvV', harmless: ['v', 'V'] },
  builtin: {},
  coproc: {},
  fakeroot: { flags: 'hv', values: 'lsi', longFlags: ['unknown-is-real'], alone: shell },
  eatmydata: {},
  chronic: { flags: 'ev' },
  unbuffer: { flags: 'p' },
  'dbus-run-session': { longValues: ['config-file'] },
  'xvfb-run': {
    flags: 'al',
    values: 'efnpsw',
    longFlags: ['auto-servernum'],
    longValues: ['server-args', 'server-num'],
  },
  setpriv: {
    longFlags: ['no-new-privs', 'clear-groups', 'keep-groups', 'init-groups', 'reset-env', 'dump'],
    longValues: ['reuid', 'regid', 'groups', 'inh-caps', 'ambient-caps', 'bounding-set', 'securebits', 'pdeathsig'],
  },
  'ssh-agent': { flags: 'csdDk', values: 'aEtOP', harmless: ['k'] },
  // Words that other shells have in front of commands.
  noglob: {},
  nocorrect: {},
  repeat: { skip: 1 },
  and: {},
  or: {},
  not: {},
  begin: {},
};

function wrap(name: string, wrapper: Wrapper): Handler {
  return (invocation) => {
    const { findings, words } = invocation;
    if (wrapper.opaque !== undefined) findings.opaque(`${name} ${wrapper.opaque}.`);
    const options = readOptions(words, wrapper);
    if (options === undefined) {
      findings.opaque(`An option of ${name} is computed or not known, so it is not known what it starts.`);
      return;
    }
    for (const variable of options.assignments)
      if (setsDangerousVariable(variable)) findings.opaque(`It sets ${variable}, which changes what programs do.`);
    const has = (names: readonly string[] = []): boolean => names.some((option) => options.found.has(option));
    if (has(wrapper.editing)) findings.opaque(`${name} starts an editor, which can start any program.`);
    else if (!has(wrapper.harmless) && !runsText(invocation, name, wrapper, options))
      startBehind(invocation, name, wrapper, options);
  };
}

function startBehind(invocation: Invocation, name: string, wrapper: Wrapper, options: Options): void {
  const { findings } = invocation;
  const skipped = options.operands.slice(0, wrapper.skip ?? 0);
  if (skipped.some(({ isSplit }) => isSplit))
    findings.opaque(`A word behind ${name} is computed, so it is not known what it starts.`);
  const rest = options.operands.slice(skipped.length);
  if (rest.length > 0) start(invocation, name, wrapper, options, rest);
  else if (wrapper.alone !== undefined) findings.opaque(`${name} ${wrapper.alone}.`);
}

/** Does an option hold a text for a shell? */
function runsText(
  { findings, runText }: Invocation,
  name: string,
  wrapper: Wrapper,
  { found, operands }: Options,
): boolean {
  const text = wrapper.texts?.map((option) => found.get(option)).find((value) => value !== undefined);
  // flock takes -c behind its file, too.
  const late =
    wrapper.texts !== undefined && /^(-c|--command)$/.test(operands[1]?.value ?? '') ? operands[2] : undefined;
  const code = text ?? late;
  if (code === undefined) return false;
  if (code === true || code.value === null) findings.opaque(`The text that ${name} runs is computed.`);
  else runText(code.value);
  return true;
}

function start(
  { findings, run, runText, stdin }: Invocation,
  name: string,
  wrapper: Wrapper,
  { found }: Options,
  rest: readonly FoldedWord[],
): void {
  if (wrapper.isText === true && !found.has('x') && !found.has('exec')) {
    const text = rest.map(({ value }) => value);
    if (text.includes(null)) findings.opaque(`The text that ${name} runs is computed.`);
    else runText(text.join(' '));
    return;
  }
  if (wrapper.isFed !== true) {
    run(rest, stdin);
    return;
  }
  const mark = found.get('I') ?? found.get('replace') ?? found.get('i');
  const replaced = mark === undefined ? undefined : mark === true ? '{}' : (mark.value ?? '');
  const unknown = { value: null, prefix: '', isSplit: true, isHome: false } as const;
  // With a mark, what is read takes the mark's place; without, it follows.
  const filled = rest.map(
    (word): FoldedWord =>
      replaced !== undefined && word.value?.includes(replaced) === true
        ? { ...unknown, prefix: word.value.slice(0, word.value.indexOf(replaced)), isSplit: false }
        : word,
  );
  run(replaced === undefined ? [...filled, unknown] : filled, { type: 'client' });
}

/** Programs that start the program behind their options. */
export const wrappers: ReadonlyMap<string, Handler> = new Map(
  Object.entries(table).map(([name, wrapper]) => [name, wrap(name, wrapper)]),
);
