import { type DynamicModule, Module } from '@nestjs/common';
import { createDelegations } from './delegations.ts';
import type { ServiceAccountParts } from './parts.ts';
import {
  DELEGATIONS,
  DelegationsController,
  SERVICE_ACCOUNTS,
  SERVICE_KEYS,
  ServiceAccountsController,
} from './service-accounts.controller.ts';
import { createServiceAccounts } from './service-accounts.ts';
import { createServiceKeys } from './service-keys.ts';

@Module({})
class ServiceAccountsModule {}

/** Service accounts, their keys, and people who let them act for themselves. */
export function serviceAccountsModule(parts: ServiceAccountParts): DynamicModule {
  return {
    module: ServiceAccountsModule,
    controllers: [ServiceAccountsController, DelegationsController],
    providers: [
      { provide: SERVICE_ACCOUNTS, useValue: createServiceAccounts(parts) },
      { provide: SERVICE_KEYS, useValue: createServiceKeys(parts) },
      { provide: DELEGATIONS, useValue: createDelegations(parts) },
    ],
  };
}
