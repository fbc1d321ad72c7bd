import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { printRecord } from '../terminal/output.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

/** `weir status` */
export function addStatus(program: Command, cli: Cli): void {
  leaf(program, 'status', 'Show how the gateway and its agents are', ['weir status']).action(
    act(cli, async (options: CommonOptions) => {
      const { api, gateway } = signedIn(cli);
      const status = await api.status();
      const agents = status.agents.map(
        ({ name, online, version, lastSeenAt }) =>
          `${name} ${online ? `online, ${version ?? 'unknown version'}` : `offline, last seen ${lastSeenAt ?? 'never'}`}`,
      );
      printRecord(cli, options, status, [
        ['gateway', `${gateway.api}, version ${status.version}`],
        ['since', status.startedAt],
        ['agents', agents.join('\n') || 'none'],
        ['sessions', status.sessions],
        ['waiting requests', status.pendingRequests],
        ...(status.reviews.open === 0
          ? []
          : [['reviews of break-glass', `${status.reviews.open} open, ${status.reviews.overdue} overdue`] as const]),
        ['policy', status.policyVersion],
        ['evidence', `${status.journal.healthy ? 'healthy' : 'NOT HEALTHY'}, ${status.journal.entries} entries`],
      ]);
    }),
  );
}
