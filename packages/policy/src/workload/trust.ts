import type { PolicyDocument, WorkloadTrustDocument } from '../schema/document.ts';
import { claimAt, mismatchOf } from './claim-match.ts';
import { trustedTriggers } from './triggers.ts';

/** Claims of a token, as its issuer wrote them. */
export type WorkloadClaims = Readonly<Record<string, unknown>>;

/** What the rules say of a token: the rule that takes it, or why each rule that was looked at does not. */
export type TrustDecision =
  | { readonly rule: WorkloadTrustDocument }
  | { readonly rule: null; readonly why: string; readonly misses: readonly TrustMiss[] };
/** Why one rule does not take a token. */
export interface TrustMiss {
  readonly rule: string;
  readonly why: string;
}

/** The rules for an issuer, exactly as it is written, by name. */
export function trustRules(documents: readonly PolicyDocument[], issuer: string): WorkloadTrustDocument[] {
  return documents
    .filter((document) => document.kind === 'WorkloadTrust')
    .filter(({ spec }) => spec.issuer === issuer)
    .sort((left, right) => (left.name < right.name ? -1 : 1));
}

/**
 * Looks for the rule that takes a token with these claims. It says nothing of signature and times: who calls it with a token from outside has verified
 * them. `wanted` names the rule when the caller knows it; otherwise exactly one rule must take the token.
 */
export function decideTrust(
  documents: readonly PolicyDocument[],
  claims: WorkloadClaims,
  wanted?: string,
): TrustDecision {
  const issuer = claims['iss'];
  const refuse = (why: string, misses: readonly TrustMiss[] = []): TrustDecision => ({ rule: null, why, misses });
  if (typeof issuer !== 'string') return refuse('The token names no issuer.');
  const ofIssuer = trustRules(documents, issuer);
  if (ofIssuer.length === 0) return refuse(`No rule trusts the issuer ${issuer.slice(0, 200)}.`);
  const rules = wanted === undefined ? ofIssuer : ofIssuer.filter(({ name }) => name === wanted);
  if (rules.length === 0) return refuse(`No rule ${wanted ?? ''} trusts this issuer.`);
  const misses = rules.flatMap((rule) => {
    const why = missOf(rule, claims);
    return why === undefined ? [] : [{ rule: rule.name, why }];
  });
  const taking = rules.filter(({ name }) => !misses.some(({ rule }) => rule === name));
  const [rule, other] = taking;
  if (rule === undefined) {
    return refuse(misses.map(({ rule: name, why }) => `The rule ${name} does not take it: ${why}.`).join(' '), misses);
  }
  if (other === undefined) return { rule };
  return refuse(
    `Several rules take it: ${taking.map(({ name }) => name).join(', ')}. Name the one that is meant.`,
    misses,
  );
}

function missOf({ spec }: WorkloadTrustDocument, claims: WorkloadClaims): string | undefined {
  const audience = claims['aud'];
  const isAddressed = audience === spec.audience || (Array.isArray(audience) && audience.includes(spec.audience));
  if (!isAddressed)
    return `its audience is ${JSON.stringify(audience ?? null).slice(0, 200)}, not ${JSON.stringify(spec.audience)}`;
  for (const [name, wanted] of Object.entries(spec.claims)) {
    const why = mismatchOf(claimAt(claims, name), wanted);
    if (why !== undefined) return `its claim ${name} ${why}`;
  }
  for (const [name, triggers] of Object.entries(trustedTriggers)) {
    const value = claimAt(claims, name);
    if (Object.hasOwn(spec.claims, name) || value === undefined) continue;
    if (typeof value === 'string' && triggers.includes(value)) continue;
    return `its claim ${name} is ${JSON.stringify(value).slice(0, 200)}, which others than those who may push can bring about, and the rule does not name ${name}`;
  }
  return undefined;
}
