import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, EmbeddedJWK, errors, type JWTVerifyResult, jwtVerify } from 'jose';
import { signingAlgorithm } from './signing-keys.ts';

/** How old or how far ahead a proof may be, ms. */
export const proofWindowMs = 60_000;
/** Times of proofs are cut to seconds. */
const cutMs = 1000;
/** Proofs remembered at most; beyond, none is accepted. Only proofs with a good token are remembered. */
const maxRemembered = 200_000;

/** A request as a proof must describe it. */
export interface ProvedRequest {
  readonly method: string;
  /** Without query. */
  readonly url: string;
  /** Null = it asks for one. */
  readonly accessToken: string | null;
  /** Thumbprint of the key that the token is bound to. */
  readonly thumbprint: string;
}

/** Checks proofs of possession (RFC 9449 section 4.3), each once. */
export interface ProofChecker {
  /** @returns why the proof is no good, and what to do when there is something better than a new sign-in; undefined when it is good. */
  check(proof: string, request: ProvedRequest): Promise<{ why: string; fix?: string } | undefined>;
}

/** Makes the checker. Proofs made before it started are refused, because it cannot know which of them were used. */
export function createProofChecker(now: () => number): ProofChecker {
  const [startedAt, bornAt] = [now(), performance.now()];
  /** A clock that was set back since must not lock everybody out. */
  const startedAtMs = (): number => Math.floor(Math.min(startedAt, now() - (performance.now() - bornAt)) / 1000) * 1000;
  /** Hash of key and jti -> when it can be forgotten. Oldest first. */
  const used = new Map<string, number>();
  const isNew = (id: string): boolean => {
    const at = now();
    for (const [key, endsAt] of used) {
      if (endsAt > at) break;
      used.delete(key);
    }
    if (used.has(id) || used.size >= maxRemembered) return false;
    used.set(id, at + 2 * proofWindowMs);
    return true;
  };
  return {
    check: async (proof, { method, url, accessToken, thumbprint }) => {
      let verified: JWTVerifyResult;
      try {
        const currentDate = new Date(now());
        const options = { algorithms: [signingAlgorithm], typ: 'dpop+jwt', currentDate };
        verified = await jwtVerify(proof, EmbeddedJWK, options);
      } catch (error) {
        if (error instanceof errors.JOSEError || error instanceof TypeError)
          return { why: 'the proof is not signed as it must be' };
        throw error;
      }
      const { payload, protectedHeader } = verified;
      const { iat, jti } = payload;
      if (protectedHeader.jwk === undefined || (await calculateJwkThumbprint(protectedHeader.jwk)) !== thumbprint)
        return { why: 'the proof is of another key than the token' };
      if (payload['htm'] !== method) return { why: 'the proof is for another method' };
      if (withoutQuery(payload['htu']) !== url) return { why: 'the proof is for another address' };
      if (accessToken !== null && payload['ath'] !== createHash('sha256').update(accessToken).digest('base64url'))
        return { why: 'the proof is for another token' };
      if (typeof iat !== 'number') return { why: 'the proof does not say when it was made' };
      const aheadMs = iat * 1000 - now();
      if (Math.abs(aheadMs) > proofWindowMs + cutMs || iat * 1000 < startedAtMs())
        return {
          why: `the proof is too old or from the future: by it, your clock is ${Math.round(aheadMs / 1000)} s ahead of the gateway's (negative: behind)`,
          fix: 'Set the clock of your computer, then try again. If the gateway has just started, wait a minute.',
        };
      if (typeof jti !== 'string' || jti.length === 0 || jti.length > 200) return { why: 'the proof has no id' };
      return isNew(createHash('sha256').update(`${thumbprint} ${jti}`).digest('base64url'))
        ? undefined
        : { why: 'the proof was used before' };
    },
  };
}

function withoutQuery(htu: unknown): string | undefined {
  if (typeof htu !== 'string' || !URL.canParse(htu)) return undefined;
  const { origin, pathname } = new URL(htu);
  return `${origin}${pathname}`;
}
