import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Put } from '@nestjs/common';
import {
  type ChangePasswordRequest,
  changePasswordRequestSchema,
  type LinkUserRequest,
  linkUserRequestSchema,
  nameSchema,
  type PutUserRequest,
  putUserRequestSchema,
  type User,
  type Whoami,
} from '@weir/api';
import { type Page, Paging, pageOf } from '../http/paging.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { approverGroups } from '../policies/approver-groups.ts';
import type { Policies } from '../policies/policies.ts';
import type { Keyset } from '../store/keyset.ts';
import { CurrentCaller } from './auth-guard.ts';
import type { Caller } from './caller.ts';
import type { Identity } from './identity.ts';
import { Needs, SignedIn } from './permissions.ts';

export const IDENTITY = Symbol('identity');
export const POLICY_IN_FORCE = Symbol('policy in force');

/** Routes of sign-in and accounts. */
@Controller('api/v1')
export class IdentityController {
  constructor(
    @Inject(IDENTITY) private readonly identity: Identity,
    @Inject(POLICY_IN_FORCE) private readonly policies: Pick<Policies, 'current'>,
  ) {}

  @SignedIn()
  @Post('logout')
  @HttpCode(204)
  logout(@CurrentCaller() caller: Caller): Promise<void> {
    return this.identity.logout(caller);
  }

  @SignedIn()
  @Get('whoami')
  whoami(@CurrentCaller() { name, groups, roles, expiresAt, mfaAtMs }: Caller): Whoami {
    const named = approverGroups(this.policies.current.documents);
    const isApprover = groups.some((group) => named.has(group));
    return {
      user: name,
      groups: [...groups],
      roles: [...new Set([...roles, ...(isApprover ? (['approver'] as const) : [])])],
      expiresAt: expiresAt.toISOString(),
      mfaAt: mfaAtMs === null ? null : new Date(mfaAtMs).toISOString(),
    };
  }

  @Needs('users:read')
  @Get('users')
  async listUsers(@Paging() page: Keyset): Promise<Page<User>> {
    return pageOf(await this.identity.accounts.list(), page, ({ name }) => [name]);
  }

  @Needs('users:read')
  @Get('users/:name')
  showUser(@Param('name', new ZodPipe(nameSchema)) name: string): Promise<User> {
    return this.identity.accounts.show(name);
  }

  @Needs('users:write')
  @Put('users/:name')
  putUser(
    @Param('name', new ZodPipe(nameSchema)) name: string,
    @Body(new ZodPipe(putUserRequestSchema)) body: PutUserRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<User> {
    return this.identity.accounts.put(name, body, caller);
  }

  @Needs('users:write')
  @Delete('users/:name')
  @HttpCode(204)
  deleteUser(@Param('name', new ZodPipe(nameSchema)) name: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.identity.accounts.delete(name, caller);
  }

  @Needs('users:write')
  @Put('users/:name/link')
  linkUser(
    @Param('name', new ZodPipe(nameSchema)) name: string,
    @Body(new ZodPipe(linkUserRequestSchema)) body: LinkUserRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<User> {
    return this.identity.accounts.link(name, body.to, caller);
  }

  @Needs('users:write')
  @Delete('users/:name/link')
  unlinkUser(@Param('name', new ZodPipe(nameSchema)) name: string, @CurrentCaller() caller: Caller): Promise<User> {
    return this.identity.accounts.unlink(name, caller);
  }

  @Needs('account:write')
  @Put('account/password')
  @HttpCode(204)
  changePassword(
    @Body(new ZodPipe(changePasswordRequestSchema)) body: ChangePasswordRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<void> {
    return this.identity.accounts.changePassword(caller, body);
  }
}
