import { isWeirError } from '@weir/errors';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { apiOf } from '../gateway/api.ts';
import { resolveGateway } from '../profile/resolve-gateway.ts';
import { authorizerOf, storeProfile } from '../profile/stored-sign-in.ts';
import { removeSshIdentity } from '../sign-in/ssh-identity.ts';
import { note, printJson } from '../terminal/output.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

/** `weir logout` */
export function addLogout(program: Command, cli: Cli): void {
  leaf(program, 'logout', 'End the token and forget it', ['weir logout']).action(
    act(cli, (options: CommonOptions) => logout(cli, options)),
  );
}

async function logout(cli: Cli, options: CommonOptions): Promise<void> {
  const gateway = resolveGateway(cli);
  if (gateway.profile === undefined) {
    if (options.json === true) printJson(cli, { gateway: gateway.api, signedOut: false });
    else note(cli, `You were not signed in to ${gateway.api}.`);
    return;
  }
  try {
    const authorizer = authorizerOf(cli, gateway);
    if (authorizer !== undefined) await apiOf(gateway, authorizer).logout();
  } catch (error) {
    // Forgetting the token here must always work; the gateway's copy ends by itself.
    if (!isWeirError(error)) throw error;
    if (error.code !== 'sign_in_required') note(cli, `note: the gateway could not be told: ${error.message}`);
  }
  await removeSshIdentity(cli, gateway);
  await storeProfile(cli, gateway.key, undefined);
  if (options.json === true) printJson(cli, { gateway: gateway.api, signedOut: true });
  else note(cli, `Signed out of ${gateway.api}.`);
}
