import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import {
  type AccessRequest,
  decideRequestSchema,
  listAccessRequestsQuerySchema,
  newAccessRequestSchema,
} from '@weir/api';
import type { z } from 'zod';
import { type Page, Paging } from '../http/paging.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { CurrentCaller } from '../identity/auth-guard.ts';
import type { Caller } from '../identity/caller.ts';
import { Needs } from '../identity/permissions.ts';
import type { Keyset } from '../store/keyset.ts';
import type { AccessRequests } from './access-requests.ts';

export const ACCESS_REQUESTS = Symbol('access requests');

/** Routes of requests for access. */
@Controller('api/v1/access-requests')
export class AccessRequestsController {
  constructor(@Inject(ACCESS_REQUESTS) private readonly requests: AccessRequests) {}

  @Needs('requests:write')
  @Post()
  ask(
    @Body(new ZodPipe(newAccessRequestSchema)) body: z.output<typeof newAccessRequestSchema>,
    @CurrentCaller() caller: Caller,
  ): Promise<AccessRequest> {
    return this.requests.ask(caller, body);
  }

  @Needs('requests:read')
  @Get()
  list(
    @Query(new ZodPipe(listAccessRequestsQuerySchema)) query: z.output<typeof listAccessRequestsQuerySchema>,
    @CurrentCaller() caller: Caller,
    @Paging({ query: listAccessRequestsQuerySchema }) page: Keyset,
  ): Promise<Page<AccessRequest>> {
    return this.requests.list(caller, query, page);
  }

  @Needs('requests:read')
  @Get(':id')
  show(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<AccessRequest> {
    return this.requests.show(caller, id);
  }

  @Needs('requests:decide')
  @Post(':id/decision')
  @HttpCode(200)
  decide(
    @Param('id') id: string,
    @Body(new ZodPipe(decideRequestSchema)) body: z.output<typeof decideRequestSchema>,
    @CurrentCaller() caller: Caller,
  ): Promise<AccessRequest> {
    return this.requests.decide(caller, id, body);
  }

  @Needs('requests:write')
  @Post(':id/cancel')
  @HttpCode(200)
  cancel(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<AccessRequest> {
    return this.requests.cancel(caller, id);
  }
}
