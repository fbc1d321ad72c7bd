import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addProgram } from './add-program.ts';

/** `weir gateway` */
export function addGateway(program: Command, cli: Cli): void {
  const gateway = program.command('gateway').description('Run a gateway');
  addProgram(gateway, cli, {
    app: 'gateway',
    name: 'run',
    description: 'Serve people and agents until stopped',
    usage: '--config FILE; with --check only the file is checked',
    examples: ['weir gateway run --config gateway.yaml', 'weir gateway run --config gateway.yaml --check'],
    passed: [],
  });
}
