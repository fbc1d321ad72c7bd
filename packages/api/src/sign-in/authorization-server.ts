import { WeirError } from '@weir/errors';
import { z } from 'zod';
import { errorOf, fetchFrom, patiently, readJson } from '../transport.ts';
import type { DpopKey } from './dpop-key.ts';

/** Id of the `weir` command at the gateway's authorization server. */
export const cliClientId = 'weir-cli';

const metadataSchema = z.object({
  issuer: z.string(),
  authorization_endpoint: z.url(),
  token_endpoint: z.url(),
  revocation_endpoint: z.url(),
  /** Absent: sign-in by another device is switched off. */
  device_authorization_endpoint: z.url().optional(),
});
/** Where the endpoints of the gateway's authorization server are (RFC 8414). */
export type ServerMetadata = z.output<typeof metadataSchema>;

const tokenSchema = z.object({
  access_token: z.string(),
  token_type: z.string(),
  expires_in: z.number(),
  refresh_token: z.string().optional(),
});
const refusalSchema = z.object({ error: z.string(), error_description: z.string().optional() });

/** Tokens of a sign-in. */
export interface Tokens {
  readonly accessToken: string;
  /** One use: each renewal gives the next. Null: the sign-in ends with the access token. */
  readonly refreshToken: string | null;
  /** When the access token ends by this computer's clock, milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/** An OAuth error of the token endpoint (RFC 6749 section 5.2), for those who wait for a device. */
export class TokenRefusal extends Error {
  readonly error: string;
  readonly description: string;
  constructor(error: string, description: string) {
    super(`${error}: ${description}`);
    this.error = error;
    this.description = description;
  }
}

/** Reads the metadata. @throws WeirError gateway_unavailable; invalid_request when the gateway says that its address is another one. */
export async function discover(gateway: string, fetchOf = fetch): Promise<ServerMetadata> {
  const response = await patiently(() =>
    fetchFrom(gateway, `${gateway}/.well-known/oauth-authorization-server`, {}, fetchOf),
  );
  if (!response.ok) throw await errorOf(response);
  const metadata = await readJson(response, metadataSchema);
  const { issuer, ...endpoints } = metadata;
  const isOurs = issuer === gateway && Object.values(endpoints).every((url) => url?.startsWith(`${issuer}/`) ?? true);
  if (isOurs) return metadata;
  throw new WeirError('invalid_request', `The gateway at ${gateway} says that its address is ${issuer}.`, {
    why: 'Tokens are for one address, so that nobody in between can use them.',
    fix: `Use that address, or let identity.issuer of the gateway's configuration name this one.`,
  });
}

/** Asks the token endpoint. @throws TokenRefusal with the server's error; WeirError gateway_unavailable. */
export async function requestTokens(
  { issuer, token_endpoint: url }: ServerMetadata,
  parameters: Readonly<Record<string, string>>,
  key: DpopKey,
  fetchOf = fetch,
): Promise<Tokens> {
  let sentAtMs = Date.now();
  const body = new URLSearchParams({ client_id: cliClientId, ...parameters });
  const response = await patiently(async () => {
    sentAtMs = Date.now();
    const dpop = await key.prove({ method: 'POST', url, nowMs: sentAtMs });
    return fetchFrom(issuer, url, { method: 'POST', headers: { dpop }, body }, fetchOf);
  });
  if (response.status === 429) throw await errorOf(response);
  if (!response.ok) {
    const { error, error_description: description = '' } = await readJson(response, refusalSchema);
    throw new TokenRefusal(error, description);
  }
  const tokens = await readJson(response, tokenSchema);
  if (tokens.token_type !== 'DPoP') {
    throw new WeirError(
      'protocol_violation',
      'The gateway gave a token that is not bound to the key of this computer.',
    );
  }
  return {
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token ?? null,
    expiresAtMs: sentAtMs + tokens.expires_in * 1000,
  };
}

/** Ends a sign-in at the server (RFC 7009). Unknown tokens are no error. */
export async function revokeTokens(metadata: ServerMetadata, tokens: Tokens, fetchOf = fetch): Promise<void> {
  if (tokens.refreshToken === null) return;
  const body = new URLSearchParams({
    client_id: cliClientId,
    token: tokens.refreshToken,
    token_type_hint: 'refresh_token',
  });
  const init = { method: 'POST', body };
  const response = await fetchFrom(metadata.issuer, metadata.revocation_endpoint, init, fetchOf);
  await response.arrayBuffer();
}

/** What the user reads when the token endpoint refuses. */
export function refusalError(refusal: TokenRefusal): WeirError {
  return new WeirError('sign_in_required', 'Your sign-in has ended.', {
    why: refusal.description === '' ? refusal.error : refusal.description,
    fix: 'Run: weir login',
    cause: refusal,
  });
}
