import { createRemoteJWKSet, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { OidcProviderConfig } from '../../config/provider-schema.ts';

/** Whom a provider signs out: everybody of a subject, or one session there. */
export interface LogoutNotice {
  readonly subject: string | null;
  readonly session: string | null;
  /** Never used twice by one issuer; remembered until `expiresAt`. */
  readonly id: string;
  readonly expiresAt: Date;
}

/** Checks a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6) up to its single use. @throws when anything is wrong. */
export type LogoutTokenCheck = (token: string) => Promise<LogoutNotice>;

/** Signatures that are believed: by keys that the provider alone has. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
/** Oldest token that is taken, seconds. */
const maxAgeSeconds = 300;
const event = 'http://schemas.openid.net/event/backchannel-logout';

/** Makes the check. `where` tells the issuer and the address of its keys. */
export function createLogoutTokenCheck(
  { clientId, clockSkewSeconds }: Pick<OidcProviderConfig, 'clientId' | 'clockSkewSeconds'>,
  where: () => Promise<{ readonly issuer: string; readonly keys: string }>,
): LogoutTokenCheck {
  let known: { readonly address: string; readonly keys: JWTVerifyGetKey } | undefined;
  return async (token) => {
    const { issuer, keys: address } = await where();
    if (known?.address !== address)
      known = { address, keys: createRemoteJWKSet(new URL(address), { timeoutDuration: 10_000 }) };
    const { payload, protectedHeader } = await jwtVerify(token, known.keys, {
      ...{ issuer, audience: clientId, algorithms, clockTolerance: clockSkewSeconds, maxTokenAge: maxAgeSeconds },
      requiredClaims: ['iat', 'jti', 'events'],
    });
    const { typ } = protectedHeader;
    // An ID token is signed by the same key; it must never do as a logout token.
    if (typ !== undefined && !['logout+jwt', 'jwt'].includes(typ.toLowerCase().replace(/^application\//, '')))
      throw new Error('it is a token of another kind');
    if ('nonce' in payload) throw new Error('it has a nonce, so it is no logout token');
    const { events, sub, sid, jti, iat = 0 } = payload;
    const said = typeof events === 'object' && events !== null && Object.hasOwn(events, event);
    const inner = said ? (events as Record<string, unknown>)[event] : undefined;
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner))
      throw new Error('it does not speak of a logout');
    if (typeof jti !== 'string' || jti === '' || jti.length > 500) throw new Error('its id is no text');
    const subject = typeof sub === 'string' && sub !== '' ? sub : null;
    const session = typeof sid === 'string' && sid !== '' ? sid : null;
    if (subject === null && session === null) throw new Error('it names neither a person nor a session');
    if ((sub !== undefined && subject === null) || (sid !== undefined && session === null))
      throw new Error('its person or session is no text');
    const expiresAt = new Date((iat + maxAgeSeconds + 2 * clockSkewSeconds) * 1000);
    return { subject, session, id: `logout ${issuer} ${jti}`, expiresAt };
  };
}
