import { readFileSync } from 'node:fs';
import { text as readAll } from 'node:stream/consumers';
import { WeirError } from '@weir/errors';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { note, printJson, printList } from '../terminal/output.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

interface KeyOptions extends CommonOptions {
  readonly user?: string;
  readonly label?: string;
}

/** `weir ssh-keys` */
export function addSshKeys(program: Command, cli: Cli): void {
  const keys = program.command('ssh-keys').description('Keys that sign you in at the SSH listener without weir login');
  withUser(leaf(keys, 'ls', 'List keys', ['weir ssh-keys ls', 'weir ssh-keys ls --user alice'])).action(
    act(cli, async (options: KeyOptions) => {
      const { api } = signedIn(cli);
      const { user } = options;
      printList(cli, options, {
        items: await (user === undefined ? api.listSshKeys() : api.listSshKeysOf(user)),
        columns: [
          ['id', ({ id }) => id],
          ['label', ({ label }) => label],
          ['type', ({ type }) => type],
          ['fingerprint', ({ fingerprint }) => fingerprint],
          ['added', ({ createdAt }) => createdAt],
          ['by', ({ createdBy }) => createdBy],
          ['last used', ({ lastUsedAt }) => lastUsedAt],
          ['from', ({ lastUsedFrom }) => lastUsedFrom],
        ],
        empty: 'There is no key. Add one: weir ssh-keys add ~/.ssh/id_ed25519.pub',
      });
    }),
  );
  withUser(
    leaf(keys, 'add', 'Register a public key, right after signing in', [
      'weir ssh-keys add ~/.ssh/id_ed25519.pub',
      'ssh-add -L | head -1 | weir ssh-keys add - --label laptop',
    ])
      .argument('<file>', 'the public key; - reads standard input')
      .option('--label <text>', "what it is called (default: the key's comment)"),
  ).action(
    act(cli, async (file: string, options: KeyOptions) => {
      const { api } = signedIn(cli);
      const publicKey = (file === '-' ? await readAll(cli.stdin) : readKey(file)).trim();
      const { label, user } = options;
      const request = { publicKey, ...(label === undefined ? {} : { label }) };
      const added = await (user === undefined ? api.addSshKey(request) : api.addSshKeyOf(user, request));
      if (options.json === true) printJson(cli, added);
      else note(cli, `Added ${added.id}: ${added.label} (${added.fingerprint}).`);
    }),
  );
  withUser(
    leaf(keys, 'rm', 'Remove a key; sessions that it opened end', ['weir ssh-keys rm sshkey_ab12cd34ef']).argument(
      '<id>',
      'its id in weir ssh-keys ls',
    ),
  ).action(
    act(cli, async (id: string, options: KeyOptions) => {
      const { api } = signedIn(cli);
      await (options.user === undefined ? api.removeSshKey(id) : api.removeSshKeyOf(options.user, id));
      if (options.json === true) printJson(cli, { removed: id });
      else note(cli, `Removed ${id}.`);
    }),
  );
}

function withUser(command: Command): Command {
  return command.option('--user <name>', 'of this account instead of your own (administrators)');
}

function readKey(path: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    if (!text.includes('PRIVATE KEY')) return text;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WeirError('invalid_request', `The file ${path} cannot be read.`, { why, fix: 'Check the path.', cause });
  }
  throw new WeirError('invalid_request', `${path} is a private key: it stays with you.`, { fix: `Give ${path}.pub` });
}
