import { WeirError } from '@weir/errors';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { apiOf, signedIn } from '../gateway/api.ts';
import { isSshPurpose, sshPurposes } from '../gateway/ssh-purpose.ts';
import { resolveGateway } from '../profile/resolve-gateway.ts';
import { note, printJson, printLine, printList } from '../terminal/output.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';
import { secondsOf } from './new-request.ts';

/** `weir ssh ca` and `weir ssh host-keys`: what hosts and clients have to know of the gateway. */
export function addSshTrust(ssh: Command, cli: Cli): void {
  const ca = leaf(ssh, 'ca', "Print the CA that hosts trust; it signs the agents' sign-ins there", [
    'weir ssh ca > /etc/ssh/weir_ca.pub   # and in sshd_config: TrustedUserCAKeys /etc/ssh/weir_ca.pub',
    'weir ssh ca --users',
  ])
    .option('--users', 'the CA that signs people and machines, for the gateway itself')
    .option('--hosts', 'the CA that signs the gateway’s host keys')
    .action(
      act(cli, async (options: CommonOptions & { users?: boolean; hosts?: boolean }) => {
        const trust = await apiOf(resolveGateway(cli)).sshTrust();
        const { users, hosts } = options;
        const lines =
          users === true ? trust.userAuthorities : hosts === true ? trust.hostAuthorities : trust.targetAuthorities;
        if (options.json === true) return printJson(cli, { authorities: lines });
        for (const line of lines) printLine(cli, line);
      }),
    );
  addRotation(ca, cli);
  leaf(ssh, 'host-keys', "Print the gateway's lines for known_hosts", [
    'weir ssh host-keys >> ~/.ssh/known_hosts',
  ]).action(
    act(cli, async (options: CommonOptions) => {
      const { listener, hostKeys, hostAuthorities, knownHosts } = await apiOf(resolveGateway(cli)).sshTrust();
      if (options.json === true) return printJson(cli, { listener, hostKeys, hostAuthorities, knownHosts });
      if (listener === null) {
        throw new WeirError('not_found', 'The gateway does not listen for SSH.', {
          fix: 'Set ssh in its configuration.',
        });
      }
      for (const line of knownHosts) printLine(cli, line);
    }),
  );
}

function addRotation(ca: Command, cli: Cli): void {
  leaf(ca, 'ls', 'List the SSH CAs, oldest first (administrators, auditors)', ['weir ssh ca ls']).action(
    act(cli, async (options: CommonOptions) => {
      printList(cli, options, {
        items: await signedIn(cli).api.listSshAuthorities(),
        columns: [
          ['signs', ({ purpose }) => purpose],
          ['fingerprint', ({ id }) => id],
          ['state', ({ state }) => state],
          ['made by', ({ createdBy }) => createdBy],
          ['made', ({ createdAt }) => createdAt],
          ['dropped', ({ retiresAt }) => retiresAt],
        ],
        empty: 'There is no CA.',
      });
    }),
  );
  leaf(ca, 'rotate', 'Replace a CA; both are trusted for a while, then the old one is dropped (administrators)', [
    'weir ssh ca rotate targets --overlap 2d',
  ])
    .argument('<signs>', `whom it signs: ${sshPurposes.join(', ')}`)
    .option('--overlap <time>', 'how long both are trusted: 30m, 2h, 7d', '7d')
    .action(
      act(cli, async (purpose: string, options: CommonOptions & { overlap: string }) => {
        if (!isSshPurpose(purpose)) {
          throw new WeirError('invalid_request', `There is no CA for ${purpose}.`, {
            fix: `Name one of ${sshPurposes.join(', ')}.`,
          });
        }
        const { api } = signedIn(cli);
        const made = await api.rotateSshAuthority(purpose, { overlapSeconds: secondsOf(options.overlap) });
        if (options.json === true) return printJson(cli, made);
        note(cli, `The new CA is ${made.id}.`);
        note(cli, 'See when the old one is dropped: weir ssh ca ls');
        if (purpose === 'targets') note(cli, 'Give it to your hosts before that: weir ssh ca');
        if (purpose === 'hosts') note(cli, 'Give it to your clients before that: weir ssh host-keys');
      }),
    );
}
