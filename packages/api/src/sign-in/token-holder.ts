import { refusalError, requestTokens, type ServerMetadata, TokenRefusal, type Tokens } from './authorization-server.ts';
import { createDpopKey, type DpopKey } from './dpop-key.ts';
import { signInWithPassword } from './password-sign-in.ts';

/** What gives requests their authorization. */
export interface Authorizer {
  /** Headers for one request; the access token is renewed before when it is about to end. @throws WeirError sign_in_required. */
  authorize(method: string, url: string): Promise<Record<string, string>>;
  /** The gateway did not accept the token: gets another one. @returns false when there is none. */
  renew(): Promise<boolean>;
}

/** How early an access token is renewed, ms. */
const marginMs = 30_000;

/** Holds tokens that are bound to a key. `renew` gets new tokens for old ones; simultaneous requests share one renewal. */
export function createTokenHolder(options: {
  readonly key: DpopKey;
  readonly tokens: Tokens;
  readonly renew: (old: Tokens) => Promise<Tokens>;
  /** Clock of the proofs; the system's when absent. */
  readonly now?: () => number;
}): Authorizer & { readonly tokens: Tokens } {
  const { key, now = Date.now } = options;
  let { tokens } = options;
  let renewing: Promise<void> | undefined;
  const renew = (): Promise<void> => {
    renewing ??= options
      .renew(tokens)
      .then((fresh) => {
        tokens = fresh;
      })
      .finally(() => {
        renewing = undefined;
      });
    return renewing;
  };
  return {
    get tokens() {
      return tokens;
    },
    authorize: async (method, url) => {
      if (tokens.refreshToken !== null && Date.now() > tokens.expiresAtMs - marginMs) await renew();
      const { accessToken } = tokens;
      const dpop = await key.prove({ method, url, accessToken, nowMs: now() });
      return { authorization: `DPoP ${accessToken}`, dpop };
    },
    renew: async () => {
      if (tokens.refreshToken === null) return false;
      await renew();
      return true;
    },
  };
}

/** Uses a refresh token. @throws WeirError sign_in_required when it does not work any more. */
export async function refresh(
  metadata: ServerMetadata,
  { refreshToken }: Tokens,
  key: DpopKey,
  fetchOf = fetch,
): Promise<Tokens> {
  try {
    const parameters = { grant_type: 'refresh_token', refresh_token: refreshToken ?? '' };
    return await requestTokens(metadata, parameters, key, fetchOf);
  } catch (error) {
    throw error instanceof TokenRefusal ? refusalError(error) : error;
  }
}

/** Signs a local account in and keeps the tokens in memory, for programs that live as long as their sign-in. */
export async function holdPasswordSignIn(
  gateway: string,
  account: { readonly user: string; readonly password: string },
  options: { readonly fetch?: typeof fetch; readonly now?: () => number } = {},
): Promise<Authorizer & { readonly tokens: Tokens; readonly key: DpopKey; readonly metadata: ServerMetadata }> {
  const key = await createDpopKey();
  const { metadata, tokens } = await signInWithPassword(gateway, account, key, options.fetch);
  const { now } = options;
  const holder = createTokenHolder({
    key,
    tokens,
    renew: (old) => refresh(metadata, old, key, options.fetch),
    ...(now === undefined ? {} : { now }),
  });
  return Object.assign(holder, { key, metadata });
}
