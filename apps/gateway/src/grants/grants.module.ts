import { type DynamicModule, Module } from '@nestjs/common';
import { ACCESS_REQUESTS, AccessRequestsController } from './access-requests.controller.ts';
import type { AccessRequests } from './access-requests.ts';
import { GRANTS, GrantsController } from './grants.controller.ts';
import type { Grants } from './grants.ts';

@Module({})
class GrantsModule {}

/** Requests for access, and grants. */
export function grantsModule(requests: AccessRequests, grants: Grants): DynamicModule {
  return {
    module: GrantsModule,
    controllers: [AccessRequestsController, GrantsController],
    providers: [
      { provide: ACCESS_REQUESTS, useValue: requests },
      { provide: GRANTS, useValue: grants },
    ],
  };
}
