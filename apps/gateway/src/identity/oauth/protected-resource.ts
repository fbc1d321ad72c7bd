import type { ServerResponse } from 'node:http';
import { apiScope, audienceOf } from './provider.ts';
import { signingAlgorithm } from './signing-keys.ts';

/** Where the API says who gives tokens for it (RFC 9728 section 3.1, for the resource `<issuer>/api`). */
export const protectedResourcePath = '/.well-known/oauth-protected-resource/api';

/** Answers with the metadata of the API as a protected resource (RFC 9728 section 2): a client that knows nothing of the gateway but its address finds the rest. */
export function sendProtectedResource(issuer: string, response: ServerResponse): void {
  const metadata = {
    resource: audienceOf(issuer),
    resource_name: 'Weir',
    authorization_servers: [issuer],
    scopes_supported: [apiScope],
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: [signingAlgorithm],
    dpop_bound_access_tokens_required: true,
  };
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'x-content-type-options': 'nosniff' });
  response.end(JSON.stringify(metadata));
}

/** The `WWW-Authenticate` of an answer 401 (RFC 9449 section 7.1, RFC 9728 section 5.1). */
export function challengeOf(issuer: string): string {
  return `DPoP algs="${signingAlgorithm}", resource_metadata="${issuer}${protectedResourcePath}"`;
}
