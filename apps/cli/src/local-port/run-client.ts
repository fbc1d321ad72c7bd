import type { OpenSessionResponse } from '@weir/api';
import type { Cli } from '../cli.ts';
import { runProgram } from '../terminal/run-program.ts';
import { clientEnvironment } from './client-settings.ts';

/** Runs a client on a local port. @returns its exit status. @throws WeirError invalid_request when it cannot be started. */
export function runClient(
  cli: Cli,
  command: readonly string[],
  opened: OpenSessionResponse,
  port: number,
): Promise<number> {
  const [program = '', ...args] = command;
  return runProgram(cli, program, args, clientEnvironment(cli.env, opened, port));
}
