import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { type ApiClient, createApiClient } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { Cli } from '../cli.ts';
import { type Gateway, resolveGateway } from '../profile/resolve-gateway.ts';

/** A gateway with a client that is signed in. */
export interface SignedIn {
  readonly gateway: Gateway;
  readonly token: string;
  readonly api: ApiClient;
}

/** A client for the gateway, which trusts its CA beside those of the system. */
export function apiOf(gateway: Gateway, token?: string): ApiClient {
  if (gateway.ca !== null && gateway.api.startsWith('https:')) trust(gateway.ca);
  return createApiClient({ baseUrl: gateway.api, token });
}

/** The gateway of this command and the user's token. @throws WeirError sign_in_required without one. */
export function signedIn(cli: Cli): SignedIn {
  const gateway = resolveGateway(cli);
  const token = gateway.profile?.token;
  if (token === undefined) {
    throw new WeirError('sign_in_required', `You are not signed in to ${gateway.api}.`, {
      fix: 'weir login --user NAME',
    });
  }
  return { gateway, token, api: apiOf(gateway, token) };
}

function trust(ca: string): void {
  try {
    setDefaultCACertificates([...getCACertificates('default'), ca]);
  } catch (cause) {
    throw new WeirError('invalid_request', 'The CA certificate cannot be used.', {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: 'Give a PEM file with the certificate: weir login --ca FILE',
      cause,
    });
  }
}
