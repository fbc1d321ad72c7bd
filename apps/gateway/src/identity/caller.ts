import type { Principal } from '@weir/proto';
import type { UserRow } from '../store/users.ts';
import { isRole, type Role } from './permissions.ts';

/** The signed-in person behind a request of the API. */
export interface Caller {
  readonly id: string;
  readonly name: string;
  readonly groups: readonly string[];
  readonly roles: readonly Role[];
  readonly tokenHash: Buffer;
  readonly expiresAt: Date;
}

/** The caller as policy sees him. */
export function principalOf(person: { id: string; name: string; groups: readonly string[] }): Principal {
  return { id: person.id, name: person.name, kind: 'person', groups: [...person.groups] };
}

/** Roles of an account; words of a later version are left out. */
export function rolesOf(user: UserRow): Role[] {
  return user.roles.filter(isRole);
}

/** Is the caller an admin or auditor, who see what all people do? */
export function seesAll(caller: Pick<Caller, 'roles'>): boolean {
  return caller.roles.includes('admin') || caller.roles.includes('auditor');
}
