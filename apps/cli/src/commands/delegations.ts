import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { note, printJson, printList } from '../terminal/output.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';
import { lifeOf } from './life.ts';

/** `weir delegations` */
export function addDelegations(program: Command, cli: Cli): void {
  const delegations = program.command('delegations').description('Let services and AI agents act for you, for a while');
  leaf(delegations, 'ls', 'Who may act for you now', ['weir delegations ls']).action(
    act(cli, async (options: CommonOptions) => {
      printList(cli, options, {
        items: await signedIn(cli).api.listDelegations(),
        columns: [
          ['id', ({ id }) => id],
          ['acts', ({ service }) => service],
          ['for', ({ person }) => person],
          ['until', ({ expiresAt }) => expiresAt],
        ],
        empty: 'Nobody acts for you. Let somebody: weir delegations add NAME --for 1h',
      });
    }),
  );
  leaf(delegations, 'add', 'Let a service or an AI agent act for you', ['weir delegations add helper --for 1h'])
    .argument('<name>', 'name of its account')
    .requiredOption('--for <time>', 'how long: 1m to 30d')
    .action(
      act(cli, async (to: string, options: CommonOptions & { readonly for: string }) => {
        const made = await signedIn(cli).api.createDelegation({ to, seconds: lifeOf(options.for) });
        if (options.json === true) return printJson(cli, made);
        note(cli, `${to} may act for you until ${made.expiresAt}. End it: weir delegations end ${made.id}`);
      }),
    );
  leaf(delegations, 'end', 'Let nobody act for you by this any more; sessions that do end', [
    'weir delegations end dlg_abcd2345',
  ])
    .argument('<id>', 'id of the delegation')
    .action(
      act(cli, async (id: string, options: CommonOptions) => {
        await signedIn(cli).api.revokeDelegation(id);
        if (options.json === true) printJson(cli, { ended: id });
        else note(cli, `Ended ${id}.`);
      }),
    );
}
