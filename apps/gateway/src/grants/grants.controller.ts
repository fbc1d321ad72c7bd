import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import {
  breakGlassRequestSchema,
  type Grant,
  listGrantsQuerySchema,
  reviewGrantRequestSchema,
  revokeGrantRequestSchema,
} from '@weir/api';
import type { z } from 'zod';
import { type Page, Paging } from '../http/paging.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { CurrentCaller } from '../identity/auth-guard.ts';
import type { Caller } from '../identity/caller.ts';
import { Needs } from '../identity/permissions.ts';
import type { Keyset } from '../store/keyset.ts';
import type { Grants } from './grants.ts';

export const GRANTS = Symbol('grants');

/** Routes of grants. */
@Controller('api/v1/grants')
export class GrantsController {
  constructor(@Inject(GRANTS) private readonly grants: Grants) {}

  @Needs('grants:read')
  @Get()
  list(
    @Query(new ZodPipe(listGrantsQuerySchema)) query: z.output<typeof listGrantsQuerySchema>,
    @CurrentCaller() caller: Caller,
    @Paging({ query: listGrantsQuerySchema }) page: Keyset,
  ): Promise<Page<Grant>> {
    return this.grants.list(caller, query, page);
  }

  @Needs('grants:write')
  @Post('break-glass')
  breakGlass(
    @Body(new ZodPipe(breakGlassRequestSchema)) body: z.output<typeof breakGlassRequestSchema>,
    @CurrentCaller() caller: Caller,
  ): Promise<Grant> {
    return this.grants.breakGlass(caller, body);
  }

  @Needs('grants:read')
  @Get(':id')
  show(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<Grant> {
    return this.grants.show(caller, id);
  }

  @Needs('grants:write')
  @Post(':id/revoke')
  @HttpCode(200)
  revoke(
    @Param('id') id: string,
    @Body(new ZodPipe(revokeGrantRequestSchema)) { reason }: z.output<typeof revokeGrantRequestSchema>,
    @CurrentCaller() caller: Caller,
  ): Promise<Grant> {
    return this.grants.revoke(caller, id, reason);
  }

  @Needs('grants:write')
  @Post(':id/review')
  @HttpCode(200)
  review(
    @Param('id') id: string,
    @Body(new ZodPipe(reviewGrantRequestSchema)) body: z.output<typeof reviewGrantRequestSchema>,
    @CurrentCaller() caller: Caller,
  ): Promise<Grant> {
    return this.grants.review(caller, id, body);
  }
}
