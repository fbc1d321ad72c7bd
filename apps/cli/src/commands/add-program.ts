import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { WeirError } from '@weir/errors';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { runProgram } from '../terminal/run-program.ts';
import { act } from './leaf.ts';

/** Relayed results pass through the young generation; a small one is collected too often under load. */
const serverFlags = ['--max-semi-space-size=32'];

/** A command that hands over to a program of its own beside this one. */
export interface ProgramCommand {
  readonly app: 'agent' | 'gateway';
  readonly name: string;
  readonly description: string;
  readonly usage: string;
  readonly examples: readonly string[];
  /** Arguments in front of the caller's. */
  readonly passed: readonly string[];
}

/** Adds the command; the program runs under the same Node and its exit status is ours. */
export function addProgram(parent: Command, cli: Cli, command: ProgramCommand): void {
  parent
    .command(command.name)
    .description(command.description)
    .argument('[arguments...]', command.usage)
    .allowUnknownOption()
    .addHelpText('after', `\nExamples:\n${command.examples.map((example) => `  $ ${example}`).join('\n')}`)
    .action(
      act(cli, async (args: string[]) => {
        const path = fileURLToPath(new URL(`../../../${command.app}/dist/main.js`, import.meta.url));
        if (!existsSync(path)) {
          throw new WeirError('invalid_request', `The ${command.app} is not built.`, {
            why: `There is no ${path}.`,
            fix: 'npm start builds it.',
          });
        }
        return runProgram(cli, process.execPath, [...serverFlags, path, ...command.passed, ...args], cli.env);
      }),
    );
}
