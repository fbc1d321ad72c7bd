import { Body, Controller, Get, Inject, Put } from '@nestjs/common';
import { type ApplyPolicyRequest, applyPolicyRequestSchema, type PolicyDocumentSet } from '@weir/api';
import { OnlyIf, type Precondition } from '../http/precondition.ts';
import { Tagged } from '../http/tagged.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { CurrentCaller } from '../identity/auth-guard.ts';
import type { Caller } from '../identity/caller.ts';
import { isPermitted, Needs } from '../identity/permissions.ts';
import type { Policies } from './policies.ts';

export const POLICIES = Symbol('policies');

/** Routes of the policy. */
@Controller('api/v1/policy')
export class PoliciesController {
  constructor(@Inject(POLICIES) private readonly policies: Policies) {}

  @Needs('policy:read')
  @Get()
  async get(): Promise<Tagged<PolicyDocumentSet>> {
    return tagged(await this.policies.get());
  }

  @Needs('policy:write')
  @Put()
  async apply(
    @Body(new ZodPipe(applyPolicyRequestSchema)) body: ApplyPolicyRequest,
    @CurrentCaller() caller: Caller,
    @OnlyIf() onlyIf: Precondition,
  ): Promise<Tagged<PolicyDocumentSet>> {
    return tagged(
      await this.policies.apply(body.text, caller.name, {
        onlyIf,
        mayGiveRoles: isPermitted(caller.roles, 'users:write'),
      }),
    );
  }
}

function tagged(policy: PolicyDocumentSet): Tagged<PolicyDocumentSet> {
  return new Tagged(policy, policy.version);
}
