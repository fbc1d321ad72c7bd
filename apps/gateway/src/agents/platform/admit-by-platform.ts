import { createHash } from 'node:crypto';
import { WeirError } from '@weir/errors';
import { policyApiVersion, type WorkloadTrustDocument, workloadTrustSchema } from '@weir/policy';
import { decodeJwt, errors } from 'jose';
import type { KubernetesPlatform, OidcPlatform, PlatformRule } from '../../config/platform-schema.ts';
import type { EnrolmentRequest } from '../../dataplane/ports.ts';
import type { IssuerKeys } from '../../identity/workload/issuer-keys.ts';
import { nameableClaims } from '../../identity/workload/nameable-claims.ts';
import { clockSkewSeconds, maxTokenLength, TokenProblem, verifyToken } from '../../identity/workload/verify-token.ts';
import type { MachineRepository } from '../../store/machines.ts';
import type { AgentParts } from '../agents.ts';
import type { Admission } from '../enrol.ts';
import { poolAgentName } from '../pool-agent-name.ts';
import { reviewToken } from './token-review.ts';

/** What enrolment by a platform stands on. */
export interface PlatformParts {
  readonly rules: readonly PlatformRule[];
  readonly keys: IssuerKeys;
  readonly tokens: Pick<MachineRepository, 'useToken'>;
}

/** A token that a rule takes. `pod`: what it is bound to, as namespace/name. */
interface Taken {
  readonly rule: PlatformRule;
  readonly subject: string;
  readonly pod: string | undefined;
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * Admits an agent by a token of its platform. A token that is bound to a pod is good as long as the cluster says; any other one is good once.
 * @throws WeirError not_permitted; why is in the audit log alone.
 */
export async function admitByPlatform(
  { audit, now, platform }: AgentParts & { readonly platform: PlatformParts },
  request: EnrolmentRequest & { readonly platformToken: string },
  remoteAddress: string,
): Promise<Admission> {
  const { platformToken: token, pool, agentVersion } = request;
  try {
    const { rule, subject, pod, claims } = await take(platform, { token, pool, now });
    if (pod === undefined && !(await platform.tokens.useToken(hashOf(token), endOf(token), new Date(now())))) {
      throw new TokenProblem('it was used before');
    }
    const by = { platform: rule.name, subject, ...(pod === undefined ? {} : { pod }), ...claims };
    return { name: poolAgentName(rule.pool, pod), pool: rule.pool, by };
  } catch (error) {
    if (!(error instanceof TokenProblem)) throw error;
    const { why, claims } = error;
    await audit.append({
      ...{ actor: 'unknown', action: 'enrolment-refused', subject: 'agent' },
      detail: {
        ...{ address: remoteAddress, agentVersion: agentVersion.slice(0, 100), by: 'platform token', reason: why },
        ...(pool === undefined ? {} : { claimed: pool.slice(0, 100) }),
        ...(claims === undefined ? {} : { claims: nameableClaims(claims) }),
      },
    });
    throw new WeirError('not_permitted', 'The token of the platform is not accepted.', {
      why: 'No rule of the gateway takes it; the audit log of the gateway says why.',
      fix: "Check agents.platforms of the gateway's configuration: issuer, audience, subject and pool.",
    });
  }
}

async function take(
  { rules, keys }: PlatformParts,
  { token, pool, now }: { token: string; pool: string | undefined; now: () => number },
): Promise<Taken> {
  const { iss, aud } = unverified(token);
  const ofIssuer = rules.filter(({ issuer }) => issuer === iss);
  if (ofIssuer.length === 0) throw new TokenProblem(`no rule trusts the issuer ${String(iss).slice(0, 200)}`);
  const wanted = pool === undefined ? ofIssuer : ofIssuer.filter((rule) => rule.pool === pool);
  if (wanted.length === 0) throw new TokenProblem(`no rule lets this issuer into the pool ${pool?.slice(0, 63)}`);
  const oidc = wanted.filter((rule) => rule.type === 'oidc');
  const clusters = wanted.filter((rule) => rule.type === 'kubernetes');
  if (oidc.length > 0 && clusters.length > 0) throw new TokenProblem('rules of both types name its issuer');
  if (oidc.length > 0) return takeOidc(oidc, { token, keys, now });
  const audiences = [aud].flat();
  const addressed = clusters.filter(({ audience }) => audiences.includes(audience));
  if (addressed.length === 0) throw new TokenProblem('it is for another audience');
  return takeKubernetes(addressed, token);
}

async function takeOidc(
  rules: readonly OidcPlatform[],
  { token, keys, now }: { token: string; keys: IssuerKeys; now: () => number },
): Promise<Taken> {
  const { rule: found, claims } = await verifyToken(token, undefined, { documents: rules.map(documentOf), keys, now });
  const rule = rules.find(({ name }) => name === found.name);
  if (rule === undefined) throw new TokenProblem('the rule is gone');
  const { sub = 'without a subject' } = claims;
  return { rule, subject: sub.slice(0, 200), pod: podOf(claims), claims: nameableClaims(claims) };
}

/** Rules of one cluster that name the same audience are one question. */
async function takeKubernetes(rules: readonly KubernetesPlatform[], token: string): Promise<Taken> {
  const problems: string[] = [];
  const takers: Taken[] = [];
  for (const rule of rules) {
    const { serviceAccount, pod } = await reviewToken(rule, token);
    if (rule.serviceAccounts.includes(serviceAccount)) takers.push({ rule, subject: serviceAccount, pod, claims: {} });
    else problems.push(`the rule ${rule.name} is not for the service account ${serviceAccount}`);
  }
  const [taker, other] = takers;
  if (taker === undefined) throw new TokenProblem(problems.join('; '));
  if (other === undefined) return taker;
  throw new TokenProblem(`several rules take it: ${takers.map(({ rule }) => rule.name).join(', ')}; say the pool`);
}

/** The same rule as the policy's for jobs: one verification for both. */
function documentOf({ name, issuer, audience, claims, jwksUri }: OidcPlatform): WorkloadTrustDocument {
  const spec = { issuer, audience, claims, ...(jwksUri === undefined ? {} : { jwksUri }), identity: 'agent' };
  return { apiVersion: policyApiVersion, kind: 'WorkloadTrust', name, spec: workloadTrustSchema.parse(spec) } as never;
}

/** What a token says of itself before anybody has verified it: only to find who can. */
function unverified(token: string) {
  if (token.length > maxTokenLength) throw new TokenProblem(`it is longer than ${maxTokenLength} characters`);
  try {
    return decodeJwt(token);
  } catch (error) {
    if (error instanceof errors.JOSEError) throw new TokenProblem('it is no signed token (RFC 7519)');
    throw error;
  }
}

/** Kubernetes writes into its tokens which pod they are bound to. */
function podOf(claims: Readonly<Record<string, unknown>>): string | undefined {
  const { namespace, pod } = (claims['kubernetes.io'] ?? {}) as { namespace?: unknown; pod?: { name?: unknown } };
  return typeof namespace === 'string' && typeof pod?.name === 'string' ? `${namespace}/${pod.name}` : undefined;
}

/** All that is signed: a signature can be written in several ways. */
function hashOf(token: string): Buffer {
  return createHash('sha256')
    .update(`agent\0${token.slice(0, token.lastIndexOf('.'))}`)
    .digest();
}

function endOf(token: string): Date {
  const { exp = 0 } = unverified(token);
  return new Date((exp + 2 * clockSkewSeconds) * 1000);
}
