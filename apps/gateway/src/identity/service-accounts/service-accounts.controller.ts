import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Put } from '@nestjs/common';
import {
  type CreateDelegationRequest,
  type CreateServiceKeyRequest,
  createDelegationRequestSchema,
  createServiceKeyRequestSchema,
  type Delegation,
  type NewServiceKey,
  nameSchema,
  type PutServiceAccountRequest,
  putServiceAccountRequestSchema,
  type RotateServiceKeyRequest,
  rotateServiceKeyRequestSchema,
  type ServiceAccount,
  type ServiceKey,
} from '@weir/api';
import { type Page, Paging, pageOf } from '../../http/paging.ts';
import { ZodPipe } from '../../http/zod-pipe.ts';
import type { Keyset } from '../../store/keyset.ts';
import { CurrentCaller } from '../auth-guard.ts';
import type { Caller } from '../caller.ts';
import { Needs } from '../permissions.ts';
import type { Delegations } from './delegations.ts';
import type { ServiceAccounts } from './service-accounts.ts';
import type { ServiceKeys } from './service-keys.ts';

export const SERVICE_ACCOUNTS = Symbol('service accounts');
export const SERVICE_KEYS = Symbol('service keys');
export const DELEGATIONS = Symbol('delegations');
const name = new ZodPipe(nameSchema);

/** Routes of service accounts and their keys. */
@Controller('api/v1/service-accounts')
export class ServiceAccountsController {
  constructor(
    @Inject(SERVICE_ACCOUNTS) private readonly accounts: ServiceAccounts,
    @Inject(SERVICE_KEYS) private readonly keys: ServiceKeys,
  ) {}

  @Needs('users:read')
  @Get()
  async list(@Paging() page: Keyset): Promise<Page<ServiceAccount>> {
    return pageOf(await this.accounts.list(), page, (account) => [account.name]);
  }

  @Needs('users:read')
  @Get(':name')
  show(@Param('name', name) of: string): Promise<ServiceAccount> {
    return this.accounts.show(of);
  }

  @Needs('users:write')
  @Put(':name')
  put(
    @Param('name', name) of: string,
    @Body(new ZodPipe(putServiceAccountRequestSchema)) body: PutServiceAccountRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<ServiceAccount> {
    return this.accounts.put(of, body, caller);
  }

  @Needs('users:write')
  @Delete(':name')
  @HttpCode(204)
  delete(@Param('name', name) of: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.accounts.delete(of, caller);
  }

  @Needs('users:read')
  @Get(':name/keys')
  async listKeys(@Param('name', name) of: string, @Paging() page: Keyset): Promise<Page<ServiceKey>> {
    return pageOf(await this.keys.list(of), page, ({ id }) => [id]);
  }

  @Needs('users:write')
  @Post(':name/keys')
  createKey(
    @Param('name', name) of: string,
    @Body(new ZodPipe(createServiceKeyRequestSchema)) body: CreateServiceKeyRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<NewServiceKey> {
    return this.keys.create(of, body, caller);
  }

  @Needs('users:write')
  @Post(':name/keys/:id/rotate')
  rotateKey(
    @Param('name', name) of: string,
    @Param('id') id: string,
    @Body(new ZodPipe(rotateServiceKeyRequestSchema)) body: RotateServiceKeyRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<NewServiceKey> {
    return this.keys.rotate(of, id, body, caller);
  }

  @Needs('users:write')
  @Delete(':name/keys/:id')
  @HttpCode(204)
  revokeKey(@Param('name', name) of: string, @Param('id') id: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.keys.revoke(of, id, caller);
  }
}

/** Routes of people who let others act for them. */
@Controller('api/v1/delegations')
export class DelegationsController {
  constructor(@Inject(DELEGATIONS) private readonly delegations: Delegations) {}

  @Needs('account:read')
  @Get()
  async list(@CurrentCaller() caller: Caller, @Paging() page: Keyset): Promise<Page<Delegation>> {
    return pageOf(await this.delegations.list(caller), page, ({ id }) => [id]);
  }

  @Needs('account:write')
  @Post()
  create(
    @Body(new ZodPipe(createDelegationRequestSchema)) body: CreateDelegationRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<Delegation> {
    return this.delegations.create(caller, body);
  }

  @Needs('account:write')
  @Delete(':id')
  @HttpCode(204)
  revoke(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.delegations.revoke(caller, id);
  }
}
