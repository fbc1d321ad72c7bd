import { createHash } from 'node:crypto';
import type { PolicyDocument, WorkloadTrustDocument } from '@weir/policy';
import type { MachineRepository } from '../../store/machines.ts';
import type { MachineSignIn, UserRepository } from '../../store/users.ts';

/** What a machine stands on now: why it holds no longer, as a sentence without full stop, or when it ends, milliseconds since the epoch. */
export type Standing = { readonly problem: string } | { readonly problem: undefined; readonly endsAtMs: number };

/** Says whether what a machine has signed in by still holds: its key, its rule, its owner, the person for whom it acts. */
export interface MachineStanding {
  /** `name` is the account's. */
  of(name: string, machine: MachineSignIn): Promise<Standing>;
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
    of: async (name, machine) => {
      const { keyId, delegationId, endsAt } = machine;
      const found = [
        ruleStanding(parts, machine),
        keyId === null ? holds : await keyStanding(parts, name, keyId),
        delegationId === null ? holds : await delegationStanding(parts, delegationId),
      ];
      const ends = [endsAt.getTime()];
      for (const standing of found) {
        if (standing.problem !== undefined) return standing;
        ends.push(standing.endsAtMs);
      }
      return { problem: undefined, endsAtMs: Math.min(...ends) };
    },
  };
}

const holds: Standing = { problem: undefined, endsAtMs: Number.POSITIVE_INFINITY };

/** Fingerprint of a trust rule: a rule that changed is another one. */
export function ruleHash({ spec }: WorkloadTrustDocument): string {
  return createHash('sha256').update(JSON.stringify(spec)).digest('hex');
}

function ruleStanding({ documents }: StandingParts, { trustRule, trustHash }: MachineSignIn): Standing {
  if (trustRule === null) return holds;
  const rule = documents().find(({ kind, name }) => kind === 'WorkloadTrust' && name === trustRule);
  if (rule?.kind !== 'WorkloadTrust') return { problem: `the trust rule ${trustRule} is gone` };
  return ruleHash(rule) === trustHash ? holds : { problem: `the trust rule ${trustRule} changed` };
}

async function keyStanding({ users, machines, now }: StandingParts, name: string, id: string): Promise<Standing> {
  const key = await machines.findKey(id);
  if (key === undefined || key.revoked_at !== null) return { problem: `the key ${id} was revoked` };
  const endsAtMs = key.expires_at.getTime();
  if (endsAtMs <= now()) return { problem: `the key ${id} has expired` };
  const problem = await ownerProblem({ users }, name);
  return problem === undefined ? { problem, endsAtMs } : { problem };
}

/** A service account does not outlive the person who answers for it. */
export async function ownerProblem({ users }: Pick<StandingParts, 'users'>, name: string): Promise<string | undefined> {
  const ownerId = (await users.findByName(name))?.owner_id ?? null;
  const owner = ownerId === null ? undefined : await users.findById(ownerId);
  if (owner === undefined) return `nobody answers for ${name}`;
  return owner.disabled ? `the account of ${owner.name}, who answers for ${name}, is disabled` : undefined;
}

async function delegationStanding({ users, machines, now }: StandingParts, id: string): Promise<Standing> {
  const delegation = await machines.findDelegation(id);
  const person = delegation && (await users.findById(delegation.person_id));
  if (delegation === undefined || delegation.revoked_at !== null || person === undefined) {
    return { problem: 'the person for whom it acts does not want that any more' };
  }
  const endsAtMs = delegation.expires_at.getTime();
  if (endsAtMs <= now()) return { problem: `the time is over for which it acts for ${person.name}` };
  if (person.disabled) return { problem: `the account of ${person.name}, for whom it acts, is disabled` };
  return { problem: undefined, endsAtMs };
}
