import type { ConnectionSpec } from '@weir/api';
import {
  breakGlassRules,
  compilePlan,
  type GrantFacts,
  grantsInForce,
  isAskable,
  longestOf,
  opensBy,
  type Plan,
  type PolicyDocument,
  personBehind,
  rulesThatOpen,
  type SessionFacts,
} from '@weir/policy';
import type { ConnectionFacts, Principal } from '@weir/proto';
import { type TargetHash, targetHashOf } from '../connections/target.ts';
import type { Policies } from '../policies/policies.ts';

/** A grant as the store holds it, neither revoked nor ended when it was read. */
export interface HeldGrant extends GrantFacts {
  readonly id: string;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Where the connection led when it was granted. */
  readonly target: TargetHash;
}

/** What policy says of one principal on one connection now. */
export interface AccessDecision {
  readonly plan: Plan;
  readonly allowed: boolean;
  /** One sentence. */
  readonly reason: string;
  /** The command to ask for a grant, where one would help; else null. */
  readonly fix: string | null;
  /** Grants that the plan stands on. */
  readonly grants: readonly HeldGrant[];
  /** When the first part of the plan ends that stands on grants, milliseconds since the epoch; null = it stands on none. */
  readonly endsAtMs: number | null;
}

/** What else the decision depends on. */
export interface AccessContext {
  readonly session?: SessionFacts;
  /** Ids of the only grants that count; absent = all that the principal holds. */
  readonly only?: ReadonlySet<string>;
}

/** How far the clock may be set back without taking grants away. */
const clockToleranceMs = 60_000;

/** The one place that turns the applied policy into a plan. */
export interface Access {
  compile(principal: Principal, connection: ConnectionSpec, context?: AccessContext): AccessDecision;
  /** Grants of the list that open something now, with their ends as the policy of the moment has them. */
  inForce(principal: Principal, connection: ConnectionSpec, grants: readonly HeldGrant[]): HeldGrant[];
}

/** What policy knows of a connection. */
export function factsOf(connection: ConnectionSpec): ConnectionFacts {
  return { name: connection.name, protocol: connection.target.protocol, labels: connection.labels };
}

/** Makes the use-case. `held`: grants of an account for a connection. */
export function createAccess(parts: {
  readonly policies: Pick<Policies, 'current'>;
  readonly held: (userId: string, connection: string) => readonly HeldGrant[];
  readonly now: () => number;
}): Access {
  const { policies, held, now } = parts;
  const heldInForce = (principal: Principal, connection: ConnectionSpec, only: ReadonlySet<string> | undefined) => {
    const all = held(principal.id, connection.name).filter(({ id }) => only?.has(id) ?? true);
    return inForce(principal, connection, all);
  };
  const inForce: Access['inForce'] = (principal, connection, grants) => {
    if (grants.length === 0) return [];
    const { documents } = policies.current;
    const target = targetHashOf(connection);
    const facts = factsOf(connection);
    const opening = new Set(rulesThatOpen(documents, principal, facts).map(({ name }) => name));
    return (
      grantsInForce(documents, principal, facts, grants)
        .filter(({ rule }) => opening.has(rule))
        // Before its beginning, the clock is wrong: nobody knows then how long it lasts.
        .filter((grant) => grant.target === target && grant.fromMs <= now() + clockToleranceMs)
        .map((grant) => ({ ...grant, untilMs: endOf(documents, grant) }))
        .filter(({ untilMs }) => untilMs > now())
        .sort((left, right) => right.untilMs - left.untilMs)
    );
  };
  return {
    inForce,
    compile: (principal, connection, { session, only } = {}) => {
      const { documents, version } = policies.current;
      const grants = heldInForce(principal, connection, only);
      const behind = personBehind(principal);
      const grantsBehind = behind === undefined ? [] : heldInForce(behind, connection, only);
      const facts = factsOf(connection);
      const plan = compilePlan(documents, principal, facts, {
        policyVersion: version,
        grants,
        grantsBehind,
        ...(session === undefined ? {} : { session }),
      });
      if (!plan.allowed) {
        const fix = commandToAsk(documents, principal, facts);
        const reason = plan.reason ?? 'No access rule allows it.';
        return { plan, allowed: false, reason, fix, grants: [], endsAtMs: null };
      }
      const own = grantsOfPlan(documents, plan.access, grants);
      const ofPerson = grantsOfPlan(documents, plan.accessBehind ?? [], grantsBehind);
      const ends = [own.endsAtMs, ofPerson.endsAtMs].filter((end) => end !== null);
      const used = {
        grants: [...own.grants, ...ofPerson.grants],
        endsAtMs: ends.length === 0 ? null : Math.min(...ends),
      };
      const reason = `Allowed by ${plan.access.map((rule) => rule.rule).join(', ')}.`;
      return { plan, allowed: true, reason, fix: null, ...used };
    },
  };
}

/** A rule that became shorter shortens what it gave. */
function endOf(documents: readonly PolicyDocument[], { rule, kind, fromMs, untilMs }: HeldGrant): number {
  const document = documents.find(({ name }) => name === rule);
  if (document?.kind !== 'AccessRequest') return 0;
  return Math.min(untilMs, fromMs + longestOf(document, kind));
}

function grantsOfPlan(
  documents: readonly PolicyDocument[],
  access: Plan['access'],
  grants: readonly HeldGrant[],
): Pick<AccessDecision, 'grants' | 'endsAtMs'> {
  const names = new Set(access.map(({ rule }) => rule));
  const wanted = documents.flatMap((document) =>
    document.kind === 'Access' && names.has(document.name) && document.spec.grant !== undefined
      ? [document.spec.grant]
      : [],
  );
  if (wanted.length === 0) return { grants: [], endsAtMs: null };
  const used = grants.filter((grant) => wanted.some((one) => opensBy(one, grant)));
  // Each part lasts as long as the longest of its grants; the session lasts as long as all parts do.
  const ends = wanted.map((one) =>
    Math.max(...grants.filter((grant) => opensBy(one, grant)).map(({ untilMs }) => untilMs)),
  );
  return { grants: used, endsAtMs: Math.min(...ends) };
}

function commandToAsk(
  documents: readonly PolicyDocument[],
  principal: Principal,
  connection: ConnectionFacts,
): string | null {
  const rules = rulesThatOpen(documents, principal, connection);
  const [rule] = rules.filter(isAskable);
  const ticket = rule?.spec.ticket === 'required' ? ' --ticket TICKET' : '';
  const ask =
    rule && `Ask for it: weir requests new ${connection.name} --for ${rule.spec.longest} --reason WHY${ticket}`;
  const [glass] = breakGlassRules(documents, principal, connection).filter((one) => rules.includes(one));
  const emergency = glass && `In an emergency: weir break-glass ${connection.name} --reason WHY`;
  return [ask, emergency].filter((text) => text !== undefined).join('. ') || null;
}
