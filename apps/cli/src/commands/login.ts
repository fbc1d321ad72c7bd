import { readFileSync } from 'node:fs';
import { WeirError } from '@weir/errors';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { apiOf } from '../gateway/api.ts';
import { configFolder } from '../profile/config-folder.ts';
import { readProfiles, writeProfiles } from '../profile/profile-store.ts';
import { type Gateway, isExposed, resolveGateway } from '../profile/resolve-gateway.ts';
import { askPassword } from '../terminal/ask-password.ts';
import { note, printJson } from '../terminal/output.ts';
import { ask, canAsk } from '../terminal/prompt.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

interface LoginOptions extends CommonOptions {
  readonly gateway?: string;
  readonly ca?: string;
  readonly front?: string;
  readonly user?: string;
  readonly passwordStdin?: boolean;
}

/** `weir login` */
export function addLogin(program: Command, cli: Cli): void {
  leaf(program, 'login', 'Sign in to a gateway and keep the token', [
    'weir login --user alice',
    'weir login --gateway https://weir.example.com --user alice',
    'pass show weir | weir login --user alice --password-stdin',
  ])
    .option('--gateway <url>', "the gateway's address (default: that of the last sign-in, else of this checkout)")
    .option('--ca <file>', "PEM file with the gateway's CA")
    .option('--front <host:port>', "the gateway's front door, when it is elsewhere than the gateway says")
    .option('--user <name>', 'who signs in')
    .option('--password-stdin', 'read the password from the first line of standard input')
    .action(act(cli, (options: LoginOptions) => login(cli, options)));
}

async function login(cli: Cli, options: LoginOptions): Promise<void> {
  const gateway = withOptions(resolveGateway(cli, options.gateway), options);
  if (isExposed(gateway.api))
    note(cli, `warning: ${gateway.api} is not encrypted: password and token can be read on the way.`);
  const user = await userOf(cli, options);
  const password = await askPassword(cli, options, `Password of ${user}: `);
  const signedIn = await apiOf(gateway).login({ user, password });
  const folder = configFolder(cli.env);
  const { profiles } = readProfiles(folder);
  const { api, front, ca, checkout } = gateway;
  const profile = {
    api,
    front,
    ca,
    checkout,
    user: signedIn.user,
    token: signedIn.token,
    expiresAt: signedIn.expiresAt,
  };
  writeProfiles(folder, { version: 1, current: gateway.key, profiles: { ...profiles, [gateway.key]: profile } });
  const { groups, expiresAt } = signedIn;
  if (options.json === true) printJson(cli, { gateway: api, user: signedIn.user, groups, expiresAt });
  else note(cli, `Signed in to ${api} as ${signedIn.user} (${groups.join(', ') || 'no groups'}) until ${expiresAt}.`);
}

function withOptions(gateway: Gateway, { ca, front }: LoginOptions): Gateway {
  return { ...gateway, ...(ca === undefined ? {} : { ca: readCa(ca) }), ...(front === undefined ? {} : { front }) };
}

function readCa(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WeirError('invalid_request', `The file ${path} cannot be read.`, {
      why,
      fix: 'Check the path after --ca.',
      cause,
    });
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new WeirError('invalid_request', `The file ${path} holds no certificate.`, {
    fix: "Give the gateway's CA as PEM (ca.pem in its state folder).",
  });
}

async function userOf(cli: Cli, options: LoginOptions): Promise<string> {
  const user = options.user ?? (options.passwordStdin !== true && canAsk(cli, options) ? await ask(cli, 'User: ') : '');
  if (user !== '') return user;
  throw new WeirError('invalid_request', 'Who signs in?', { fix: 'weir login --user NAME' });
}
