import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { PolicyDocumentSet } from '@weir/api';
import { WeirError } from '@weir/errors';
import { formatFinding, lintPolicies, type PolicyDocument, parsePolicies } from '@weir/policy';
import type { AuditLog } from '../audit/audit-log.ts';
import { createTurns } from '../control/turns.ts';
import { type Precondition, requirePrecondition, versionsIn } from '../http/precondition.ts';
import type { AppliedPolicy, PolicyRepository } from '../store/policies.ts';
import { documentChanges } from './document-changes.ts';

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
  /** Checks, stores, puts in force; resolves when live sessions have the new rules. @throws WeirError policy_invalid, precondition_failed, not_permitted. */
  apply(text: string, by: string, options?: ApplyOptions): Promise<PolicyDocumentSet>;
  onChange(listener: () => Promise<void>): void;
}

/** How to apply. */
export interface ApplyOptions {
  /** What the text is called in errors and in the audit log; `policy` when absent. */
  readonly sourceName?: string;
  /** The version that must be in force. */
  readonly onlyIf?: Precondition;
  /** May the one who applies it change what gives jobs a role at the gateway? Yes when absent. */
  readonly mayGiveRoles?: boolean;
}

/** Makes the use-cases. */
export function createPolicies(parts: { policies: PolicyRepository; audit: AuditLog }): Policies {
  let current: PolicyInForce = { version: 'none', documents: [] };
  const listeners: (() => Promise<void>)[] = [];
  // Applies one after the other, so that what is in force is the newest version of the store.
  const inTurn = createTurns();
  const requireVersion = async (onlyIf: Precondition): Promise<void> => {
    if (onlyIf.match === undefined && onlyIf.noneMatch === undefined) return;
    const newest = await parts.policies.newest();
    const [known = ''] = versionsIn(onlyIf);
    const seen = newest === undefined ? undefined : await parts.policies.find(known);
    const changes = seen === undefined ? [] : documentChanges(parsePolicies(seen.text, known), current.documents);
    const version = newest && { ...newest, changedAt: newest.appliedAt, changedBy: newest.appliedBy, changes };
    requirePrecondition(onlyIf, version, 'The policy');
  };
  const readAudited = async (text: string, by: string, sourceName: string, mayGiveRoles: boolean) => {
    try {
      const read = readPolicy(text, sourceName);
      if (!mayGiveRoles) refuseRoles(read.documents, current.documents);
      return read;
    } catch (error) {
      const detail = { message: error instanceof Error ? error.message : String(error) };
      await parts.audit.append({ actor: by, action: 'policy-refused', subject: sourceName, detail });
      throw error;
    }
  };
  const apply = async (
    text: string,
    by: string,
    { sourceName = 'policy', onlyIf = {}, mayGiveRoles = true }: ApplyOptions,
  ): Promise<PolicyDocumentSet> => {
    await requireVersion(onlyIf);
    const { documents, warnings } = await readAudited(text, by, sourceName, mayGiveRoles);
    const before = current.version === 'none' ? null : { version: current.version };
    // The texts themselves stay in the store, each under its version.
    const after = { sha256: createHash('sha256').update(text).digest('hex'), documents: documents.length };
    const changes = documentChanges(current.documents, documents);
    const detail = { before, after, changes, warnings };
    await parts.audit.append({ actor: by, action: 'policy-applied', subject: sourceName, detail });
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
    apply: (text, by, applyOptions = {}) => inTurn(() => apply(text, by, applyOptions)),
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

/** Who writes policy could otherwise give a job of his own a role that he has not. */
function refuseRoles(documents: readonly PolicyDocument[], current: readonly PolicyDocument[]): void {
  for (const { kind, name, spec } of documents) {
    if (kind !== 'WorkloadTrust' || spec.roles === undefined) continue;
    const before = current.find((document) => document.kind === kind && document.name === name);
    if (isDeepStrictEqual(before?.spec, spec)) continue;
    throw new WeirError('not_permitted', `The rule ${name} gives jobs the role ${spec.roles.join(', ')}.`, {
      why: 'Such a rule is made and changed by those alone who may give people roles.',
      fix: 'Let an administrator apply this policy, or leave "roles" out.',
    });
  }
}

function viewOf(applied: AppliedPolicy): PolicyDocumentSet {
  const { version, text, appliedAt, appliedBy } = applied;
  return { version, text, appliedAt: appliedAt.toISOString(), appliedBy };
}
