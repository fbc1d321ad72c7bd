import type { UserRow } from '../store/users.ts';
import { isRole, type Role, roles } from './permissions.ts';

/** Which groups give which role (`identity.roles` of the configuration). */
export type RoleGroups = Readonly<Partial<Record<Role, { readonly groups: readonly string[] }>>>;

/**
 * Roles that an account has now: its own, and those that its groups give. Services and AI agents have their own alone, and approve nothing: what gives
 * them groups must not make them administrators. Words of a later version are left out.
 */
export function effectiveRoles(user: Pick<UserRow, 'roles' | 'groups' | 'kind'>, byGroup: RoleGroups): Role[] {
  if (user.kind !== 'person') return ownRoles(user).filter((role) => role !== 'approver');
  const groups = new Set(user.groups);
  const ofGroups = roles.filter((role) => byGroup[role]?.groups.some((group) => groups.has(group)) ?? false);
  return roles.filter((role) => ofGroups.includes(role) || user.roles.includes(role));
}

/** Roles of the account itself; words of a later version are left out. */
export function ownRoles(user: Pick<UserRow, 'roles'>): Role[] {
  return user.roles.filter(isRole);
}
