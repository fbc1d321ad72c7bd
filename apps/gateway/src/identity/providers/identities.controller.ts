import { Controller, Delete, Get, HttpCode, Inject, Param } from '@nestjs/common';
import { type Identity, nameSchema } from '@weir/api';
import { WeirError } from '@weir/errors';
import { type Page, Paging, pageOf } from '../../http/paging.ts';
import { ZodPipe } from '../../http/zod-pipe.ts';
import type { IdentityRepository, IdentityRow } from '../../store/identities.ts';
import type { Keyset } from '../../store/keyset.ts';
import type { UserRepository } from '../../store/users.ts';
import { accountOf, refuseSelf } from '../accounts/whose-account.ts';
import { CurrentCaller } from '../auth-guard.ts';
import type { Caller } from '../caller.ts';
import { Needs } from '../permissions.ts';
import type { UpstreamIdentities } from './identities.ts';

export const IDENTITIES = Symbol('identities');

/** What the routes stand on. */
export interface IdentityRoutes {
  readonly users: Pick<UserRepository, 'findByName'>;
  readonly rows: Pick<IdentityRepository, 'listByUser'>;
  readonly identities: Pick<UpstreamIdentities, 'remove'>;
}

/** Who accounts are at identity providers. */
@Controller('api/v1/users/:name/identities')
export class IdentitiesController {
  constructor(@Inject(IDENTITIES) private readonly parts: IdentityRoutes) {}

  @Needs('users:read')
  @Get()
  async list(@Param('name', new ZodPipe(nameSchema)) name: string, @Paging() page: Keyset): Promise<Page<Identity>> {
    const user = await accountOf(this.parts.users, name);
    const rows = await this.parts.rows.listByUser(user.id);
    return pageOf(rows, page, ({ provider, subject }) => [provider, subject]).map(viewOf);
  }

  @Needs('users:write')
  @Delete(':provider')
  @HttpCode(204)
  async remove(
    @Param('name', new ZodPipe(nameSchema)) name: string,
    @Param('provider', new ZodPipe(nameSchema)) provider: string,
    @CurrentCaller() caller: Caller,
  ): Promise<void> {
    const user = await accountOf(this.parts.users, name);
    refuseSelf(user, caller, 'takes his own identities');
    const found = (await this.parts.rows.listByUser(user.id)).filter((row) => row.provider === provider);
    if (found.length === 0) {
      throw new WeirError('not_found', `${name} is nobody at ${provider}.`, {
        fix: `See: weir users identities ${name}`,
      });
    }
    for (const row of found) await this.parts.identities.remove(row, caller.name);
  }
}

function viewOf(row: IdentityRow): Identity {
  const { provider, issuer, subject, groups, email } = row;
  return {
    ...{ provider, issuer, subject, groups, email },
    lastSignInAt: row.last_sign_in_at.toISOString(),
    checkedAt: row.checked_at.toISOString(),
    confirmedUntil: row.confirmed_until.toISOString(),
  };
}
