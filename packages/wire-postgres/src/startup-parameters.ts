/** A start-up parameter that is not passed on, and why in the user's words. */
export interface RefusedParameter {
  readonly name: string;
  readonly why: string;
}

/** What of a client's start-up parameters reaches the target. */
export interface AdmittedParameters {
  /** By the server's spelling of the name. Parameters given by `options` are here under their own names. */
  readonly admitted: Readonly<Record<string, string>>;
  readonly refused: readonly RefusedParameter[];
}

const allowed = new Map(
  [
    ...[
      'user',
      'database',
      'application_name',
      'client_encoding',
      'DateStyle',
      'TimeZone',
      'IntervalStyle',
      'extra_float_digits',
    ],
    ...[
      'search_path',
      'statement_timeout',
      'lock_timeout',
      'idle_in_transaction_session_timeout',
      'bytea_output',
      'geqo',
    ],
  ].map((name) => [name.toLowerCase(), name]),
);
/** Names that belong to the connection itself and cannot come by `options`. */
const notByOptions = new Set(['user', 'database']);
const maxValueLength = 1024;

type Verdict = { readonly name: string; readonly value: string | null } | string;

/** Judges one parameter. @returns name and value to pass on (value null = leave out), or why not */
function judge(name: string, value: string): Verdict {
  const lower = name.toLowerCase();
  if (value.length > maxValueLength) return `its value is longer than ${maxValueLength} characters`;
  switch (lower) {
    case 'client_encoding':
      return /^(utf-?8|unicode)$/i.test(value.replaceAll(/['"\s]/g, ''))
        ? { name: lower, value: 'UTF8' }
        : `only UTF8 is supported, not ${value}`;
    case 'standard_conforming_strings':
      return isOn(value) ? { name: lower, value: null } : 'it must stay on, because statements are judged with it';
    case 'replication':
      return isOff(value) ? { name: lower, value: null } : 'replication is not supported through this gate';
    case 'role':
    case 'session_authorization':
      return 'the role is chosen by the connection';
  }
  const known = allowed.get(lower);
  return known === undefined
    ? 'it is not on the list of parameters that may be set at start-up'
    : { name: known, value };
}

function isOn(value: string): boolean {
  return /^(on|true|yes|1)$/i.test(value);
}

function isOff(value: string): boolean {
  return /^(off|false|no|0)$/i.test(value);
}

/** Splits `options` at blanks; a backslash takes the next character as it is (libpq, "options"). */
function splitOptions(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (char === '\\' && i + 1 < text.length) {
      i++;
      word = (word ?? '') + text[i]!;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (word !== null) words.push(word);
  return words;
}

/** `-c NAME=VALUE`, `-cNAME=VALUE` and `--NAME=VALUE`. @returns undefined when there is anything else */
function tryOptions(text: string): [string, string][] | undefined {
  const settings: [string, string][] = [];
  const words = splitOptions(text);
  for (let i = 0; i < words.length; i++) {
    let word = words[i]!;
    if (word === '-c') word = words[++i] ?? '';
    else if (word.startsWith('-c')) word = word.slice(2);
    else if (word.startsWith('--')) word = word.slice(2);
    else return undefined;
    const equals = word.indexOf('=');
    if (equals <= 0) return undefined;
    settings.push([word.slice(0, equals).replaceAll('-', '_'), word.slice(equals + 1)]);
  }
  return settings;
}

/** Applies the allow-list to the parameters of a StartupMessage. Anything refused is a reason to refuse the connection. */
export function admitStartupParameters(parameters: Readonly<Record<string, string>>): AdmittedParameters {
  const admitted = new Map<string, string>();
  const refused: RefusedParameter[] = [];
  const take = (name: string, value: string) => {
    const verdict = judge(name, value);
    if (typeof verdict === 'string') refused.push({ name, why: verdict });
    else if (verdict.value !== null) admitted.set(verdict.name, verdict.value);
  };
  // The server applies options first, so that a parameter of its own wins.
  const options = parameters['options'];
  const settings = options === undefined ? [] : tryOptions(options);
  if (settings === undefined) refused.push({ name: 'options', why: 'only -c NAME=VALUE is supported in it' });
  for (const [name, value] of settings ?? []) {
    if (notByOptions.has(name.toLowerCase()))
      refused.push({ name: `options: ${name}`, why: 'it cannot be set by options' });
    else take(name, value);
  }
  for (const [name, value] of Object.entries(parameters)) if (name !== 'options') take(name, value);
  return { admitted: Object.fromEntries(admitted), refused };
}
