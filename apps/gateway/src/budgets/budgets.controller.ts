import { Controller, Get, Inject } from '@nestjs/common';
import type { BudgetView } from '@weir/api';
import { CurrentCaller } from '../identity/auth-guard.ts';
import type { Caller } from '../identity/caller.ts';
import { Needs } from '../identity/permissions.ts';
import type { Budgets } from './budgets.ts';

export const BUDGETS = Symbol('budgets');

/** Routes of budgets. */
@Controller('api/v1/budgets')
export class BudgetsController {
  constructor(@Inject(BUDGETS) private readonly budgets: Budgets) {}

  @Needs('budgets:read')
  @Get()
  list(@CurrentCaller() caller: Caller): Promise<BudgetView[]> {
    return this.budgets.list(caller);
  }
}
