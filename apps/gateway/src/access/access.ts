import type { ConnectionSpec } from '@weir/api';
import { compilePlan, type Plan } from '@weir/policy';
import type { ConnectionFacts, Principal } from '@weir/proto';
import type { Policies } from '../policies/policies.ts';

/** What policy says of one principal on one connection now. */
export interface AccessDecision {
  readonly plan: Plan;
  readonly allowed: boolean;
  /** One sentence. */
  readonly reason: string;
}

/** The one place that turns the applied policy into a plan. */
export interface Access {
  compile(principal: Principal, connection: ConnectionSpec): AccessDecision;
}

/** What policy knows of a connection. */
export function factsOf(connection: ConnectionSpec): ConnectionFacts {
  return { name: connection.name, protocol: connection.target.protocol, labels: connection.labels };
}

/** Makes the use-case. */
export function createAccess(policies: Pick<Policies, 'current'>): Access {
  return {
    compile: (principal, connection) => {
      const { documents, version } = policies.current;
      const plan = compilePlan(documents, principal, factsOf(connection), { policyVersion: version });
      if (!plan.allowed) return { plan, allowed: false, reason: plan.reason ?? 'No access rule allows it.' };
      return { plan, allowed: true, reason: `Allowed by ${plan.access.map((rule) => rule.rule).join(', ')}.` };
    },
  };
}
