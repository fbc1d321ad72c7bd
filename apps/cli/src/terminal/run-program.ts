import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { WeirError } from '@weir/errors';
import type { Cli } from '../cli.ts';

/**
 * Runs a program on this terminal. Ctrl-C is the program's own: the terminal sends it to both, and only the program acts on it; SIGTERM and SIGHUP
 * are passed on. @returns its exit status, 128 + n when signal n ended it (as shells do). @throws WeirError invalid_request when it cannot start.
 */
export function runProgram(
  cli: Cli,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env });
    cli.onSignal = (signal) => {
      if (signal !== 'SIGINT') child.kill(signal);
    };
    child.once('error', (cause) => {
      cli.onSignal = undefined;
      const isAbsent = (cause as NodeJS.ErrnoException).code === 'ENOENT';
      reject(
        new WeirError('invalid_request', `The program "${program}" cannot be started.`, {
          why: isAbsent ? 'It is not on PATH.' : cause.message,
          fix: 'Install it, or give its full path.',
          cause,
        }),
      );
    });
    child.once('exit', (status, signal) => {
      cli.onSignal = undefined;
      resolve(status ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
