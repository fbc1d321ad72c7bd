import { createHash } from 'node:crypto';
import type { PolicyDocument, WorkloadTrustDocument } from '@weir/policy';
import type { MachineRepository } from '../../store/machines.ts';
import type { MachineSignIn, UserRepository } from '../../store/users.ts';

/** Says whether what a machine has signed in by still holds: its key, its rule, its owner, the person for whom it acts. */
export interface MachineStanding {
  /** Why it holds no longer, as a sentence without full stop; undefined = it holds. `name` is the account's. */
  problemOf(name: string, machine: MachineSignIn): Promise<string | undefined>;
}

/** What it stands on. */
export interface StandingParts {
  readonly users: Pick<UserRepository, 'findByName' | 'findById'>;
  readonly machines: Pick<MachineRepository, 'findKey' | 'findDelegation'>;
  readonly documents: () => readonly PolicyDocument[];
  readonly now: () => number;
}

/** Makes the check. It reads everything anew: a session that was opened an hour ago is asked by what holds now. */
export function createMachineStanding(parts: StandingParts): MachineStanding {
  return {
    problemOf: async (name, machine) =>
      ruleProblem(parts, machine) ??
      (machine.keyId === null ? undefined : await keyProblem(parts, name, machine.keyId)) ??
      (machine.delegationId === null ? undefined : await delegationProblem(parts, machine.delegationId)),
  };
}

/** Fingerprint of a trust rule: a rule that changed is another one. */
export function ruleHash({ spec }: WorkloadTrustDocument): string {
  return createHash('sha256').update(JSON.stringify(spec)).digest('hex');
}

function ruleProblem({ documents }: StandingParts, { trustRule, trustHash }: MachineSignIn): string | undefined {
  if (trustRule === null) return undefined;
  const rule = documents().find(({ kind, name }) => kind === 'WorkloadTrust' && name === trustRule);
  if (rule?.kind !== 'WorkloadTrust') return `the trust rule ${trustRule} is gone`;
  return ruleHash(rule) === trustHash ? undefined : `the trust rule ${trustRule} changed`;
}

async function keyProblem({ users, machines, now }: StandingParts, name: string, id: string) {
  const key = await machines.findKey(id);
  if (key === undefined || key.revoked_at !== null) return `the key ${id} was revoked`;
  if (key.expires_at.getTime() <= now()) return `the key ${id} has expired`;
  return ownerProblem({ users }, name);
}

/** A service account does not outlive the person who answers for it. */
export async function ownerProblem({ users }: Pick<StandingParts, 'users'>, name: string): Promise<string | undefined> {
  const ownerId = (await users.findByName(name))?.owner_id ?? null;
  const owner = ownerId === null ? undefined : await users.findById(ownerId);
  if (owner === undefined) return `nobody answers for ${name}`;
  return owner.disabled ? `the account of ${owner.name}, who answers for ${name}, is disabled` : undefined;
}

async function delegationProblem({ users, machines, now }: StandingParts, id: string): Promise<string | undefined> {
  const delegation = await machines.findDelegation(id);
  const person = delegation && (await users.findById(delegation.person_id));
  if (delegation === undefined || delegation.revoked_at !== null || person === undefined) {
    return 'the person for whom it acts does not want that any more';
  }
  if (delegation.expires_at.getTime() <= now()) return `the time is over for which it acts for ${person.name}`;
  return person.disabled ? `the account of ${person.name}, for whom it acts, is disabled` : undefined;
}
