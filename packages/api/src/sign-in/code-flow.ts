import { randomBytes } from 'node:crypto';
import { WeirError } from '@weir/errors';
import {
  cliClientId,
  refusalError,
  requestTokens,
  type ServerMetadata,
  TokenRefusal,
  type Tokens,
} from './authorization-server.ts';
import { type DpopKey, sha256 } from './dpop-key.ts';

/** An authorization request that waits for its answer (RFC 6749 section 4.1, PKCE of RFC 7636 by S256). */
export interface CodeFlow {
  /** Where a browser has to go. */
  readonly url: string;
  /** Takes the address that the browser was sent back to. @throws WeirError not_permitted when the answer is another one's or a refusal, sign_in_required when the code does not work. */
  finish(callback: URL): Promise<Tokens>;
}

/** Begins. @param redirectUri on loopback */
export async function beginCodeFlow(
  metadata: ServerMetadata,
  key: DpopKey,
  redirectUri: string,
  fetchOf = fetch,
): Promise<CodeFlow> {
  const verifier = randomBytes(32).toString('base64url');
  const state = randomBytes(16).toString('base64url');
  const url = new URL(metadata.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: cliClientId,
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: 'api',
    state,
    code_challenge: await sha256(verifier),
    code_challenge_method: 'S256',
    dpop_jkt: key.thumbprint,
  }).toString();
  return {
    url: url.href,
    finish: async ({ searchParams }) => {
      const code = searchParams.get('code');
      // Both must match, or a code of another request or another server could be slipped in (RFC 9207).
      if (searchParams.get('state') !== state || searchParams.get('iss') !== metadata.issuer) {
        throw new WeirError('not_permitted', 'The answer does not belong to this sign-in.', {
          why: 'Its state or issuer is another one: somebody may have tried to sign you in as somebody else.',
          fix: 'Run: weir login',
        });
      }
      if (code === null) {
        const why = searchParams.get('error_description') ?? searchParams.get('error') ?? 'no code';
        throw new WeirError('not_permitted', 'The sign-in was refused.', { why, fix: 'Run: weir login' });
      }
      const parameters = {
        grant_type: 'authorization_code',
        code,
        redirect_uri: redirectUri,
        code_verifier: verifier,
      };
      try {
        return await requestTokens(metadata, parameters, key, fetchOf);
      } catch (error) {
        throw error instanceof TokenRefusal ? refusalError(error) : error;
      }
    },
  };
}
