import { SetMetadata } from '@nestjs/common';
import type { Role } from './caller.ts';

/** Key of a route's permission in its metadata. */
export const permissionKey = 'weir:permission';
/** Who may call a route: everybody, everybody signed in, or holders of one of the roles. */
export type Permission = 'public' | 'signed-in' | readonly Role[];

/** The route needs no sign-in. */
export const Public = () => SetMetadata(permissionKey, 'public' satisfies Permission);
/** The route is for holders of one of these roles. Without this and Public, a route is for everybody signed in. */
export const OnlyFor = (...roles: Role[]) => SetMetadata(permissionKey, roles satisfies Permission);
