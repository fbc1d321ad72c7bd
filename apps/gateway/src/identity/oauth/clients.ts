import type { ClientMetadata } from 'oidc-provider';
import { tokenExchange } from './token-exchange.ts';

/** Id of the `weir` command at the authorization server. */
export const cliClientId = 'weir-cli';
/** Id of jobs and services. */
export const machineClientId = 'weir-machine';

/** A client of the configuration beside the gateway's own ones. */
export interface ConfiguredClient {
  readonly id: string;
  readonly name: string;
  readonly redirectUris: readonly string[];
}

/** All clients. They are public, have to prove possession of a key (RFC 9449), and are named here or in the configuration: nobody registers one. */
export function clientsOf(configured: readonly ConfiguredClient[], deviceFlow: boolean): ClientMetadata[] {
  const cli: ClientMetadata = {
    client_id: cliClientId,
    client_name: 'the weir command',
    application_type: 'native',
    // Any port of these: the loopback redirection of RFC 8252 section 7.3.
    redirect_uris: ['http://127.0.0.1/callback', 'http://[::1]/callback'],
    grant_types: [
      ...['authorization_code', 'refresh_token'],
      ...(deviceFlow ? ['urn:ietf:params:oauth:grant-type:device_code'] : []),
    ],
    ...common,
  };
  const others = configured.map(({ id, name, redirectUris }): ClientMetadata => {
    const isNative = redirectUris.every((uri) => new URL(uri).protocol === 'http:');
    return {
      client_id: id,
      client_name: name,
      application_type: isNative ? 'native' : 'web',
      redirect_uris: [...redirectUris],
      grant_types: ['authorization_code', 'refresh_token'],
      ...common,
    };
  });
  const machine: ClientMetadata = {
    ...common,
    client_id: machineClientId,
    client_name: 'jobs and services',
    redirect_uris: [],
    response_types: [],
    grant_types: [tokenExchange],
  };
  return [cli, machine, ...others];
}

const common = {
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
  dpop_bound_access_tokens: true,
} satisfies Partial<ClientMetadata>;

/** Does the gateway vouch for this client, so that nobody has to consent? */
export function isFirstParty(clientId: string): boolean {
  return clientId === cliClientId;
}
