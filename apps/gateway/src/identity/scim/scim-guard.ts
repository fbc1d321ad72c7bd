import { type CanActivate, createParamDecorator, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { AuditLog } from '../../audit/audit-log.ts';
import type { Log } from '../../log/create-log.ts';
import type { LoginThrottle } from '../login-throttle.ts';
import type { ScimChange } from './scim-parts.ts';
import { ScimRefusal } from './scim-refusal.ts';
import type { ScimTokens } from './scim-tokens.ts';

export const SCIM_DOOR = Symbol('scim door');

/** Who lets directories in. */
export interface ScimDoor {
  readonly tokens: ScimTokens;
  /** Bounds how many refusals are written down. */
  readonly throttle: Pick<LoginThrottle, 'attempt'>;
  readonly audit: AuditLog;
  readonly log: Log;
}

const directories = new WeakMap<object, string>();

/** Lets a directory in by its token; tokens of people open nothing here. */
@Injectable()
export class ScimGuard implements CanActivate {
  constructor(@Inject(SCIM_DOOR) private readonly door: ScimDoor) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { tokens } = this.door;
    if (!tokens.isConfigured) throw new ScimRefusal(404, undefined, 'Provisioning is not switched on (identity.scim).');
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const match = /^Bearer ([\x21-\x7e]{1,1000})$/i.exec(request.headers.authorization ?? '');
    const number = match?.[1] === undefined ? undefined : await tokens.check(match[1]);
    if (number !== undefined) {
      // A colon is in no account's name.
      directories.set(request, `scim:token-${number}`);
      return true;
    }
    this.note(request.ip);
    throw new ScimRefusal(401, undefined, 'The bearer token is missing or is none of identity.scim.tokens.');
  }

  private note(address: string): void {
    try {
      this.door.throttle.attempt('scim', address);
    } catch {
      // It is in the log often enough; the answer stays the same.
      return;
    }
    this.door.audit.later({ actor: 'unknown', action: 'scim-refused', subject: 'scim', detail: { address } });
  }
}

/** Parameter of a handler: who changes, and what he expects to find. */
export const CurrentChange = createParamDecorator((_data: unknown, context: ExecutionContext): ScimChange => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  const by = directories.get(request);
  if (by === undefined) throw new ScimRefusal(401, undefined, 'The request carries no token of a directory.');
  return { by, ifMatch: request.headers['if-match'] };
});
