import { calculateJwkThumbprint, decodeProtectedHeader, errors as joseErrors } from 'jose';
import type Provider from 'oidc-provider';
import { errors, type KoaContextWithOIDC, type ResourceServer } from 'oidc-provider';
import type { MachineProof, MachineTicket } from '../workload/machine-sign-in.ts';
import { TokenProblem } from '../workload/verify-token.ts';
import { createProofChecker, type ProofChecker } from './dpop-proof.ts';

/** RFC 8693 section 2.1. */
export const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
/** Kinds of what is exchanged: a token of a job's platform, or a key of a service account. */
const subjectTypes: Readonly<Record<string, MachineProof['by']>> = {
  'urn:ietf:params:oauth:token-type:jwt': 'token',
  'urn:ietf:params:oauth:token-type:id_token': 'token',
  'urn:weir:oauth:token-type:service-key': 'key',
};
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';
const parameters = ['subject_token', 'subject_token_type', 'requested_token_type', 'rule', 'acting_for'];

/** Signs a machine in. @throws TokenProblem. */
export type SignMachineIn = (proof: MachineProof) => Promise<MachineTicket>;

/** Lets machines exchange what they have for an access token that is bound to their key; they get no refresh token. */
export function registerTokenExchange(
  provider: Provider,
  parts: {
    readonly signIn: SignMachineIn;
    readonly resource: string;
    readonly scope: string;
    readonly info: ResourceServer;
  },
): void {
  // The other grants ask the same clock.
  const proofs = createProofChecker(Date.now);
  provider.registerGrantType(
    tokenExchange,
    async (ctx) => {
      const { client } = ctx.oidc;
      if (client === undefined) throw new errors.InvalidClient('no client');
      const proof = proofOf(ctx, client.clientId);
      const thumbprint = await requireProof(ctx, proofs);
      const ticket = await parts.signIn(proof).catch((error: unknown) => {
        if (!(error instanceof TokenProblem)) throw error;
        const description = 'it is not accepted; the audit log of the gateway says why';
        throw new errors.CustomOIDCProviderError('invalid_grant', description);
      });
      const token = new provider.AccessToken({
        accountId: ticket.userId,
        ...{ client, grantId: ticket.grantId, gty: 'token_exchange', expiresIn: ticket.lifeSeconds },
        scope: parts.scope,
      } as never);
      token.resourceServer = new provider.ResourceServer(parts.resource, parts.info);
      token.setThumbprint('jkt', thumbprint);
      ctx.oidc.entity('AccessToken', token);
      ctx.body = {
        access_token: await token.save(),
        issued_token_type: accessTokenType,
        token_type: 'DPoP',
        expires_in: ticket.lifeSeconds,
        scope: parts.scope,
      };
    },
    parameters,
  );
}

function proofOf(ctx: KoaContextWithOIDC, clientId: string): MachineProof {
  const { params = {} } = ctx.oidc;
  const text = (name: string): string | undefined => (typeof params[name] === 'string' ? params[name] : undefined);
  const by = subjectTypes[text('subject_token_type') ?? ''];
  const secret = text('subject_token');
  if (secret === undefined || secret === '') throw new errors.InvalidRequest('subject_token is missing');
  if (by === undefined) {
    throw new errors.InvalidRequest(`subject_token_type must be one of ${Object.keys(subjectTypes).join(', ')}`);
  }
  if ((text('requested_token_type') ?? accessTokenType) !== accessTokenType) {
    throw new errors.InvalidRequest(`requested_token_type must be ${accessTokenType}`);
  }
  return { by, secret, rule: text('rule'), actingFor: text('acting_for'), clientId, address: ctx.ip };
}

/** @returns the thumbprint of the key that the token will be bound to. */
async function requireProof(ctx: KoaContextWithOIDC, proofs: ProofChecker): Promise<string> {
  const proof = ctx.get('DPoP');
  if (proof === '') throw new errors.InvalidDpopProof('a proof of a key (RFC 9449) is missing');
  const thumbprint = await thumbprintOf(proof);
  const url = new URL(ctx.oidc.urlFor('token')).href;
  const request = { method: 'POST', url, accessToken: null, thumbprint };
  const refused =
    thumbprint === undefined ? { why: 'it is no proof' } : await proofs.check(proof, { ...request, thumbprint });
  const why = refused?.why;
  if (why !== undefined || thumbprint === undefined) throw new errors.InvalidDpopProof(why);
  return thumbprint;
}

async function thumbprintOf(proof: string): Promise<string | undefined> {
  try {
    const { jwk } = decodeProtectedHeader(proof);
    return jwk === undefined ? undefined : await calculateJwkThumbprint(jwk);
  } catch (error) {
    if (error instanceof joseErrors.JOSEError || error instanceof TypeError) return undefined;
    throw error;
  }
}
