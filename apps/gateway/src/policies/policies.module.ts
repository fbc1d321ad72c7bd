import { type DynamicModule, Module } from '@nestjs/common';
import { POLICIES, PoliciesController } from './policies.controller.ts';
import type { Policies } from './policies.ts';

@Module({})
class PoliciesModule {}

/** The policy in force and its history. */
export function policiesModule(useValue: Policies): DynamicModule {
  return { module: PoliciesModule, controllers: [PoliciesController], providers: [{ provide: POLICIES, useValue }] };
}
