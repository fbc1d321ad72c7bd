import { WeirError } from '@weir/errors';

/** What `weir ssh` was asked for, in the words of ssh(1). */
export interface SshArguments {
  /** Options for ssh, as they are. */
  readonly options: readonly string[];
  readonly connection: string;
  /** Empty = a shell. */
  readonly command: readonly string[];
}

/** Options of OpenSSH's ssh that take a value. */
const withValue = 'BbcDEeFIiJLlmOoPpQRSWw';

/** Options that would lead elsewhere, with what is true instead. */
const foreign: Readonly<Record<string, string>> = {
  l: 'The account at the host is that of the connection.',
  p: 'The port at the host is that of the connection.',
  J: 'The way leads through Weir; jump hosts behind it belong to the connection.',
};

/**
 * Reads `[ssh's options] HOST [ssh's options] [--] [COMMAND…]`.
 * @throws WeirError invalid_request when HOST is missing, or an option would lead elsewhere.
 */
export function parseSshArguments(args: readonly string[]): SshArguments {
  const rest = [...args];
  const options = takeOptions(rest);
  if (rest[0] === '--') rest.shift();
  const connection = rest.shift();
  if (connection === undefined) {
    throw new WeirError('invalid_request', 'The name of the host is missing.', {
      fix: 'weir ssh HOST [-- COMMAND]; weir ls shows the names',
    });
  }
  if (connection.includes('@')) {
    throw new WeirError('invalid_request', 'The account at the host is that of the connection.', {
      fix: `weir ssh ${connection.slice(connection.lastIndexOf('@') + 1)}`,
    });
  }
  options.push(...takeOptions(rest));
  if (rest[0] === '--') rest.shift();
  return { options, connection, command: rest };
}

/** Takes options and their values off the front. */
function takeOptions(rest: string[]): string[] {
  const taken: string[] = [];
  for (let word = rest[0]; word !== undefined && /^-[^-]/.test(word); word = rest[0]) {
    rest.shift();
    taken.push(word);
    // Flags may stand together; the first that takes a value takes the rest of the word, or the next word.
    const at = [...word].findIndex((letter, index) => index > 0 && withValue.includes(letter));
    const letter = at < 0 ? '' : (word[at] as string);
    const why = foreign[letter];
    if (why !== undefined) {
      throw new WeirError('invalid_request', `weir ssh takes no -${letter}.`, { why, fix: 'Leave it out.' });
    }
    if (at !== word.length - 1 || at < 0) continue;
    const value = rest.shift();
    if (value === undefined) {
      throw new WeirError('invalid_request', `The option -${letter} needs a value.`, { fix: 'man ssh' });
    }
    taken.push(value);
  }
  return taken;
}
