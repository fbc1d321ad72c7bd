import { readFileSync } from 'node:fs';
import {
  type ApiClient,
  createDpopKey,
  createTokenHolder,
  type DpopKey,
  discover,
  signInAsMachine,
  signInWithPassword,
  type Tokens,
} from '@weir/api';
import { isWeirError, WeirError } from '@weir/errors';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { apiOf, signedIn, trustCaOf } from '../gateway/api.ts';
import { type Gateway, isExposed, resolveGateway } from '../profile/resolve-gateway.ts';
import { storeProfile } from '../profile/stored-sign-in.ts';
import { signInByBrowser } from '../sign-in/browser-sign-in.ts';
import { type CiOptions, findCiSecret } from '../sign-in/ci-secret.ts';
import { signInByDevice } from '../sign-in/device-sign-in.ts';
import { makeSshIdentity } from '../sign-in/ssh-identity.ts';
import { stepUp } from '../sign-in/step-up.ts';
import { askPassword } from '../terminal/ask-password.ts';
import { note, printJson } from '../terminal/output.ts';
import { canAsk } from '../terminal/prompt.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

interface LoginOptions extends CommonOptions, CiOptions {
  readonly ci?: boolean;
  readonly rule?: string;
  readonly actingFor?: string;
  readonly gateway?: string;
  readonly ca?: string;
  readonly front?: string;
  readonly user?: string;
  readonly passwordStdin?: boolean;
  readonly browser?: boolean;
  readonly device?: boolean;
  readonly stepUp?: boolean;
  readonly ssh?: boolean;
}

/** `weir login` */
export function addLogin(program: Command, cli: Cli): void {
  leaf(program, 'login', 'Sign in to a gateway', [
    'weir login',
    'weir login --gateway https://weir.example.com',
    'weir login --device',
    'weir login --step-up',
    'weir login --ci --gateway https://weir.example.com',
    'pass show weir | weir login --user alice --password-stdin',
  ])
    .option('--gateway <url>', "the gateway's address (default: that of the last sign-in, else of this checkout)")
    .option('--ca <file>', "PEM file with the gateway's CA")
    .option('--front <host:port>', "the gateway's front door, when it is elsewhere than the gateway says")
    .option('--browser', 'sign in with a browser on this computer (the default on a terminal)')
    .option('--device', 'sign in with a browser on another device, by a code')
    .option('--step-up', 'prove by a passkey that it is you, for the sign-in that you have')
    .option('--user <name>', 'sign in as this local account, by its password and without a browser')
    .option('--password-stdin', 'read the password from the first line of standard input')
    .option('--ci', 'sign in as a job, by the token of GitHub Actions, GitLab CI or Kubernetes, or by WEIR_SERVICE_KEY')
    .option('--token-file <file>', "with --ci: a file with the job's token (default: $WEIR_TOKEN_FILE)")
    .option('--key-file <file>', 'with --ci: a file with the key of a service account')
    .option('--audience <text>', "with --ci: what the token is for (default: the gateway's address)")
    .option('--rule <name>', 'with --ci: the trust rule that is meant, when several take the token')
    .option('--acting-for <user>', 'with --ci: act for this person, who has allowed it')
    .option('--no-ssh', 'get no key and certificate for SSH')
    .action(act(cli, (options: LoginOptions) => login(cli, options)));
}

async function login(cli: Cli, options: LoginOptions): Promise<void> {
  if (options.stepUp === true) {
    const mfaAt = await stepUp(cli, signedIn(cli).api);
    if (options.json === true) printJson(cli, { mfaAt });
    else note(cli, `Second factor used at ${mfaAt}. New sessions know of it.`);
    return;
  }
  const gateway = withOptions(resolveGateway(cli, options.gateway), options);
  const isMachine = wantsMachine(options);
  if (isExposed(gateway.api) && isMachine) throw exposed(gateway.api);
  if (isExposed(gateway.api)) note(cli, `warning: ${gateway.api} is not encrypted: a password can be read on the way.`);
  trustCaOf(gateway);
  const key = await createDpopKey();
  const tokens = isMachine
    ? await tokensOfMachine(cli, options, gateway, key)
    : await tokensBy(cli, options, gateway, key);
  const authorizer = createTokenHolder({ key, tokens, renew: async () => tokens });
  const client = apiOf(gateway, authorizer);
  const { user, groups, expiresAt } = await client.whoami();
  const { api, front, ca, checkout } = gateway;
  const signIn = { key: key.privateJwk, tokens };
  await storeProfile(cli, gateway.key, { api, front, ca, checkout, user, expiresAt, signIn });
  if (options.ssh !== false) await offerSsh(cli, gateway, client);
  if (options.json === true) printJson(cli, { gateway: api, user, groups, expiresAt });
  else note(cli, `Signed in to ${api} as ${user} (${groups.join(', ') || 'no groups'}) until ${expiresAt}.`);
}

/** A gateway that listens for SSH gives a certificate, too. Without one the sign-in is as good as before. */
async function offerSsh(cli: Cli, gateway: Gateway, api: ApiClient): Promise<void> {
  try {
    if ((await api.sshTrust()).listener === null) return;
  } catch (error) {
    // A gateway of an earlier version knows nothing of SSH.
    if (isWeirError(error)) return;
    throw error;
  }
  try {
    await makeSshIdentity(cli, gateway, api);
  } catch (error) {
    if (!isWeirError(error)) throw error;
    note(cli, `note: there is no certificate for SSH: ${error.message} ${error.why ?? ''}`.trim());
  }
}

async function tokensBy(cli: Cli, options: LoginOptions, gateway: Gateway, key: DpopKey): Promise<Tokens> {
  const wantsPassword = options.user !== undefined || options.passwordStdin === true;
  if (options.device === true) return signInByDevice(cli, await discover(gateway.api), key);
  if (options.browser === true || (!wantsPassword && canAsk(cli, options)))
    return signInByBrowser(cli, await discover(gateway.api), key);
  const user = userOf(options);
  const password = await askPassword(cli, options, `Password of ${user}: `);
  return (await signInWithPassword(gateway.api, { user, password }, key)).tokens;
}

/** These options say nothing to people. */
function wantsMachine({ ci, tokenFile, keyFile, audience, rule, actingFor }: LoginOptions): boolean {
  const more = [tokenFile, keyFile, audience, rule, actingFor].some((option) => option !== undefined);
  if (ci === true || !more) return ci === true;
  throw new WeirError('invalid_request', 'These options are for jobs.', { fix: 'Add --ci.' });
}

async function tokensOfMachine(cli: Cli, options: LoginOptions, gateway: Gateway, key: DpopKey): Promise<Tokens> {
  const { rule, actingFor } = options;
  const { platform, by, secret } = await findCiSecret(cli, options, options.audience ?? gateway.api);
  note(cli, `Signing in by the ${by} of ${platform}.`);
  return signInAsMachine(await discover(gateway.api), { by, secret, rule, actingFor }, key);
}

function exposed(api: string): WeirError {
  return new WeirError('not_permitted', `${api} is not encrypted: the token could be read on the way.`, {
    fix: 'Use the https address of the gateway.',
  });
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

function userOf({ user }: LoginOptions): string {
  if (user !== undefined && user !== '') return user;
  throw new WeirError('invalid_request', 'Who signs in?', {
    fix: 'weir login --user NAME, or weir login --device to use a browser elsewhere',
  });
}
