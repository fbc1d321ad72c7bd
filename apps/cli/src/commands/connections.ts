import type { ConnectionSpecRequest } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { readConnectionSpecs, type SpecFlags, specOfFlags } from '../gateway/connection-spec.ts';
import { withNameAdvice } from '../gateway/name-advice.ts';
import { pinHostKeys, type UnknownHostKey } from '../gateway/pin-host-keys.ts';
import { askPassword } from '../terminal/ask-password.ts';
import { note, printJson, printRows } from '../terminal/output.ts';
import { ask, canAsk } from '../terminal/prompt.ts';
import { act, type CommonOptions, collect, leaf } from './leaf.ts';

interface CredentialOptions extends CommonOptions {
  readonly passwordStdin?: boolean;
  readonly remove?: boolean;
}

/** `weir connections` */
export function addConnections(program: Command, cli: Cli): void {
  const connections = program.command('connections').description('Define and test connections (administrators)');
  addAdd(connections, cli);
  addPin(connections, cli);
  leaf(connections, 'test', 'Check address, TLS or host key, and sign-in of a target, step by step', [
    'weir connections test orders',
  ])
    .argument('<name>', 'connection')
    .action(act(cli, (name: string, options: CommonOptions) => test(cli, name, options)));
  leaf(connections, 'credential', 'Give the gateway the password of a connection to keep, or have it forget it', [
    'weir connections credential orders',
    'pass show orders | weir connections credential orders --password-stdin',
    'weir connections credential orders --remove',
  ])
    .argument('<name>', 'connection, added with --password-stored')
    .option('--password-stdin', 'read the password from the first line of standard input')
    .option('--remove', 'forget the password')
    .action(
      act(cli, async (name: string, options: CredentialOptions) => {
        const { api } = signedIn(cli);
        if (options.remove === true) await withNameAdvice(api, name, () => api.deleteCredential(name));
        else {
          const password = await askPassword(cli, options, `Password of the role at ${name}: `);
          await withNameAdvice(api, name, () => api.putCredential(name, { password }));
        }
        const state = options.remove === true ? 'forgotten' : 'stored';
        if (options.json === true) printJson(cli, { connection: name, credential: state });
        else note(cli, `The password of ${name} is ${state}.`);
      }),
    );
  leaf(connections, 'rm', 'Remove a connection; ends its sessions', ['weir connections rm orders'])
    .argument('<name>', 'connection')
    .action(
      act(cli, async (name: string, options: CommonOptions) => {
        const { api } = signedIn(cli);
        await withNameAdvice(api, name, () => api.deleteConnection(name));
        if (options.json === true) printJson(cli, { removed: name });
        else note(cli, `Removed ${name}.`);
      }),
    );
}

function addAdd(connections: Command, cli: Cli): void {
  leaf(connections, 'add', 'Add or change connections, from a file or by flags', [
    'weir connections add orders.yaml',
    'weir connections add --name orders --agent my-agent --host db.internal --database orders --db-user weir --password-env ORDERS_DB_PASSWORD',
    'weir connections add web1 --ssh deploy@web1.internal --agent my-agent && weir connections pin web1',
  ])
    .argument('[file]', 'YAML or JSON: one connection, a list, or {connections: [...]}; with --ssh its name')
    .option('--name <name>', 'its name')
    .option('--agent <name>', 'the agent in whose network the target is')
    .option('--label <key=value>', 'a label; may be given several times', collect)
    .option('--host <host>', "the target's host, as the agent reaches it")
    .option('--target-port <n>', "the target's port", '5432')
    .option('--database <name>', "the target's database")
    .option('--db-user <name>', 'the role that the agent signs in as')
    .option('--password-env <name>', "environment variable of the agent with the role's password")
    .option('--password-file <path>', "file on the agent's machine with the role's password")
    .option('--password-secret <[namespace/]name#key>', "Kubernetes Secret that the agent's pod may read")
    .option(
      '--password-vault <path#field>',
      'secret of Vault that the agent may read, e.g. secret/data/orders#password',
    )
    .option('--password-stored', 'the gateway keeps the password, encrypted; see: weir connections credential')
    .option(
      '--ssh <user@host[:port]>',
      'an SSH host; the sources of the password serve for its private key or password, too',
    )
    .option(
      '--auth <how>',
      'how the agent signs in at an SSH host: certificate, private-key or password (default: certificate)',
    )
    .option(
      '--host-key <SHA256:…>',
      'fingerprint of the host key, or "@cert-authority TYPE KEY"; may be given several times',
      collect,
    )
    .option('--jump <user@host[:port]>', 'a host on the way, signed in at in the same way; in their order', collect)
    .option('--keepalive <seconds>', 'between signs of life to an SSH host; 0 = none (default: 30)')
    .option('--tls <mode>', 'disable, prefer, require, verify-ca or verify-full', 'prefer')
    .option('--tls-ca <path>', "file on the agent's machine with the target's CA")
    .action(
      act(cli, async (file: string | undefined, options: CommonOptions & SpecFlags) => {
        const named = file === undefined ? options : { name: file, ...options };
        const isByFlags = file === undefined || options.ssh !== undefined;
        const specs: ConnectionSpecRequest[] = isByFlags ? [specOfFlags(named)] : readConnectionSpecs(file);
        const { api } = signedIn(cli);
        const stored = [];
        for (const spec of specs) stored.push(await api.putConnection(spec));
        if (options.json === true) return printJson(cli, stored);
        for (const { name, agent, agentOnline } of stored) {
          note(
            cli,
            `Stored ${name} (agent ${agent} is ${agentOnline ? 'online' : 'offline'}). Try it: weir connections test ${name}`,
          );
        }
      }),
    );
}

interface PinOptions extends CommonOptions {
  readonly fingerprint?: readonly string[];
  readonly input?: boolean;
}

function addPin(connections: Command, cli: Cli): void {
  leaf(connections, 'pin', 'Decide that the host key which an SSH host shows is the right one', [
    'weir connections pin web1',
    'weir connections pin web1 --fingerprint SHA256:jX…',
  ])
    .argument('<name>', 'connection to an SSH host')
    .option(
      '--fingerprint <SHA256:…>',
      'what it must be, so that nothing is asked; once for each host on the way',
      collect,
    )
    .action(
      act(cli, async (name: string, options: PinOptions) => {
        const { api } = signedIn(cli);
        const decide = (key: UnknownHostKey) => decideOn(cli, options, key);
        const pinned = await withNameAdvice(api, name, () => pinHostKeys(api, name, decide));
        if (options.json === true) return printJson(cli, { connection: name, pinned });
        if (pinned.length === 0) note(cli, `All host keys of ${name} are pinned.`);
        for (const { where, fingerprint } of pinned) note(cli, `Pinned ${where}: ${fingerprint}`);
      }),
    );
}

async function decideOn(
  cli: Cli,
  options: PinOptions,
  { where, fingerprint, isChanged }: UnknownHostKey,
): Promise<boolean> {
  if (options.fingerprint !== undefined) return options.fingerprint.includes(fingerprint);
  const what = isChanged ? `THE HOST KEY OF ${where} HAS CHANGED to` : `${where} shows the host key`;
  note(cli, `${what} ${fingerprint}\nCompare it at the host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`);
  if (canAsk(cli, options)) return (await ask(cli, 'Is it the right one? Type yes: ')) === 'yes';
  throw new WeirError('invalid_request', `Nobody can be asked whether the key of ${where} is the right one.`, {
    fix: `weir connections pin NAME --fingerprint ${fingerprint}`,
  });
}

async function test(cli: Cli, name: string, options: CommonOptions): Promise<void> {
  const { api } = signedIn(cli);
  const result = await withNameAdvice(api, name, () => api.testConnection(name));
  if (options.json === true) printJson(cli, result);
  else
    printRows(
      cli,
      ['step', 'result', 'detail'],
      result.steps.map((step) => [step.name, step.ok ? 'ok' : 'FAILED', step.detail]),
    );
  if (result.ok) return;
  const failed = result.steps.find((step) => !step.ok);
  throw new WeirError('target_unavailable', `The connection ${name} does not work.`, {
    ...(failed === undefined ? {} : { why: `${failed.name}: ${failed.detail}` }),
    fix: `Correct it (weir connections add), then: weir connections test ${name}`,
  });
}
