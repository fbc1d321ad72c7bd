import { type DynamicModule, Module } from '@nestjs/common';
import { SCIM_GROUPS, SCIM_USERS, ScimGroupsController, ScimUsersController } from './scim.controller.ts';
import { SCIM_BASE, ScimDiscoveryController } from './scim-discovery.controller.ts';
import { createScimGroups } from './scim-groups.ts';
import { SCIM_DOOR, type ScimDoor } from './scim-guard.ts';
import type { ScimParts } from './scim-parts.ts';
import { createScimUsers } from './scim-users.ts';

@Module({})
class ScimModule {}

/** Provisioning of accounts and groups by a directory (SCIM 2.0). */
export function scimModule(parts: ScimParts, door: ScimDoor): DynamicModule {
  return {
    module: ScimModule,
    controllers: [ScimUsersController, ScimGroupsController, ScimDiscoveryController],
    providers: [
      { provide: SCIM_USERS, useValue: createScimUsers(parts) },
      { provide: SCIM_GROUPS, useValue: createScimGroups(parts) },
      { provide: SCIM_BASE, useValue: parts.base },
      { provide: SCIM_DOOR, useValue: door },
    ],
  };
}
