import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { note, printJson, printList } from '../terminal/output.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';
import { secondsOf } from './new-request.ts';

/** `weir agent ca` */
export function addAgentAuthorities(agent: Command, cli: Cli): void {
  const ca = agent.command('ca').description("The gateway's CAs, which sign agents and the gateway's own certificate");
  leaf(ca, 'ls', 'List the CAs, oldest first (administrators, auditors)', ['weir agent ca ls']).action(
    act(cli, async (options: CommonOptions) => {
      printList(cli, options, {
        items: await signedIn(cli).api.listAuthorities(),
        columns: [
          ['SHA-256', ({ id }) => id],
          ['state', ({ state }) => state],
          ['made by', ({ createdBy }) => createdBy],
          ['made', ({ createdAt }) => createdAt],
          ['dropped', ({ retiresAt }) => retiresAt],
          ['agents that still need it', ({ agents }) => agents.join(' ') || null],
        ],
        empty: 'There is no CA.',
      });
    }),
  );
  leaf(ca, 'rotate', 'Replace the CA; both are trusted for a while, then the old one is dropped (administrators)', [
    'weir agent ca rotate',
    'weir agent ca rotate --overlap 2h',
  ])
    .option('--overlap <time>', 'how long both are trusted: 30m, 2h, 7d', '7d')
    .action(
      act(cli, async (options: CommonOptions & { overlap: string }) => {
        const { api } = signedIn(cli);
        const made = await api.rotateAuthority({ overlapSeconds: secondsOf(options.overlap) });
        if (options.json === true) return printJson(cli, made);
        const leaving = (await api.listAuthorities()).find(({ state }) => state === 'leaving');
        note(cli, `The new CA is ${made.id}.`);
        note(
          cli,
          `The old one is dropped at ${leaving?.retiresAt ?? ''}; agents that do not connect until then must enrol anew.`,
        );
        note(cli, 'See which agents still need it: weir agent ca ls');
      }),
    );
}
