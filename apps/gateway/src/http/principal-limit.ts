import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerOf } from '../identity/auth-guard.ts';
import type { RateLimits } from './rate-limits.ts';

/** Counts requests of those whom the guard before it has signed in. */
export class PrincipalLimit implements CanActivate {
  constructor(private readonly limits: RateLimits) {}

  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const caller = callerOf(http.getRequest<FastifyRequest>());
    if (caller !== undefined) this.limits.ofPrincipal(caller.id, http.getResponse<FastifyReply>());
    return true;
  }
}
