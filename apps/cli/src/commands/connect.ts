import { WeirError } from '@weir/errors';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

interface ConnectOptions extends CommonOptions {
  readonly port?: string;
}

/** `weir connect` */
export function addConnect(program: Command, cli: Cli): void {
  leaf(program, 'connect', 'Open a session and a local port for any PostgreSQL client', [
    'weir connect orders',
    'weir connect orders -- psql',
    'weir connect orders --port 25432 --json',
    'weir connect orders -- pg_dump --schema-only',
  ])
    .argument('<name>', 'connection')
    .argument('[command...]', 'after --: run this client with PG* set, and end with it')
    .option('--port <n>', 'local port (default: one that stays the same for the connection, or the next free one)')
    .action(
      act(cli, async (connection: string, command: string[], options: ConnectOptions) => {
        const port = options.port === undefined ? undefined : parsePort(options.port);
        const { runConnect } = await import('../local-port/run-connect.ts');
        return runConnect(cli, { connection, command, port, json: options.json === true });
      }),
    );
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new WeirError('invalid_request', `"${text}" is not a port.`, {
    fix: 'Use a number from 1 to 65535, or 0 for any.',
  });
}
