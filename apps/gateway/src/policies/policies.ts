import type { PolicyDocumentSet } from '@weir/api';
import { WeirError } from '@weir/errors';
import { formatFinding, lintPolicies, type PolicyDocument, parsePolicies } from '@weir/policy';
import type { AuditLog } from '../audit/audit-log.ts';
import type { AppliedPolicy, PolicyRepository } from '../store/policies.ts';

/** The policy in force, read. */
export interface PolicyInForce {
  readonly version: string;
  readonly documents: readonly PolicyDocument[];
}

/** The applied policy: one text with all documents, versioned. */
export interface Policies {
  /** Reads the newest version from the store. Before, and without one, nothing is allowed. */
  load(): Promise<void>;
  readonly current: PolicyInForce;
  /** @throws WeirError not_found when none was applied yet. */
  get(): Promise<PolicyDocumentSet>;
  /** Checks, stores, puts in force; resolves when live sessions have the new rules. @throws WeirError policy_invalid. */
  apply(text: string, by: string, sourceName?: string): Promise<PolicyDocumentSet>;
  onChange(listener: () => Promise<void>): void;
}

/** Makes the use-cases. */
export function createPolicies(parts: { policies: PolicyRepository; audit: AuditLog }): Policies {
  let current: PolicyInForce = { version: 'none', documents: [] };
  const listeners: (() => Promise<void>)[] = [];
  // Applies one after the other, so that what is in force is the newest version of the store.
  let turn: Promise<unknown> = Promise.resolve();
  const readAudited = async (text: string, by: string, sourceName: string) => {
    try {
      return readPolicy(text, sourceName);
    } catch (error) {
      const detail = { message: error instanceof Error ? error.message : String(error) };
      await parts.audit.append({ actor: by, action: 'policy-refused', subject: sourceName, detail });
      throw error;
    }
  };
  const apply = async (text: string, by: string, sourceName: string): Promise<PolicyDocumentSet> => {
    const { documents, warnings } = await readAudited(text, by, sourceName);
    await parts.audit.append({
      actor: by,
      action: 'policy-applied',
      subject: sourceName,
      detail: { documents: documents.length, warnings, replaces: current.version },
    });
    const stored = await parts.policies.add(text, by);
    current = { version: stored.version, documents };
    for (const listener of listeners) await listener();
    return viewOf(stored);
  };
  return {
    load: async () => {
      const newest = await parts.policies.newest();
      if (newest !== undefined) {
        current = { version: newest.version, documents: parsePolicies(newest.text, `policy ${newest.version}`) };
      }
    },
    get current() {
      return current;
    },
    get: async () => {
      const newest = await parts.policies.newest();
      if (newest !== undefined) return viewOf(newest);
      throw new WeirError('not_found', 'No policy was applied yet, so nothing is allowed.', {
        fix: 'Run: weir policy apply FILE',
      });
    },
    apply: (text, by, sourceName = 'policy') => {
      const result = turn.then(() => apply(text, by, sourceName));
      turn = result.catch(() => undefined);
      return result;
    },
    onChange: (listener) => {
      listeners.push(listener);
    },
  };
}

function readPolicy(text: string, sourceName: string): { documents: PolicyDocument[]; warnings: string[] } {
  const documents = parsePolicies(text, sourceName);
  if (documents.length === 0) {
    throw new WeirError('policy_invalid', 'The policy holds no documents.', {
      why: 'Applied as it is, it would take all access away.',
      fix: 'Send the text of all policy documents, separated by lines of ---.',
    });
  }
  return { documents, warnings: lintPolicies(text, sourceName).map(formatFinding) };
}

function viewOf(applied: AppliedPolicy): PolicyDocumentSet {
  const { version, text, appliedAt, appliedBy } = applied;
  return { version, text, appliedAt: appliedAt.toISOString(), appliedBy };
}
