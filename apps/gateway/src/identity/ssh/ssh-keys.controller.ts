import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import {
  type AddSshKeyRequest,
  addSshKeyRequestSchema,
  type IssueSshCertificateRequest,
  issueSshCertificateRequestSchema,
  nameSchema,
  type SshCertificate,
  type SshKey,
} from '@weir/api';
import { type Page, Paging, pageOf } from '../../http/paging.ts';
import { ZodPipe } from '../../http/zod-pipe.ts';
import type { Keyset } from '../../store/keyset.ts';
import { CurrentCaller } from '../auth-guard.ts';
import type { Caller } from '../caller.ts';
import { Needs } from '../permissions.ts';
import type { UserCertificates } from './user-certificates.ts';
import type { UserKeys } from './user-keys.ts';

export const USER_KEYS = Symbol('user keys');
export const USER_CERTIFICATES = Symbol('user certificates');
const name = new ZodPipe(nameSchema);
const key = new ZodPipe(addSshKeyRequestSchema);
const keyOf = ({ createdAt, id }: SshKey) => [createdAt, id];

/** Routes of certificates and keys for the SSH listener. */
@Controller('api/v1')
export class SshKeysController {
  constructor(
    @Inject(USER_KEYS) private readonly keys: UserKeys,
    @Inject(USER_CERTIFICATES) private readonly certificates: UserCertificates,
  ) {}

  @Needs('account:write')
  @Post('ssh/certificates')
  issue(
    @Body(new ZodPipe(issueSshCertificateRequestSchema)) body: IssueSshCertificateRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<SshCertificate> {
    return this.certificates.issue(caller, body);
  }

  @Needs('account:read')
  @Get('ssh/keys')
  async list(@CurrentCaller() caller: Caller, @Paging() page: Keyset): Promise<Page<SshKey>> {
    return pageOf(await this.keys.list(caller), page, keyOf);
  }

  @Needs('account:write')
  @Post('ssh/keys')
  add(@Body(key) body: AddSshKeyRequest, @CurrentCaller() caller: Caller): Promise<SshKey> {
    return this.keys.add(caller, body);
  }

  @Needs('account:write')
  @Delete('ssh/keys/:id')
  @HttpCode(204)
  remove(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.keys.remove(caller, id);
  }

  @Needs('users:read')
  @Get('users/:name/ssh-keys')
  async listOf(@Param('name', name) of: string, @Paging() page: Keyset): Promise<Page<SshKey>> {
    return pageOf(await this.keys.listOf(of), page, keyOf);
  }

  @Needs('users:write')
  @Post('users/:name/ssh-keys')
  addOf(
    @Param('name', name) of: string,
    @Body(key) body: AddSshKeyRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<SshKey> {
    return this.keys.addOf(of, body, caller);
  }

  @Needs('users:write')
  @Delete('users/:name/ssh-keys/:id')
  @HttpCode(204)
  removeOf(@Param('name', name) of: string, @Param('id') id: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.keys.removeOf(of, id, caller);
  }
}
