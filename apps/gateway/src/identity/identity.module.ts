import { type DynamicModule, Module } from '@nestjs/common';
import type { Policies } from '../policies/policies.ts';
import { IDENTITY, IdentityController, POLICY_IN_FORCE } from './identity.controller.ts';
import type { Identity } from './identity.ts';

@Module({})
class IdentityModule {}

/** Sign-in, accounts and tokens. */
export function identityModule(identity: Identity, policies: Pick<Policies, 'current'>): DynamicModule {
  return {
    module: IdentityModule,
    controllers: [IdentityController],
    providers: [
      { provide: IDENTITY, useValue: identity },
      { provide: POLICY_IN_FORCE, useValue: policies },
    ],
  };
}
