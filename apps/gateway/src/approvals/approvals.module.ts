import { type DynamicModule, Module } from '@nestjs/common';
import { APPROVALS, ApprovalsController } from './approvals.controller.ts';
import type { Approvals } from './approvals.ts';

@Module({})
class ApprovalsModule {}

/** Approval requests and decisions. */
export function approvalsModule(useValue: Approvals): DynamicModule {
  return {
    module: ApprovalsModule,
    controllers: [ApprovalsController],
    providers: [{ provide: APPROVALS, useValue }],
  };
}
