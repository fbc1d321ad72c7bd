import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { type ApiClient, type Authorizer, createApiClient } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { Cli } from '../cli.ts';
import { type Gateway, resolveGateway } from '../profile/resolve-gateway.ts';
import { authorizerOf } from '../profile/stored-sign-in.ts';

/** A gateway with a client that is signed in. */
export interface SignedIn {
  readonly gateway: Gateway;
  readonly authorizer: Authorizer;
  readonly api: ApiClient;
}

/** A client for the gateway, which trusts its CA beside those of the system. */
export function apiOf(gateway: Gateway, authorizer?: Authorizer): ApiClient {
  trustCaOf(gateway);
  return createApiClient({ baseUrl: gateway.api, authorizer });
}

/** Lets this process trust the CA of a gateway whose API has TLS. */
export function trustCaOf({ ca, api }: Gateway): void {
  if (ca !== null && api.startsWith('https:')) trust(ca);
}

/** The gateway of this command and the user's sign-in. @throws WeirError sign_in_required without one. */
export function signedIn(cli: Cli): SignedIn {
  const gateway = resolveGateway(cli);
  const authorizer = authorizerOf(cli, gateway);
  if (authorizer === undefined) {
    throw new WeirError('sign_in_required', `You are not signed in to ${gateway.api}.`, { fix: 'weir login' });
  }
  return { gateway, authorizer, api: apiOf(gateway, authorizer) };
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
