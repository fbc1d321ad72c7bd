import { Controller, Delete, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { nameSchema, type StepUp as StepUpAnswer } from '@weir/api';
import { WeirError } from '@weir/errors';
import { ZodPipe } from '../../http/zod-pipe.ts';
import type { UserRepository } from '../../store/users.ts';
import { accountOf, refuseSelf } from '../accounts/whose-account.ts';
import { CurrentCaller } from '../auth-guard.ts';
import type { Caller } from '../caller.ts';
import { Needs } from '../permissions.ts';
import type { Passkeys } from './passkeys.ts';
import { relyingPartyOf } from './relying-party.ts';
import type { StepUp } from './step-up.ts';

export const PASSKEYS = Symbol('passkeys');

/** What the routes stand on. */
export interface PasskeyRoutes {
  readonly passkeys: Passkeys;
  readonly stepUp: StepUp;
  readonly users: Pick<UserRepository, 'findByName'>;
  readonly issuer: () => string;
}

/** Routes about passkeys; they are used on pages. */
@Controller('api/v1')
export class PasskeysController {
  constructor(@Inject(PASSKEYS) private readonly parts: PasskeyRoutes) {}

  @Needs('account:write')
  @Post('account/step-up')
  @HttpCode(200)
  async beginStepUp(@CurrentCaller() { id: userId, kind, tokenId, clientAddress }: Caller): Promise<StepUpAnswer> {
    if (kind !== 'person') throw new WeirError('conflict', 'Only people have a second factor.');
    const issuer = this.parts.issuer();
    relyingPartyOf(issuer);
    const request = { kind: 'program', userId, signIn: tokenId, address: clientAddress ?? 'unknown' } as const;
    const { code, expiresAtMs } = await this.parts.stepUp.begin(request);
    return { url: `${issuer}/step-up/${code}`, expiresAt: new Date(expiresAtMs).toISOString() };
  }

  @Needs('users:write')
  @Delete('users/:name/passkeys')
  @HttpCode(204)
  async reset(@Param('name', new ZodPipe(nameSchema)) name: string, @CurrentCaller() caller: Caller): Promise<void> {
    const user = await accountOf(this.parts.users, name);
    refuseSelf(user, caller, 'takes his own passkeys this way');
    await this.parts.passkeys.reset(user, caller.name);
  }
}
