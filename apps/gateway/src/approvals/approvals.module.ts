import { type DynamicModule, Module } from '@nestjs/common';
import { APPROVALS, ApprovalsController } from './approvals.controller.ts';
import type { Approvals } from './approvals.ts';
import { REQUEST_PAGES, type RequestPages, RequestPagesController } from './request-pages.controller.ts';

@Module({})
class ApprovalsModule {}

/** Approval requests and decisions, over the API and on pages. */
export function approvalsModule(approvals: Approvals, pages: Omit<RequestPages, 'approvals'>): DynamicModule {
  return {
    module: ApprovalsModule,
    controllers: [ApprovalsController, RequestPagesController],
    providers: [
      { provide: APPROVALS, useValue: approvals },
      { provide: REQUEST_PAGES, useValue: { approvals, ...pages } satisfies RequestPages },
    ],
  };
}
