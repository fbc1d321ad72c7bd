import { Body, Controller, Get, HttpCode, Inject, Post } from '@nestjs/common';
import { type AuthorityView, rotateAuthorityRequestSchema } from '@weir/api';
import type { z } from 'zod';
import { type Page, Paging, pageOf } from '../http/paging.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { CurrentCaller } from '../identity/auth-guard.ts';
import type { Caller } from '../identity/caller.ts';
import { Needs } from '../identity/permissions.ts';
import type { Keyset } from '../store/keyset.ts';
import type { AuthorityRotation } from './authority-rotation.ts';

export const AUTHORITY_ROTATION = Symbol('authority rotation');

/** Routes of the gateway's CAs. */
@Controller('api/v1/authorities')
export class AuthoritiesController {
  constructor(@Inject(AUTHORITY_ROTATION) private readonly rotation: AuthorityRotation) {}

  @Needs('agents:read')
  @Get()
  async list(@Paging() page: Keyset): Promise<Page<AuthorityView>> {
    return pageOf(await this.rotation.list(), page, ({ createdAt, id }) => [createdAt, id]);
  }

  @Needs('agents:write')
  @Post('rotate')
  @HttpCode(200)
  rotate(
    @Body(new ZodPipe(rotateAuthorityRequestSchema)) { overlapSeconds }: z.output<typeof rotateAuthorityRequestSchema>,
    @CurrentCaller() caller: Caller,
  ): Promise<AuthorityView> {
    return this.rotation.rotate(overlapSeconds, caller.name);
  }
}
