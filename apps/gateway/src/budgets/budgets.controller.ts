import { Controller, Get, Inject } from '@nestjs/common';
import type { BudgetView } from '@weir/api';
import { type Page, Paging, pageOf } from '../http/paging.ts';
import { CurrentCaller } from '../identity/auth-guard.ts';
import type { Caller } from '../identity/caller.ts';
import { Needs } from '../identity/permissions.ts';
import type { Keyset } from '../store/keyset.ts';
import type { Budgets } from './budgets.ts';

export const BUDGETS = Symbol('budgets');

/** Routes of budgets. */
@Controller('api/v1/budgets')
export class BudgetsController {
  constructor(@Inject(BUDGETS) private readonly budgets: Budgets) {}

  @Needs('budgets:read')
  @Get()
  async list(@CurrentCaller() caller: Caller, @Paging() page: Keyset): Promise<Page<BudgetView>> {
    const budgets = await this.budgets.list(caller);
    return pageOf(budgets, page, ({ principal, rule, per, resetsAt }) => [principal, rule, per, resetsAt]);
  }
}
