import type { NewServiceKey, PutServiceAccountRequest, ServiceAccount } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { note, printJson, printLine, printList, printRecord } from '../terminal/output.ts';
import { act, type CommonOptions, collect, leaf } from './leaf.ts';
import { lifeOf } from './life.ts';

interface AccountOptions extends CommonOptions {
  readonly group?: readonly string[];
  readonly clearGroups?: boolean;
  readonly owner?: string;
  readonly aiAgent?: boolean;
  readonly description?: string;
}

interface KeyOptions extends CommonOptions {
  readonly for?: string;
  readonly label?: string;
  readonly group?: readonly string[];
  readonly connection?: readonly string[];
  readonly overlap?: string;
}

/** `weir service-accounts` */
export function addServiceAccounts(program: Command, cli: Cli): void {
  const accounts = program
    .command('service-accounts')
    .description('Accounts of services and AI agents, and their keys (administrators)');
  addReading(accounts, cli);
  addChanging(accounts, cli);
  addKeys(accounts, cli);
}

function addReading(accounts: Command, cli: Cli): void {
  leaf(accounts, 'ls', 'List service accounts (administrators, auditors)', ['weir service-accounts ls']).action(
    act(cli, async (options: CommonOptions) => {
      printList(cli, options, {
        items: await signedIn(cli).api.listServiceAccounts(),
        columns: [
          ['name', ({ name }) => name],
          ['kind', ({ kind }) => kind],
          ['owner', ({ owner }) => owner],
          ['rule', ({ rule }) => rule],
          ['state', stateOf],
          ['groups', ({ groups }) => groups.join(' ')],
          ['last sign-in', ({ lastSignInAt }) => lastSignInAt],
        ],
        empty: 'There is no service account. Add one: weir service-accounts add NAME',
      });
    }),
  );
  leaf(accounts, 'show', 'Show one service account (administrators, auditors)', ['weir service-accounts show reporter'])
    .argument('<name>', 'name of the account')
    .action(
      act(cli, async (name: string, options: CommonOptions) =>
        printAccount(cli, options, await signedIn(cli).api.showServiceAccount(name)),
      ),
    );
}

function addChanging(accounts: Command, cli: Cli): void {
  withFlags(
    leaf(accounts, 'add', 'Add a service account; you answer for it unless you name somebody else', [
      'weir service-accounts add reporter --group analysts',
      'weir service-accounts add helper --ai-agent --owner bob',
    ]),
  ).action(
    act(cli, async (name: string, options: AccountOptions) => {
      const change = changeOf(options);
      printAccount(cli, options, await signedIn(cli).api.putServiceAccount(name, { ...change, only: 'add' }));
    }),
  );
  withFlags(
    leaf(accounts, 'set', 'Change a service account; what is not given stays', [
      'weir service-accounts set reporter --owner carol',
    ]),
  )
    .option('--clear-groups', 'leave the account no groups')
    .action(
      act(cli, async (name: string, options: AccountOptions) => {
        const change = changeOf(options);
        if (Object.keys(change).length === 0) {
          throw new WeirError('invalid_request', 'Nothing to change is given.', {
            fix: 'See: weir service-accounts set --help',
          });
        }
        printAccount(cli, options, await signedIn(cli).api.putServiceAccount(name, { ...change, only: 'change' }));
      }),
    );
  const states = [
    ['disable', true, 'Disable a service account; its sessions end', 'Disabled'],
    ['enable', false, 'Let a disabled service account work again', 'Enabled'],
  ] as const;
  for (const [word, disabled, description, done] of states) {
    leaf(accounts, word, description, [`weir service-accounts ${word} reporter`])
      .argument('<name>', 'name of the account')
      .action(
        act(cli, async (name: string, options: CommonOptions) => {
          const account = await signedIn(cli).api.putServiceAccount(name, { disabled, only: 'change' });
          if (options.json === true) printJson(cli, account);
          else note(cli, `${done} ${name}.`);
        }),
      );
  }
  leaf(accounts, 'rm', 'Delete a service account with its keys; its sessions end', [
    'weir service-accounts rm reporter',
  ])
    .argument('<name>', 'name of the account')
    .action(
      act(cli, async (name: string, options: CommonOptions) => {
        await signedIn(cli).api.deleteServiceAccount(name);
        if (options.json === true) printJson(cli, { removed: name });
        else note(cli, `Removed ${name}.`);
      }),
    );
}

function addKeys(accounts: Command, cli: Cli): void {
  const keys = accounts.command('keys').description('Keys of a service account');
  leaf(keys, 'ls', 'List keys, without the keys themselves', ['weir service-accounts keys ls reporter'])
    .argument('<name>', 'name of the account')
    .action(
      act(cli, async (name: string, options: CommonOptions) => {
        printList(cli, options, {
          items: await signedIn(cli).api.listServiceKeys(name),
          columns: [
            ['id', ({ id }) => id],
            ['label', ({ label }) => label],
            ['state', ({ state }) => state],
            ['expires', ({ expiresAt }) => expiresAt],
            ['last used', ({ lastUsedAt }) => lastUsedAt],
            ['from', ({ lastUsedFrom }) => lastUsedFrom],
            ['groups', ({ groups }) => groups?.join(' ') ?? 'all'],
            ['connections', ({ connections }) => connections?.join(' ') ?? 'all'],
          ],
          empty: `There is no key. Make one: weir service-accounts keys add ${name}`,
        });
      }),
    );
  leaf(keys, 'add', 'Make a key; it is printed this once', [
    'weir service-accounts keys add reporter --for 30d --connection orders > key',
  ])
    .argument('<name>', 'name of the account')
    .option('--for <time>', 'how long it works: 1h to 90d', '30d')
    .option('--label <text>', 'what it is for', 'made by weir')
    .option('--group <name>', 'only this group of the account; may be given several times', collect)
    .option('--connection <glob>', 'only for these connections; may be given several times', collect)
    .action(
      act(cli, async (name: string, { for: life = '30d', label = 'made by weir', ...options }: KeyOptions) => {
        const { group, connection } = options;
        const scope = {
          ...(group === undefined ? {} : { groups: [...group] }),
          ...(connection === undefined ? {} : { connections: [...connection] }),
        };
        const body = { label, seconds: lifeOf(life), ...scope };
        printKey(cli, options, name, await signedIn(cli).api.createServiceKey(name, body));
      }),
    );
  leaf(keys, 'rotate', 'Make a key like this one, which ends soon; the new one is printed this once', [
    'weir service-accounts keys rotate reporter key_abcd2345 --overlap 1h > key',
  ])
    .argument('<name>', 'name of the account')
    .argument('<id>', 'id of the key')
    .option('--overlap <time>', 'how long the old one still works: up to 7d', '1h')
    .option('--for <time>', 'how long the new one works (default: as long as the old one did)')
    .action(
      act(cli, async (name: string, id: string, { overlap = '1h', for: life, ...options }: KeyOptions) => {
        const seconds = life === undefined ? {} : { seconds: lifeOf(life) };
        const body = { overlapSeconds: lifeOf(overlap), ...seconds };
        printKey(cli, options, name, await signedIn(cli).api.rotateServiceKey(name, id, body));
      }),
    );
  leaf(keys, 'revoke', 'End a key and all that was opened by it', [
    'weir service-accounts keys revoke reporter key_abcd2345',
  ])
    .argument('<name>', 'name of the account')
    .argument('<id>', 'id of the key')
    .action(
      act(cli, async (name: string, id: string, options: CommonOptions) => {
        await signedIn(cli).api.revokeServiceKey(name, id);
        if (options.json === true) printJson(cli, { revoked: id });
        else note(cli, `Revoked ${id}.`);
      }),
    );
}

function withFlags(command: Command): Command {
  return command
    .argument('<name>', 'name of the account')
    .option('--group <name>', 'a group; may be given several times; replaces all', collect)
    .option('--owner <name>', 'the person who answers for it; without one its keys open nothing')
    .option('--ai-agent', 'it is an AI agent, not a service')
    .option('--no-ai-agent', 'it is a service')
    .option('--description <text>', 'what it is for; empty = none');
}

function changeOf({
  group,
  clearGroups = false,
  owner,
  aiAgent,
  description,
}: AccountOptions): PutServiceAccountRequest {
  if (clearGroups && group !== undefined) {
    throw new WeirError('invalid_request', '--group and --clear-groups exclude each other.', {
      fix: '--group alone replaces what was there.',
    });
  }
  const groups = clearGroups ? [] : group;
  return {
    ...(groups === undefined ? {} : { groups: [...groups] }),
    ...(owner === undefined ? {} : { owner }),
    ...(aiAgent === undefined ? {} : { kind: aiAgent ? 'ai-agent' : 'service' }),
    ...(description === undefined ? {} : { description: description === '' ? null : description }),
  };
}

function stateOf({ disabled, owner, rule }: ServiceAccount): string {
  if (disabled) return 'disabled';
  return owner === null && rule === null ? 'nobody answers for it' : 'enabled';
}

function printAccount(cli: Cli, options: CommonOptions, account: ServiceAccount): void {
  printRecord(cli, options, account, [
    ['name', account.name],
    ['id', account.id],
    ['kind', account.kind],
    ['description', account.description],
    ['owner', account.owner],
    ['trust rule', account.rule],
    ['state', stateOf(account)],
    ['groups', account.groups.join(' ')],
    ['added', account.createdAt],
    ['last sign-in', account.lastSignInAt],
  ]);
}

/** The key alone on standard output, so that it can go where it belongs. */
function printKey(cli: Cli, options: CommonOptions, name: string, made: NewServiceKey): void {
  if (options.json === true) {
    printJson(cli, made);
    return;
  }
  printLine(cli, made.key);
  note(cli, `This is the key ${made.id} of ${name}, until ${made.expiresAt}. Nobody can show it again.`);
  note(cli, 'A service signs in by it: WEIR_SERVICE_KEY=… weir login --ci --gateway URL');
}
