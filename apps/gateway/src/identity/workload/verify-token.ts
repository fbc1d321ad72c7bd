import { decideTrust, type PolicyDocument, trustRules, type WorkloadTrustDocument } from '@weir/policy';
import { decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose';
import { DocumentProblem } from './fetch-json.ts';
import type { IssuerKeys } from './issuer-keys.ts';

/** Longest token that is looked at, characters. */
export const maxTokenLength = 16_384;
/** Signatures by a key that only the issuer has. */
export const acceptedAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA'];
/** How far the clocks may differ, seconds. */
export const clockSkewSeconds = 60;
/** A token that was issued longer ago is not accepted, whatever it says itself, seconds. */
const maxAgeSeconds = 86_400;

/** A token that a rule takes. */
export interface VerifiedToken {
  readonly rule: WorkloadTrustDocument;
  readonly claims: JWTPayload & { readonly exp: number };
}

/** Why a token is not taken. `why` is for the audit log: it says things of rules that a stranger need not know. */
export class TokenProblem extends Error {
  readonly why: string;
  /** Claims that name the job; absent while nothing has shown that they are true. */
  readonly claims: JWTPayload | undefined;

  constructor(why: string, claims?: JWTPayload) {
    super(why);
    this.why = why;
    this.claims = claims;
  }
}

/**
 * Verifies a job's token by the keys of its issuer and finds the rule that takes it. An issuer that no rule names is never asked for anything.
 * @throws TokenProblem
 */
export async function verifyToken(
  token: string,
  wanted: string | undefined,
  parts: {
    readonly documents: readonly PolicyDocument[];
    readonly keys: IssuerKeys;
    readonly now: () => number;
  },
): Promise<VerifiedToken> {
  const rules = rulesOf(token, parts.documents);
  const claims = await verifySignature(token, rules, parts);
  const decision = decideTrust(parts.documents, claims, wanted);
  if (decision.rule === null) throw new TokenProblem(decision.why, claims);
  // The rule may have keys of its own.
  const own = rules.length === 1 ? claims : await verifySignature(token, [decision.rule], parts);
  requireTimes(own, parts.now());
  return { rule: decision.rule, claims: own };
}

function rulesOf(token: string, documents: readonly PolicyDocument[]): WorkloadTrustDocument[] {
  if (token.length > maxTokenLength) throw new TokenProblem(`it is longer than ${maxTokenLength} characters`);
  let issuer: unknown;
  try {
    issuer = decodeJwt(token).iss;
  } catch (error) {
    if (error instanceof errors.JOSEError) throw new TokenProblem('it is no signed token (RFC 7519)');
    throw error;
  }
  if (typeof issuer !== 'string') throw new TokenProblem('it names no issuer');
  const rules = trustRules(documents, issuer);
  if (rules.length === 0) throw new TokenProblem(`no rule trusts the issuer ${issuer.slice(0, 200)}`);
  return rules;
}

/** By the keys of any of the rules, which are of one issuer. */
async function verifySignature(
  token: string,
  rules: readonly WorkloadTrustDocument[],
  { keys, now }: { readonly keys: IssuerKeys; readonly now: () => number },
): Promise<VerifiedToken['claims']> {
  const sources = new Map(rules.map(({ spec }) => [JSON.stringify([spec.jwksUri, spec.jwks]), spec]));
  let problem = new TokenProblem('no key fits');
  for (const spec of sources.values()) {
    try {
      const { payload } = await jwtVerify(token, keys.of(spec), {
        issuer: spec.issuer,
        algorithms: acceptedAlgorithms,
        clockTolerance: clockSkewSeconds,
        currentDate: new Date(now()),
        requiredClaims: ['exp', 'iat'],
      });
      return payload as VerifiedToken['claims'];
    } catch (error) {
      problem = problemOf(error);
    }
  }
  throw problem;
}

function problemOf(error: unknown): TokenProblem {
  if (error instanceof DocumentProblem) return new TokenProblem(`its signature cannot be checked: ${error.message}`);
  if (error instanceof errors.JWTExpired) return new TokenProblem('it has expired');
  if (error instanceof errors.JWTClaimValidationFailed)
    return new TokenProblem(`its claim ${error.claim} is missing or wrong`);
  if (error instanceof errors.JOSEAlgNotAllowed) return new TokenProblem('its signature algorithm is not accepted');
  if (error instanceof errors.JWKSNoMatchingKey) return new TokenProblem('no key of the issuer has signed it');
  if (error instanceof errors.JOSEError) return new TokenProblem('its signature or form is wrong');
  // A key of the issuer that cannot be used, or a header that jose does not take.
  if (error instanceof TypeError)
    return new TokenProblem('its signature cannot be checked with the keys of the issuer');
  throw error;
}

function requireTimes({ iat = 0 }: JWTPayload, nowMs: number): void {
  const age = nowMs / 1000 - iat;
  if (age < -clockSkewSeconds) throw new TokenProblem('it is from the future');
  if (age > maxAgeSeconds + clockSkewSeconds) throw new TokenProblem('it was issued more than a day ago');
}
