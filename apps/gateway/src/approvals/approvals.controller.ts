import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { type ApprovalRequest, decideRequestSchema, listRequestsQuerySchema, type RequestDetails } from '@weir/api';
import type { z } from 'zod';
import { type Page, Paging } from '../http/paging.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { CurrentCaller } from '../identity/auth-guard.ts';
import type { Caller } from '../identity/caller.ts';
import { Needs } from '../identity/permissions.ts';
import type { Keyset } from '../store/keyset.ts';
import type { Approvals } from './approvals.ts';

export const APPROVALS = Symbol('approvals');

/** Routes of approval requests. */
@Controller('api/v1/requests')
export class ApprovalsController {
  constructor(@Inject(APPROVALS) private readonly approvals: Approvals) {}

  @Needs('requests:read')
  @Get()
  list(
    @Query(new ZodPipe(listRequestsQuerySchema)) query: z.output<typeof listRequestsQuerySchema>,
    @CurrentCaller() caller: Caller,
    @Paging({ query: listRequestsQuerySchema }) page: Keyset,
  ): Promise<Page<ApprovalRequest>> {
    return this.approvals.list(caller, query, page);
  }

  @Needs('requests:read')
  @Get(':id')
  show(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<RequestDetails> {
    return this.approvals.show(caller, id);
  }

  @Needs('requests:decide')
  @Post(':id/decision')
  @HttpCode(200)
  decide(
    @Param('id') id: string,
    @Body(new ZodPipe(decideRequestSchema)) body: z.output<typeof decideRequestSchema>,
    @CurrentCaller() caller: Caller,
  ): Promise<ApprovalRequest> {
    return this.approvals.decide(caller, id, body);
  }
}
