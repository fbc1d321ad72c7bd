import { isLeftOut } from './approval-rule.ts';
import { isConditionProblem, principalContext, tryCondition } from './condition.ts';
import { tryDuration } from './duration.ts';
import { type ConnectionFacts, type Principal, personBehind } from './principal.ts';
import type { AccessSpec } from './schema/access.ts';
import type { AccessRequestDocument, PolicyDocument } from './schema/document.ts';
import { isNamed, isReached } from './scope.ts';

/** What was granted: by which rule, asked for or taken in an emergency. */
export interface GrantFacts {
  /** Name of the AccessRequest document. */
  readonly rule: string;
  readonly kind: 'request' | 'break-glass';
  readonly ticket: string | null;
}

/** Rules by which this principal may ask for this connection, by name. Those who may never are left out. */
export function requestRules(
  documents: readonly PolicyDocument[],
  principal: Principal,
  connection: ConnectionFacts,
): AccessRequestDocument[] {
  return documents
    .filter((document) => document.kind === 'AccessRequest')
    .filter(({ spec }) => isNamed(spec.who, principal) && isReached(spec.connections, connection))
    .filter(({ spec }) => ![principal, personBehind(principal)].some((one) => one && isLeftOut(spec.never, one)))
    .sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** Rules by which this principal may take this connection at once in an emergency. */
export function breakGlassRules(
  documents: readonly PolicyDocument[],
  principal: Principal,
  connection: ConnectionFacts,
): AccessRequestDocument[] {
  return requestRules(documents, principal, connection).filter(
    ({ spec }) => spec.breakGlass !== undefined && isNamed(spec.breakGlass.who, principal),
  );
}

/** The grants whose rule would still give them: a grant never says more than the policy of the moment. */
export function grantsInForce<Grant extends GrantFacts>(
  documents: readonly PolicyDocument[],
  principal: Principal,
  connection: ConnectionFacts,
  grants: readonly Grant[],
): Grant[] {
  if (grants.length === 0) return [];
  const asking = new Set(
    requestRules(documents, principal, connection)
      .filter(isAskable)
      .map(({ name }) => name),
  );
  const breaking = new Set(breakGlassRules(documents, principal, connection).map(({ name }) => name));
  return grants.filter(({ rule, kind }) => (kind === 'break-glass' ? breaking : asking).has(rule));
}

/** Rules whose grants would open this connection for this principal now, by name. */
export function rulesThatOpen(
  documents: readonly PolicyDocument[],
  principal: Principal,
  connection: ConnectionFacts,
): AccessRequestDocument[] {
  const wanted = documents
    .filter((document) => document.kind === 'Access')
    .filter(({ spec }) => isNamed(spec.who, principal) && isReached(spec.connections, connection))
    .map(({ spec }) => spec.grant);
  return requestRules(documents, principal, connection).filter(({ name }) =>
    wanted.some((grant) => opensBy(grant, { rule: name })),
  );
}

/** Does the rule give grants to those who ask, or to emergencies alone? */
export function isAskable({ spec }: AccessRequestDocument): boolean {
  return spec.approvers !== undefined || spec.autoApprove !== undefined;
}

/** Longest grant of the rule, ms. */
export function longestOf({ spec }: AccessRequestDocument, kind: GrantFacts['kind']): number {
  return tryDuration(kind === 'break-glass' ? (spec.breakGlass?.longest ?? '') : spec.longest) ?? 0;
}

/** Does an Access document with this `grant` open by the grant? */
export function opensBy(wanted: AccessSpec['grant'], grant: Pick<GrantFacts, 'rule'>): boolean {
  return wanted === 'required' || (wanted?.includes(grant.rule) ?? false);
}

/** What is asked for, as the condition of `autoApprove` sees it. */
export interface RequestCircumstances {
  readonly now: Date;
  readonly seconds: number;
  readonly reason: string;
  readonly ticket: string | null;
  readonly clientAddress: string | null;
  readonly mfaAtMs: number | null;
}

/** Is the request approved without a person? Only a condition that is decided and holds says yes. */
export function isApprovedAtOnce(
  { spec }: AccessRequestDocument,
  principal: Principal,
  connection: ConnectionFacts,
  asked: RequestCircumstances,
): boolean {
  if (spec.autoApprove === undefined) return false;
  const condition = tryCondition(spec.autoApprove, 'request');
  if (isConditionProblem(condition)) return false;
  const result = condition.evaluate({
    ...principalContext(principal),
    connection,
    now: asked.now,
    request: { seconds: BigInt(asked.seconds), reason: asked.reason },
    ...sessionContext(asked, asked.now),
  });
  return 'value' in result && result.value;
}

/** The variables `client`, `mfa` and `ticket`. What is not known is left out, so that a condition on it cannot be decided. */
export function sessionContext(
  facts: { readonly clientAddress: string | null; readonly mfaAtMs: number | null; readonly ticket: string | null },
  now: Date,
) {
  const age = facts.mfaAtMs === null ? -1 : Math.floor((now.getTime() - facts.mfaAtMs) / 1000);
  return {
    ...(facts.clientAddress === null ? {} : { client: { address: facts.clientAddress } }),
    // A second factor of the future is a clock that is wrong.
    ...(age < 0 ? {} : { mfa: { ageSeconds: BigInt(age) } }),
    ...(facts.ticket === null ? {} : { ticket: facts.ticket }),
  };
}
