import { Body, Controller, Get, Inject, Put } from '@nestjs/common';
import { type ApplyPolicyRequest, applyPolicyRequestSchema, type PolicyDocumentSet } from '@weir/api';
import { ZodPipe } from '../http/zod-pipe.ts';
import { CurrentCaller } from '../identity/auth-guard.ts';
import type { Caller } from '../identity/caller.ts';
import { OnlyFor } from '../identity/permissions.ts';
import type { Policies } from './policies.ts';

export const POLICIES = Symbol('policies');

/** Routes of the policy. */
@Controller('v1/policy')
export class PoliciesController {
  constructor(@Inject(POLICIES) private readonly policies: Policies) {}

  @OnlyFor('admin', 'auditor')
  @Get()
  get(): Promise<PolicyDocumentSet> {
    return this.policies.get();
  }

  @OnlyFor('admin')
  @Put()
  apply(
    @Body(new ZodPipe(applyPolicyRequestSchema)) body: ApplyPolicyRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<PolicyDocumentSet> {
    return this.policies.apply(body.text, caller.name);
  }
}
