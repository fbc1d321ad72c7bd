import type { Command } from 'commander';
import type { Cli } from '../cli.ts';

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  /** False with --no-input: never ask. */
  readonly input?: boolean;
}

/** Adds a command with the options that all have, and examples below its help. */
export function leaf(parent: Command, usage: string, description: string, examples: readonly string[]): Command {
  return parent
    .command(usage)
    .description(description)
    .option('--json', 'print JSON')
    .option('--no-input', 'never ask; fail when something is missing')
    .addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ ${example}`).join('\n')}`);
}

/** An action whose number, when it returns one, becomes the exit status. */
export function act<Args extends unknown[]>(
  cli: Cli,
  work: (...args: Args) => Promise<number | undefined> | Promise<void>,
): (...args: Args) => Promise<void> {
  return async (...args) => {
    const status = await work(...args);
    if (typeof status === 'number') cli.status = status;
  };
}

/** For options that may be given several times. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
