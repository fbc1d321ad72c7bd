import { Body, Controller, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import {
  rotateSshAuthorityRequestSchema,
  type SshAuthority,
  type SshAuthorityPurpose,
  type SshTrust,
  sshAuthorityPurposeSchema,
} from '@weir/api';
import type { z } from 'zod';
import { type Page, Paging, pageOf } from '../http/paging.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { CurrentCaller } from '../identity/auth-guard.ts';
import type { Caller } from '../identity/caller.ts';
import { Needs, Public } from '../identity/permissions.ts';
import type { Keyset } from '../store/keyset.ts';
import type { SshRotation } from './ssh-rotation.ts';
import type { SshTrustView } from './ssh-trust.ts';

export const SSH_ROTATION = Symbol('ssh rotation');
export const SSH_TRUST = Symbol('ssh trust');

/** Routes of the SSH CAs and host keys. */
@Controller('api/v1/ssh')
export class SshAuthoritiesController {
  constructor(
    @Inject(SSH_ROTATION) private readonly rotation: SshRotation,
    @Inject(SSH_TRUST) private readonly trust: SshTrustView,
  ) {}

  @Public()
  @Get()
  show(): SshTrust {
    return this.trust.show();
  }

  @Needs('ssh:read')
  @Get('authorities')
  async list(@Paging() page: Keyset): Promise<Page<SshAuthority>> {
    return pageOf(await this.rotation.list(), page, ({ createdAt, id }) => [createdAt, id]);
  }

  @Needs('ssh:write')
  @Post('authorities/:purpose/rotate')
  @HttpCode(200)
  rotate(
    @Param('purpose', new ZodPipe(sshAuthorityPurposeSchema)) purpose: SshAuthorityPurpose,
    @Body(new ZodPipe(rotateSshAuthorityRequestSchema))
    { overlapSeconds }: z.output<typeof rotateSshAuthorityRequestSchema>,
    @CurrentCaller() caller: Caller,
  ): Promise<SshAuthority> {
    return this.rotation.rotate(purpose, overlapSeconds, caller.name);
  }
}
