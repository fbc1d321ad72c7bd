import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { printList } from '../terminal/output.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

/** `weir ls` */
export function addLs(program: Command, cli: Cli): void {
  leaf(program, 'ls', 'List the connections that you may see', ['weir ls', "weir ls --json | jq -r '.[].name'"]).action(
    act(cli, async (options: CommonOptions) => {
      printList(cli, options, {
        items: await signedIn(cli).api.listConnections(),
        columns: [
          ['name', ({ name }) => name],
          ['protocol', ({ protocol }) => protocol],
          ['database', ({ database }) => database ?? ''],
          ['agent', ({ agent, agentOnline }) => `${agent} (${agentOnline ? 'online' : 'offline'})`],
          ['labels', ({ labels }) => labelsOf(labels)],
          ['access', ({ allowed, reason }) => (allowed ? 'allowed' : `no: ${reason}`)],
        ],
        empty: 'There are no connections that you may see.',
      });
    }),
  );
}

function labelsOf(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
}
