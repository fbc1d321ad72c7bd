import type { PutUserRequest, User } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { askPassword, type PasswordOptions } from '../terminal/ask-password.ts';
import { note, printJson, printList, printRecord } from '../terminal/output.ts';
import { readInput } from '../terminal/prompt.ts';
import { act, type CommonOptions, collect, leaf } from './leaf.ts';

interface PersonOptions extends CommonOptions, PasswordOptions {
  readonly group?: readonly string[];
  readonly role?: readonly string[];
  readonly displayName?: string;
  readonly email?: string;
  readonly emergency?: boolean;
  readonly clearGroups?: boolean;
  readonly clearRoles?: boolean;
  readonly password?: boolean;
}

/** `weir users` */
export function addUsers(program: Command, cli: Cli): void {
  const users = program.command('users').description('Accounts of people (administrators), and your own password');
  addReading(users, cli);
  addAdding(users, cli);
  addSetting(users, cli);
  addStates(users, cli);
  addLinks(users, cli);
  addIdentities(users, cli);
  leaf(users, 'password', 'Choose a new password for your own account; ends all your sign-ins', ['weir users password'])
    .option('--password-stdin', 'read the present and the new password from two lines of standard input')
    .action(act(cli, (options: CommonOptions & PasswordOptions) => changeOwn(cli, options)));
}

function addReading(users: Command, cli: Cli): void {
  leaf(users, 'ls', 'List accounts (administrators, auditors)', ['weir users ls']).action(
    act(cli, async (options: CommonOptions) => {
      printList(cli, options, {
        items: await signedIn(cli).api.listUsers(),
        columns: [
          ['name', ({ name }) => name],
          ['shown as', ({ displayName }) => displayName],
          ['source', ({ source }) => source],
          ['state', stateOf],
          ['groups', ({ effectiveGroups }) => effectiveGroups.join(' ')],
          ['roles', ({ effectiveRoles }) => effectiveRoles.join(' ')],
          ['last sign-in', ({ lastSignInAt }) => lastSignInAt],
        ],
        empty: 'There is no account. Add one: weir users add NAME',
      });
    }),
  );
  leaf(users, 'show', 'Show one account (administrators, auditors)', ['weir users show alice'])
    .argument('<name>', 'name of the account')
    .action(
      act(cli, async (name: string, options: CommonOptions) =>
        printUser(cli, options, await signedIn(cli).api.showUser(name)),
      ),
    );
}

function addAdding(users: Command, cli: Cli): void {
  withFlags(
    leaf(users, 'add', 'Add an account with a password; asks for it', [
      'weir users add alice --group developers',
      'weir users add root --role admin --emergency',
      'pwgen 20 1 | weir users add bob --role auditor --password-stdin',
    ]),
  )
    .option('--password-stdin', 'read the password from the first line of standard input')
    .action(
      act(cli, async (name: string, options: PersonOptions) => {
        const { api } = signedIn(cli);
        const password = await askPassword(cli, options, `Password of ${name}: `);
        printUser(cli, options, await api.putUser(name, { ...changeOf(options), password, only: 'add' }));
      }),
    );
}

function addSetting(users: Command, cli: Cli): void {
  withFlags(
    leaf(users, 'set', 'Change an account; what is not given stays', [
      'weir users set alice --group developers --group on-call',
      'weir users set alice --role auditor',
      'weir users set alice --clear-roles',
      'weir users set alice --password',
    ]),
  )
    .option('--no-emergency', 'not for emergencies any more')
    .option('--clear-groups', 'leave the account no groups of its own')
    .option('--clear-roles', 'leave the account no roles of its own')
    .option('--password', 'ask for a new password; ends what the account is signed in to')
    .option('--password-stdin', 'read a new password from the first line of standard input')
    .action(
      act(cli, async (name: string, options: PersonOptions) => {
        const { api } = signedIn(cli);
        const change = changeOf(options);
        const isPasswordNew = options.password === true || options.passwordStdin === true;
        if (Object.keys(change).length === 0 && !isPasswordNew) {
          throw new WeirError('invalid_request', 'Nothing to change is given.', { fix: 'See: weir users set --help' });
        }
        const password = isPasswordNew ? await askPassword(cli, options, `New password of ${name}: `) : undefined;
        const more = password === undefined ? {} : { password };
        printUser(cli, options, await api.putUser(name, { ...change, ...more, only: 'change' }));
      }),
    );
}

function addStates(users: Command, cli: Cli): void {
  const states = [
    ['disable', true, 'Disable an account; ends its sessions and sign-ins', 'Disabled'],
    ['enable', false, 'Let a disabled account sign in again', 'Enabled'],
  ] as const;
  for (const [word, disabled, description, done] of states) {
    leaf(users, word, description, [`weir users ${word} alice`])
      .argument('<name>', 'name of the account')
      .action(
        act(cli, async (name: string, options: CommonOptions) => {
          const user = await signedIn(cli).api.putUser(name, { disabled, only: 'change' });
          if (options.json === true) printJson(cli, user);
          else note(cli, `${done} ${name}.`);
        }),
      );
  }
  leaf(users, 'reset-passkeys', 'Take all passkeys of somebody who has lost them', ['weir users reset-passkeys alice'])
    .argument('<name>', 'name of the account')
    .action(
      act(cli, async (name: string, options: CommonOptions) => {
        await signedIn(cli).api.resetPasskeys(name);
        if (options.json === true) printJson(cli, { reset: name });
        else note(cli, `${name} has no passkeys any more, and can add one right after signing in.`);
      }),
    );
  leaf(users, 'rm', 'Delete an account; ends its sessions and sign-ins', ['weir users rm alice'])
    .argument('<name>', 'name of the account')
    .action(
      act(cli, async (name: string, options: CommonOptions) => {
        await signedIn(cli).api.deleteUser(name);
        if (options.json === true) printJson(cli, { removed: name });
        else note(cli, `Removed ${name}.`);
      }),
    );
}

function addIdentities(users: Command, cli: Cli): void {
  leaf(users, 'identities', 'Show who an account is at identity providers', ['weir users identities alice'])
    .argument('<name>', 'name of the account')
    .action(
      act(cli, async (name: string, options: CommonOptions) => {
        printList(cli, options, {
          items: await signedIn(cli).api.listIdentities(name),
          columns: [
            ['provider', ({ provider }) => provider],
            ['subject', ({ subject }) => subject],
            ['groups', ({ groups }) => groups.join(' ')],
            ['last sign-in', ({ lastSignInAt }) => lastSignInAt],
            ['checked', ({ checkedAt }) => checkedAt],
            ['holds until', ({ confirmedUntil }) => confirmedUntil],
          ],
          empty: `${name} has not signed in by an identity provider.`,
        });
      }),
    );
  leaf(users, 'rm-identity', 'Take an identity off an account; ends its sessions and sign-ins', [
    'weir users rm-identity alice okta',
  ])
    .argument('<name>', 'name of the account')
    .argument('<provider>', 'name of the identity provider')
    .action(
      act(cli, async (name: string, provider: string, options: CommonOptions) => {
        await signedIn(cli).api.removeIdentity(name, provider);
        if (options.json === true) printJson(cli, { removed: { name, provider } });
        else note(cli, `${name} is nobody at ${provider} any more.`);
      }),
    );
}

function addLinks(users: Command, cli: Cli): void {
  leaf(users, 'link', 'Say that two accounts are one person, who then cannot approve what the other asks for', [
    'weir users link alice-admin alice',
  ])
    .argument('<name>', 'name of the account')
    .argument('<other>', 'the other account of the same person')
    .action(
      act(cli, async (name: string, other: string, options: CommonOptions) =>
        printUser(cli, options, await signedIn(cli).api.linkUser(name, other)),
      ),
    );
  leaf(users, 'unlink', 'Make an account a person of its own again', ['weir users unlink alice-admin'])
    .argument('<name>', 'name of the account')
    .action(
      act(cli, async (name: string, options: CommonOptions) =>
        printUser(cli, options, await signedIn(cli).api.unlinkUser(name)),
      ),
    );
}

function withFlags(command: Command): Command {
  return command
    .argument('<name>', 'name of the account')
    .option('--group <name>', 'a group; may be given several times; replaces all groups of its own', collect)
    .option('--role <role>', 'admin, policy-editor, approver or auditor; may be given several times', collect)
    .option('--display-name <text>', 'the name to show; empty = none')
    .option('--email <address>', 'e-mail address; empty = none')
    .option('--emergency', 'may sign in when local accounts are switched off; each sign-in is told');
}

function changeOf(options: PersonOptions): PutUserRequest {
  const { displayName, email, emergency } = options;
  const groups = listOf('group', options.group, options.clearGroups);
  const roles = listOf('role', options.role, options.clearRoles);
  return {
    ...(groups === undefined ? {} : { groups: [...groups] }),
    // The gateway knows which words are roles, and says so.
    ...(roles === undefined ? {} : { roles: [...roles] as NonNullable<PutUserRequest['roles']> }),
    ...(displayName === undefined ? {} : { displayName: displayName === '' ? null : displayName }),
    ...(email === undefined ? {} : { email: email === '' ? null : email }),
    ...(emergency === undefined ? {} : { emergency }),
  };
}

function listOf(word: string, given: readonly string[] | undefined, clear = false): readonly string[] | undefined {
  if (!clear) return given;
  if (given === undefined) return [];
  throw new WeirError('invalid_request', `--${word} and --clear-${word}s exclude each other.`, {
    fix: `--${word} alone replaces what was there.`,
  });
}

async function changeOwn(cli: Cli, options: CommonOptions & PasswordOptions): Promise<void> {
  const { api } = signedIn(cli);
  let [current = '', password = ''] = ['', ''];
  if (options.passwordStdin === true) [current = '', password = ''] = (await readInput(cli)).split(/\r?\n/, 2);
  else {
    current = await askPassword(cli, options, 'Present password: ');
    password = await askPassword(cli, options, 'New password: ');
    if ((await askPassword(cli, options, 'New password again: ')) !== password)
      throw new WeirError('invalid_request', 'The two new passwords differ.', { fix: 'Run the command again.' });
  }
  if (current === '' || password === '') {
    throw new WeirError('invalid_request', 'A password is missing.', {
      fix: 'Send the present password and the new one on two lines.',
    });
  }
  await api.changePassword({ current, password });
  if (options.json === true) printJson(cli, { changed: true });
  else note(cli, 'Changed. Sign in anew: weir login');
}

function stateOf({ disabled }: User): string {
  return disabled ? 'disabled' : 'enabled';
}

function printUser(cli: Cli, options: CommonOptions, user: User): void {
  printRecord(cli, options, user, [
    ['name', user.name],
    ['id', user.id],
    ['shown as', user.displayName],
    ['email', user.email],
    ['source', user.source],
    ['state', stateOf(user)],
    ['password', user.hasPassword ? 'set' : 'none'],
    ['for emergencies', user.emergency ? 'yes' : 'no'],
    ['own groups', user.groups.join(' ')],
    ['groups', user.effectiveGroups.join(' ')],
    ['own roles', user.roles.join(' ')],
    ['roles', user.effectiveRoles.join(' ')],
    ['linked to', user.linkedTo.join(' ')],
    ['added', user.createdAt],
    ['last sign-in', user.lastSignInAt],
  ]);
}
