import type { Principal } from '@weir/proto';
import type { MachineSignIn } from '../store/users.ts';
import type { Role } from './permissions.ts';

/** Who is behind a request of the API. Groups and roles are those of this moment, from the store. */
export interface Caller {
  /** Id of the account. */
  readonly id: string;
  readonly name: string;
  readonly kind: 'person' | 'service' | 'ai-agent';
  /** From all sources: account, directory, upstream identities. */
  readonly groups: readonly string[];
  /** Of the account, and those that its groups give. */
  readonly roles: readonly Role[];
  /** The human behind all linked accounts; null for services. Who decides about a request must differ in this from who made it. */
  readonly personId: string | null;
  /** The person for whom a service or an AI agent acts. */
  readonly actingFor?: { readonly id: string; readonly name: string; readonly groups: readonly string[] } | undefined;
  /** When he signed in, milliseconds since the epoch. */
  readonly authTimeMs: number;
  /** When he last used a second factor in this sign-in; null = not yet. */
  readonly mfaAtMs: number | null;
  /** Names the token in the log and for revocation; it is not the token. */
  readonly tokenId: string;
  readonly expiresAt: Date;
  /** Where the request came from; null for calls from within. */
  readonly clientAddress: string | null;
  /** How a service or an AI agent signed in, and what bounds it; absent for people. */
  readonly machine?: MachineSignIn;
}

/** The caller as policy sees him. */
export function principalOf({
  id,
  name,
  kind,
  groups,
  actingFor,
}: Pick<Caller, 'id' | 'name' | 'kind' | 'groups' | 'actingFor'>): Principal {
  return { id, name, kind, groups: [...groups], ...(actingFor && { actingFor }) };
}

/** Is the caller an admin or auditor, who see what all people do? */
export function seesAll(caller: Pick<Caller, 'roles'>): boolean {
  return caller.roles.includes('admin') || caller.roles.includes('auditor');
}
