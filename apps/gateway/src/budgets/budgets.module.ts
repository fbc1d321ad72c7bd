import { type DynamicModule, Module } from '@nestjs/common';
import { BUDGETS, BudgetsController } from './budgets.controller.ts';
import type { Budgets } from './budgets.ts';

@Module({})
class BudgetsModule {}

/** What people have used of their budgets. */
export function budgetsModule(useValue: Budgets): DynamicModule {
  return {
    module: BudgetsModule,
    controllers: [BudgetsController],
    providers: [{ provide: BUDGETS, useValue }],
  };
}
