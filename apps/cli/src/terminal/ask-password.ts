import { WeirError } from '@weir/errors';
import type { Cli } from '../cli.ts';
import { askHidden, canAsk, readInput } from './prompt.ts';

/** Options of commands that take a password. */
export interface PasswordOptions {
  readonly passwordStdin?: boolean;
  readonly input?: boolean;
}

/** Asks for a password without showing it, or reads the first line of standard input. @throws WeirError invalid_request when neither is possible. */
export async function askPassword(cli: Cli, options: PasswordOptions, question: string): Promise<string> {
  let password: string;
  if (options.passwordStdin === true) password = (await readInput(cli)).split(/\r?\n/, 1)[0] ?? '';
  else if (canAsk(cli, options)) password = await askHidden(cli, question);
  else {
    throw new WeirError('invalid_request', 'The password cannot be asked for here.', {
      why: options.input === false ? '--no-input was given.' : 'This is no terminal.',
      fix: 'Send it on standard input: add --password-stdin < FILE',
    });
  }
  if (password !== '') return password;
  throw new WeirError('invalid_request', 'The password is empty.', { fix: 'Give the password.' });
}
