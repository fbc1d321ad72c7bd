import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addSshTrust } from './ssh-trust.ts';

/** `weir ssh` */
export function addSsh(program: Command, cli: Cli): void {
  const ssh = program.command('ssh').description('SSH hosts');
  addSshTrust(ssh, cli);
}
