import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { printRecord } from '../terminal/output.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

/** `weir whoami` */
export function addWhoami(program: Command, cli: Cli): void {
  leaf(program, 'whoami', 'Show who is signed in, and where', ['weir whoami', 'weir whoami --json']).action(
    act(cli, async (options: CommonOptions) => {
      const { api, gateway } = signedIn(cli);
      const { user, groups, roles, expiresAt } = await api.whoami();
      printRecord(cli, options, { gateway: gateway.api, user, groups, roles, expiresAt }, [
        ['user', user],
        ['groups', groups.join(', ')],
        ['roles', roles.join(', ')],
        ['gateway', gateway.api],
        ['until', expiresAt],
      ]);
    }),
  );
}
