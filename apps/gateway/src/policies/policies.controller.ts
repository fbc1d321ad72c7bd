import { Body, Controller, Get, Inject, Put } from '@nestjs/common';
import { type ApplyPolicyRequest, applyPolicyRequestSchema, type PolicyDocumentSet } from '@weir/api';
import { ZodPipe } from '../http/zod-pipe.ts';
import { CurrentCaller } from '../identity/auth-guard.ts';
import type { Caller } from '../identity/caller.ts';
import { Needs } from '../identity/permissions.ts';
import type { Policies } from './policies.ts';

export const POLICIES = Symbol('policies');

/** Routes of the policy. */
@Controller('api/v1/policy')
export class PoliciesController {
  constructor(@Inject(POLICIES) private readonly policies: Policies) {}

  @Needs('policy:read')
  @Get()
  get(): Promise<PolicyDocumentSet> {
    return this.policies.get();
  }

  @Needs('policy:write')
  @Put()
  apply(
    @Body(new ZodPipe(applyPolicyRequestSchema)) body: ApplyPolicyRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<PolicyDocumentSet> {
    return this.policies.apply(body.text, caller.name);
  }
}
