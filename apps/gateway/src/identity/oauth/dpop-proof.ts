import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, EmbeddedJWK, errors, type JWTVerifyResult, jwtVerify } from 'jose';
import { signingAlgorithm } from './signing-keys.ts';

/** How old or how far ahead a proof may be, ms. */
export const proofWindowMs = 60_000;
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
  /** @returns why the proof is no good; undefined when it is. */
  check(proof: string, request: ProvedRequest): Promise<string | undefined>;
}

/** Makes the checker. Proofs made before it started are refused, because it cannot know which of them were used. */
export function createProofChecker(now: () => number): ProofChecker {
  const bornAt = performance.now();
  /** By the clock as it goes now: it may have been set since. */
  const startedAtMs = (): number => Math.floor((now() - (performance.now() - bornAt)) / 1000) * 1000;
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
          return 'the proof is not signed as it must be';
        throw error;
      }
      const { payload, protectedHeader } = verified;
      const { iat, jti } = payload;
      if (protectedHeader.jwk === undefined || (await calculateJwkThumbprint(protectedHeader.jwk)) !== thumbprint)
        return 'the proof is of another key than the token';
      if (payload['htm'] !== method) return 'the proof is for another method';
      if (withoutQuery(payload['htu']) !== url) return 'the proof is for another address';
      if (accessToken !== null && payload['ath'] !== createHash('sha256').update(accessToken).digest('base64url'))
        return 'the proof is for another token';
      if (typeof iat !== 'number') return 'the proof does not say when it was made';
      const aheadMs = iat * 1000 - now();
      if (Math.abs(aheadMs) > proofWindowMs || iat * 1000 < startedAtMs())
        return `the proof is too old or from the future: its clock and the gateway's differ by ${Math.round(Math.abs(aheadMs) / 1000)} s, or the gateway has just started`;
      if (typeof jti !== 'string' || jti.length === 0 || jti.length > 200) return 'the proof has no id';
      return isNew(createHash('sha256').update(`${thumbprint} ${jti}`).digest('base64url'))
        ? undefined
        : 'the proof was used before';
    },
  };
}

function withoutQuery(htu: unknown): string | undefined {
  if (typeof htu !== 'string' || !URL.canParse(htu)) return undefined;
  const { origin, pathname } = new URL(htu);
  return `${origin}${pathname}`;
}
