import type { User } from '@weir/api';
import type { UserRow } from '../../store/users.ts';
import { effectiveRoles, ownRoles, type RoleGroups } from '../effective-roles.ts';

/** An account as administrators and auditors see it. `linked` are the names of the other accounts of the same person. */
export function viewOf(user: UserRow, roleGroups: RoleGroups, linked: readonly string[]): User {
  return {
    id: user.id,
    name: user.name,
    displayName: user.display_name,
    email: user.email,
    source: user.source,
    groups: user.own_groups,
    effectiveGroups: user.groups,
    roles: ownRoles(user),
    effectiveRoles: effectiveRoles(user, roleGroups),
    disabled: user.disabled,
    emergency: user.emergency,
    hasPassword: user.password_hash !== null,
    linkedTo: [...linked],
    createdAt: user.created_at.toISOString(),
    lastSignInAt: user.last_sign_in_at?.toISOString() ?? null,
  };
}

/** What the audit log shows of an account before and after a change: only what differs. */
export function differenceOf(before: object, after: object): { before: object; after: object } {
  const [old, now] = [before as Record<string, unknown>, after as Record<string, unknown>];
  const keys = Object.keys(now).filter((key) => JSON.stringify(old[key]) !== JSON.stringify(now[key]));
  const pick = (from: Record<string, unknown>) => Object.fromEntries(keys.map((key) => [key, from[key] ?? null]));
  return { before: pick(old), after: pick(now) };
}
