import * as client from 'openid-client';
import type { OidcProviderConfig } from '../../config/provider-schema.ts';
import { claimOf, groupsOf } from './groups-of-claim.ts';
import { createLogoutTokenCheck, type LogoutTokenCheck } from './logout-token.ts';
import type { UpstreamProfile } from './profile.ts';

/** What is kept of a sign-in while the person is at the provider. */
export interface OidcSecrets {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/** What the provider says of somebody who signed in before. */
export type Refreshed =
  | { readonly is: 'there'; readonly profile: Pick<UpstreamProfile, 'groups' | 'email' | 'refreshToken'> }
  /** The provider does not vouch for the person any more. */
  | { readonly is: 'refused'; readonly why: string }
  /** It does not answer, or not in a way that can be understood. */
  | { readonly is: 'silent'; readonly why: string; readonly isUnreachable: boolean };

/** An OpenID Connect provider, as its client. */
export interface OidcProvider {
  readonly config: OidcProviderConfig;
  /** Where the browser goes. @throws when the provider cannot be reached. */
  begin(callback: string, secrets: OidcSecrets): Promise<string>;
  /** Checks what the browser brings back, and gets the rest from the provider. @throws with the library's `code` when anything is wrong. */
  finish(callback: URL, secrets: OidcSecrets): Promise<UpstreamProfile>;
  refresh(identity: { readonly issuer: string; readonly subject: string }, token: string): Promise<Refreshed>;
  readonly checkLogoutToken: LogoutTokenCheck;
}

/** Longest wait for the provider, seconds. */
const timeoutSeconds = 10;
/** How long what discovery said is used. */
const discoveryLifeMs = 3_600_000;

/** Makes the client. Discovery happens when it is first needed, so that a provider that is down does not keep the gateway from starting. */
export function createOidcProvider(config: OidcProviderConfig, secret: string): OidcProvider {
  const discovered = createDiscovery(config, secret);
  const { reauthenticateMinutes } = config;
  const maxAge = reauthenticateMinutes === undefined ? undefined : reauthenticateMinutes * 60;
  return {
    config,
    begin: async (callback, { state, nonce, verifier }) => {
      const challenge = await client.calculatePKCECodeChallenge(verifier);
      return client.buildAuthorizationUrl(await discovered(), {
        ...config.parameters,
        ...{ redirect_uri: callback, scope: config.scopes.join(' '), state, nonce },
        ...{ code_challenge: challenge, code_challenge_method: 'S256', response_type: 'code' },
        ...(maxAge === undefined ? {} : { max_age: String(maxAge) }),
      }).href;
    },
    finish: async (callback, { state, nonce, verifier }) => {
      const server = await discovered();
      const tokens = await client.authorizationCodeGrant(server, callback, {
        ...{ expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true },
        ...(maxAge === undefined ? {} : { maxAge }),
      });
      const idToken = tokens.claims();
      if (idToken === undefined) throw new Error('no ID token came');
      const claims = await allClaims(server, config, tokens, idToken.sub, idToken);
      const missing = missingClaim(config, claims);
      if (missing !== undefined) throw new Error(`the claim ${missing} is not what is required`);
      return profileOf(config, idToken, claims, tokens.refresh_token ?? null);
    },
    refresh: (identity, token) => refresh(config, discovered, identity, token),
    checkLogoutToken: createLogoutTokenCheck(config, async () => {
      const { issuer, jwks_uri: keys } = (await discovered()).serverMetadata();
      if (keys === undefined) throw new Error('the provider publishes no keys');
      return { issuer, keys };
    }),
  };
}

type Tokens = { readonly access_token: string };

function createDiscovery(config: OidcProviderConfig, secret: string): () => Promise<client.Configuration> {
  let last: { readonly found: Promise<client.Configuration>; readonly atMs: number } | undefined;
  const isPlain = new URL(config.issuer).protocol === 'http:';
  const discover = () => {
    const authentication =
      config.clientAuthentication === 'basic' ? client.ClientSecretBasic(secret) : client.ClientSecretPost(secret);
    const metadata = { client_secret: secret, [client.clockTolerance]: config.clockSkewSeconds };
    return client.discovery(new URL(config.issuer), config.clientId, metadata, authentication, {
      // Without this check a token is believed because of the connection alone.
      execute: [client.enableNonRepudiationChecks, ...(isPlain ? [client.allowInsecureRequests] : [])],
      timeout: timeoutSeconds,
    });
  };
  return () => {
    if (last !== undefined && Date.now() - last.atMs < discoveryLifeMs) return last.found;
    const found = discover();
    const mine = { found, atMs: Date.now() };
    const before = last;
    last = mine;
    found.catch(() => {
      // What was known before is better than nothing; it is asked for again next time.
      if (last === mine) last = before === undefined ? undefined : { ...before, atMs: 0 };
    });
    return found;
  };
}

/** Claims of the ID token, and of the user-info endpoint where the token lacks what is configured. */
async function allClaims(
  server: client.Configuration,
  config: OidcProviderConfig,
  tokens: Tokens,
  subject: string,
  idToken: object | undefined,
): Promise<object> {
  const groups = config.groups === undefined ? [] : [config.groups.claim];
  const link = config.linkByDirectoryId === undefined ? [] : [config.linkByDirectoryId];
  const wanted = [...groups, ...link, ...Object.keys(config.requiredClaims), config.nameClaim, config.emailClaim];
  const isComplete = idToken !== undefined && wanted.every((path) => claimOf(idToken, path) !== undefined);
  if (isComplete || server.serverMetadata().userinfo_endpoint === undefined) return idToken ?? {};
  const more = await client.fetchUserInfo(server, tokens.access_token, subject);
  // What is signed wins.
  return { ...more, ...idToken };
}

/** A claim that the person must have and has not. */
function missingClaim({ requiredClaims }: OidcProviderConfig, claims: object): string | undefined {
  const isThere = ([path, value]: [string, string]) => {
    const claim = claimOf(claims, path);
    return ['string', 'boolean', 'number'].includes(typeof claim) && String(claim) === value;
  };
  return Object.entries(requiredClaims).find((entry) => !isThere(entry))?.[0];
}

function profileOf(
  config: OidcProviderConfig,
  idToken: client.IDToken,
  claims: object,
  refreshToken: string | null,
): UpstreamProfile {
  const email = textOf(claimOf(claims, config.emailClaim));
  const saidMs = typeof idToken.auth_time === 'number' ? idToken.auth_time * 1000 : undefined;
  const authTimeMs = Math.min(saidMs ?? Date.now(), Date.now());
  const methods: unknown[] = Array.isArray(idToken['amr']) ? idToken['amr'] : [];
  const isSecond = methods.some((method) => typeof method === 'string' && config.secondFactor.includes(method));
  return {
    ...{ issuer: idToken.iss, subject: idToken.sub, email, refreshToken, authTimeMs },
    name: textOf(claimOf(claims, config.nameClaim)) ?? email ?? idToken.sub,
    displayName: textOf(claimOf(claims, 'name')),
    isEmailVerified: config.linkByVerifiedEmail && claimOf(claims, 'email_verified') === true,
    directoryId: config.linkByDirectoryId === undefined ? null : textOf(claimOf(claims, config.linkByDirectoryId)),
    groups: groupsOf(config.groups && claimOf(claims, config.groups.claim), config.groups),
    session: textOf(idToken['sid']),
    // When it is not said when, it may have been long ago.
    mfaAtMs: isSecond && saidMs !== undefined ? authTimeMs : null,
    endsAtMs: null,
  };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value.trim().slice(0, 200) : null;
}

async function refresh(
  config: OidcProviderConfig,
  discovered: () => Promise<client.Configuration>,
  identity: { readonly issuer: string; readonly subject: string },
  token: string,
): Promise<Refreshed> {
  try {
    const server = await discovered();
    if (server.serverMetadata().issuer !== identity.issuer) return { is: 'refused', why: 'it is another issuer now' };
    const tokens = await client.refreshTokenGrant(server, token);
    const idToken = tokens.claims();
    if (idToken !== undefined && idToken.sub !== identity.subject)
      return { is: 'refused', why: 'it answered for somebody else' };
    const claims = await allClaims(server, config, tokens, identity.subject, idToken);
    const missing = missingClaim(config, claims);
    if (missing !== undefined) return { is: 'refused', why: `the claim ${missing} is not what is required` };
    const groups = groupsOf(config.groups && claimOf(claims, config.groups.claim), config.groups);
    const email = textOf(claimOf(claims, config.emailClaim));
    return { is: 'there', profile: { groups, email, refreshToken: tokens.refresh_token ?? null } };
  } catch (error) {
    const why = reasonOf(error);
    return isRefusal(error) ? { is: 'refused', why } : { is: 'silent', why, isUnreachable: isUnreachable(error) };
  }
}

function isRefusal(error: unknown): boolean {
  if (error instanceof client.ResponseBodyError) return ['invalid_grant', 'access_denied'].includes(error.error);
  // The tokens are new: whoever is refused with them is not known there any more.
  if (error instanceof client.WWWAuthenticateChallengeError) return error.status === 401 || error.status === 403;
  return error instanceof client.ClientError && (error.code?.startsWith('OAUTH_JWT_') ?? false);
}

/** Was nothing heard at all? Each such question costs a long wait. */
function isUnreachable(error: unknown): boolean {
  const causes = [error, error instanceof Error ? error.cause : undefined];
  return causes.some(
    (cause) =>
      (cause instanceof client.ClientError && cause.code === 'OAUTH_TIMEOUT') ||
      (cause instanceof TypeError && cause.message === 'fetch failed'),
  );
}

/** Why the library refused something, for the audit log: fixed texts and error codes, no tokens. */
export function reasonOf(error: unknown): string {
  if (error instanceof client.ResponseBodyError || error instanceof client.AuthorizationResponseError)
    return `the provider says ${error.error}`;
  if (!(error instanceof Error)) return 'unknown';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  // Its cause says what exactly; that of text that cannot be read would quote the text.
  const isExact = /^OAUTH_(INVALID_RESPONSE|JWT_)/.test(code) && error.cause instanceof Error;
  return `${isExact ? (error.cause as Error).message : error.message}${code === '' ? '' : ` (${code})`}`;
}
