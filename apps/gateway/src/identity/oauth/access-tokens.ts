import { WeirError } from '@weir/errors';
import { errors, type JWTPayload, type JWTVerifyResult, jwtVerify } from 'jose';
import { z } from 'zod';
import type { AuditLog } from '../../audit/audit-log.ts';
import type { SignInRow, UserRepository } from '../../store/users.ts';
import type { AuthorizationServer } from './authorization-server.ts';
import { createProofChecker } from './dpop-proof.ts';
import { signingAlgorithm } from './signing-keys.ts';

/** What a request brings along to say who makes it. */
export interface Presented {
  /** Header `authorization`. */
  readonly authorization: string | undefined;
  /** Header `dpop`. */
  readonly proof: string | undefined;
  readonly method: string;
  /** The address that a proof must name, without query; a path is one of the API. */
  readonly url: string;
  /** Where the request came from. */
  readonly address?: string | undefined;
}

/** Checks access tokens. */
export interface AccessTokens {
  /** @throws WeirError sign_in_required. */
  check(presented: Presented): Promise<{ signIn: SignInRow; tokenId: string }>;
}

const claimsSchema = z.object({
  sub: z.string(),
  sid: z.string().regex(/^[0-9a-f]{64}$/),
  scope: z.literal('api'),
  cnf: z.object({ jkt: z.string() }).optional(),
});
/** Clocks of gateway and tokens are one; this is for times cut to seconds. */
const toleranceSeconds = 1;

/** Makes the check: signature and claims here, then one question to the store. */
export function createAccessTokens(parts: {
  readonly server: Pick<AuthorizationServer, 'issuer' | 'audience' | 'keys'>;
  readonly users: Pick<UserRepository, 'findBySignIn'>;
  readonly audit: AuditLog;
  readonly now: () => number;
}): AccessTokens {
  const { server, users, audit, now } = parts;
  const proofs = createProofChecker(now);
  /** Says so in the audit log, too: a token that is used where or when it should not be may be somebody else's. */
  const refuse = (presented: Presented, why: string, claims?: JWTPayload, fix?: string): WeirError => {
    const { address = null, method, url } = presented;
    const detail = { address, why, request: `${method} ${url}`.slice(0, 200), client: claims?.['client_id'] ?? null };
    audit.later({ actor: 'unknown', action: 'token-refused', subject: claims?.sub ?? 'unknown', detail });
    return refusal(`The access token is not accepted: ${why}.`, fix);
  };
  return {
    check: async (presented) => {
      const { scheme, token } = tokenOf(presented.authorization);
      const verified = await verify(token, server, now());
      if (typeof verified === 'string') throw refuse(presented, verified);
      const parsed = claimsSchema.safeParse(verified.payload);
      if (!parsed.success) throw refuse(presented, 'it is not for the API', verified.payload);
      const { sid, sub, cnf } = parsed.data;
      if (cnf !== undefined) {
        const { proof, method, url } = presented;
        if (scheme !== 'dpop' || proof === undefined)
          throw refuse(presented, 'it is bound to a key, and the request has no proof of it', verified.payload);
        const wanted = url.startsWith('/') ? new URL(url, server.issuer) : new URL(url);
        const request = { method, url: `${wanted.origin}${wanted.pathname}`, accessToken: token, thumbprint: cnf.jkt };
        const refused = await proofs.check(proof, request);
        if (refused !== undefined) throw refuse(presented, refused.why, verified.payload, refused.fix);
      } else if (scheme !== 'bearer') throw refuse(presented, 'it is not bound to a key', verified.payload);
      const signIn = await users.findBySignIn(Buffer.from(sid, 'hex'), new Date(now()));
      if (signIn === undefined || signIn.user.id !== sub) {
        throw refuse(presented, 'its sign-in was ended, or the account is disabled', verified.payload);
      }
      return { signIn, tokenId: sid };
    },
  };
}

/** @returns why it is refused, when it is. */
async function verify(
  token: string,
  { issuer, audience, keys }: Pick<AuthorizationServer, 'issuer' | 'audience' | 'keys'>,
  nowMs: number,
): Promise<JWTVerifyResult | string> {
  try {
    return await jwtVerify(
      token,
      ({ kid = '' }) => {
        const key = keys.find(kid);
        if (key !== undefined) return key;
        throw new errors.JWKSNoMatchingKey();
      },
      {
        ...{ issuer, audience, algorithms: [signingAlgorithm], typ: 'at+jwt' },
        ...{ clockTolerance: toleranceSeconds, currentDate: new Date(nowMs) },
        requiredClaims: ['exp', 'iat', 'sub', 'jti'],
      },
    );
  } catch (error) {
    if (error instanceof errors.JWTExpired) return 'it has ended';
    if (error instanceof errors.JWTClaimValidationFailed) return `its ${error.claim} is another one`;
    if (error instanceof errors.JWKSNoMatchingKey) return 'no key of this gateway signed it';
    if (error instanceof errors.JOSEError) return 'its signature or form is wrong';
    throw error;
  }
}

function tokenOf(authorization = ''): { scheme: 'dpop' | 'bearer'; token: string } {
  const match = /^(DPoP|Bearer) ([A-Za-z0-9_.~+/=-]{1,4096})$/i.exec(authorization);
  const [, scheme = '', token = ''] = match ?? [];
  if (match !== null) return { scheme: scheme.toLowerCase() === 'dpop' ? 'dpop' : 'bearer', token };
  throw refusal('The request carries no access token.');
}

function refusal(why: string, fix = 'Run: weir login'): WeirError {
  return new WeirError('sign_in_required', 'You are not signed in.', { why, fix });
}
