import { createHash } from 'node:crypto';
import type { ConnectionSpec } from '@weir/api';
import type { PolicyDocument } from '@weir/policy';
import { factsOf } from '../access/access.ts';
import { targetOf } from '../connections/target.ts';

/** An account as it is now. */
export interface Standing {
  readonly id: string;
  /** Ids of the humans behind it: of the person, of all his linked accounts, or of the owner of a service. */
  readonly people: readonly string[];
  readonly groups: readonly string[];
}

/** What a request was asked under: the policy, the account's groups, and where the connection leads. */
export interface Circumstances {
  /**
   * Of everything, as hexadecimal SHA-256; null when an account is gone or disabled, or the connection is gone.
   * @param actingFor name of the person for whom the principal acts
   */
  of(principal: string, connection: string, actingFor: string | null): Promise<string | null>;
}

/** Makes the reader. All is read anew: a request is worth nothing under other circumstances. */
export function createCircumstances(parts: {
  readonly policies: { readonly current: { readonly documents: readonly PolicyDocument[] } };
  readonly standingOf: (name: string) => Promise<Standing | undefined>;
  readonly findConnection: (name: string) => Promise<ConnectionSpec | undefined>;
}): Circumstances {
  const policyHashes = new WeakMap<object, string>();
  const policyHash = (): string => {
    const { documents } = parts.policies.current;
    const hash = policyHashes.get(documents) ?? hashOf(documents);
    policyHashes.set(documents, hash);
    return hash;
  };
  return {
    of: async (principal, connection, actingFor) => {
      const [standing, spec] = await Promise.all([parts.standingOf(principal), parts.findConnection(connection)]);
      if (standing === undefined || spec === undefined) return null;
      const behind = actingFor === null ? null : await parts.standingOf(actingFor);
      if (behind === undefined) return null;
      const accounts = behind === null ? accountOf(standing) : [accountOf(standing), accountOf(behind)];
      return hashOf([policyHash(), accounts, factsOf(spec), targetOf(spec), spec.agent]);
    },
  };
}

function accountOf({ id, groups }: Standing) {
  return [id, [...groups].sort()];
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
