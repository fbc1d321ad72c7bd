import { SetMetadata } from '@nestjs/common';

/** Roles of people at the gateway itself, beside `member`, which is everybody who is signed in. Who may decide a request is said by rules through groups. */
export const roles = ['admin', 'policy-editor', 'approver', 'auditor'] as const;
export type Role = (typeof roles)[number];

/** What a route can ask for: the thing, then `read` (it changes nothing) or another word for what is done with it. */
export const permissions = [
  'account:read',
  'account:write',
  'users:read',
  'users:write',
  'connections:use',
  'connections:write',
  'connections:test',
  'sessions:open',
  'sessions:read',
  'sessions:end',
  'sessions:watch',
  'requests:read',
  'requests:write',
  'requests:decide',
  'grants:read',
  'grants:write',
  'budgets:read',
  'policy:read',
  'policy:write',
  'agents:read',
  'agents:write',
  'ssh:read',
  'ssh:write',
  'audit:read',
  'recordings:read',
  'notifications:read',
  'status:read',
] as const;
export type Permission = (typeof permissions)[number];

/** Members see and change what is their own; the use-cases show them nothing else. */
const ofMembers: readonly Permission[] = [
  'account:read',
  'account:write',
  'connections:use',
  'sessions:open',
  'sessions:read',
  'sessions:end',
  'sessions:watch',
  'requests:read',
  'requests:write',
  'requests:decide',
  'grants:read',
  'grants:write',
  'budgets:read',
  'status:read',
];
const ofRole: Readonly<Record<Role, ReadonlySet<Permission>>> = {
  approver: new Set(ofMembers),
  auditor: new Set([...ofMembers, ...permissions.filter((permission) => permission.endsWith(':read'))]),
  'policy-editor': new Set([...ofMembers, 'policy:read', 'policy:write']),
  admin: new Set(permissions),
};

/** Does one of the roles give the permission, or being signed in alone? */
export function isPermitted(held: readonly Role[], permission: Permission): boolean {
  return ofMembers.includes(permission) || held.some((role) => ofRole[role].has(permission));
}

/** Roles that give the permission, for the sentence of a refusal. */
export function rolesWith(permission: Permission): Role[] {
  return roles.filter((role) => ofRole[role].has(permission));
}

/** Is this word a role? */
export function isRole(word: string): word is Role {
  return (roles as readonly string[]).includes(word);
}

/** Key of a route's declaration in its metadata. */
export const declarationKey = 'weir:permission';
/** Who may call a route: everybody, everybody signed in, or holders of a permission. A route without a declaration stops the gateway's start. */
export type Declaration = 'public' | 'signed-in' | Permission;

/** The route needs no sign-in. */
export const Public = () => SetMetadata(declarationKey, 'public' satisfies Declaration);
/** The route is for everybody signed in, whatever they may do. */
export const SignedIn = () => SetMetadata(declarationKey, 'signed-in' satisfies Declaration);
/** The route is for those who hold this permission. */
export const Needs = (permission: Permission) => SetMetadata(declarationKey, permission satisfies Declaration);
