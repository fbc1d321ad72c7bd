import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import type { OAuthRepository } from '../../store/oauth.ts';

/** Age at which the signing key is replaced, and how long its tokens are still accepted after that. */
export const keyLifeMs = 30 * 86_400_000;
export const keyOverlapMs = 86_400_000;
/** The one algorithm of tokens. */
export const signingAlgorithm = 'ES256';

/** Keys that sign tokens. The newest signs; those replaced within the overlap still verify. */
export interface SigningKeys {
  /** Private keys, newest first, for the authorization server. */
  readonly jwks: { keys: JWK[] };
  /** The public key of a token's `kid`; undefined when there is none (any more). */
  find(kid: string): CryptoKey | undefined;
  /** When the newest is to be replaced, milliseconds since the epoch. */
  readonly renewAtMs: number;
}

/** Loads the keys; makes the first one, replaces one that is too old (or any when `isForced`), forgets those beyond the overlap. */
export async function loadSigningKeys(oauth: OAuthRepository, nowMs: number, isForced = false): Promise<SigningKeys> {
  const known = await oauth.listKeys();
  const [newest] = known;
  if (newest === undefined || isForced || newest.createdAt.getTime() + keyLifeMs <= nowMs) {
    const jwk = await makeKey();
    await oauth.insertKey(jwk.kid, jwk, new Date(nowMs));
    known.unshift({ kid: jwk.kid, key: jwk, createdAt: new Date(nowMs) });
  }
  const kept: JWK[] = [];
  const publicKeys = new Map<string, CryptoKey>();
  let replacedAtMs = Number.POSITIVE_INFINITY;
  for (const { kid, key, createdAt } of known) {
    if (replacedAtMs + keyOverlapMs <= nowMs) {
      await oauth.removeKey(kid);
      continue;
    }
    const jwk = key as JWK;
    kept.push(jwk);
    const { d: _private, ...publicJwk } = jwk;
    publicKeys.set(kid, (await importJWK(publicJwk, signingAlgorithm)) as CryptoKey);
    replacedAtMs = createdAt.getTime();
  }
  const [first] = known;
  return {
    jwks: { keys: kept },
    find: (kid) => publicKeys.get(kid),
    renewAtMs: (first?.createdAt.getTime() ?? nowMs) + keyLifeMs,
  };
}

async function makeKey(): Promise<JWK & { kid: string }> {
  const { privateKey } = await generateKeyPair(signingAlgorithm, { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), use: 'sig', alg: signingAlgorithm };
}
