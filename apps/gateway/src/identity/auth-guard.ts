import { type CanActivate, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { WeirError } from '@weir/errors';
import type { FastifyRequest } from 'fastify';
import { pathOf } from '../http/path-of.ts';
import type { Caller } from './caller.ts';
import type { Identity } from './identity.ts';
import type { Presented } from './oauth/access-tokens.ts';
import { type Declaration, declarationKey, isPermitted, rolesWith } from './permissions.ts';

const callers = new WeakMap<object, Caller>();

/** Signs every request in by its access token and checks the route's permission. It guards all routes, also those added later. */
export class AuthGuard implements CanActivate {
  constructor(
    private readonly identity: Pick<Identity, 'authenticate'>,
    private readonly reflector: Reflector = new Reflector(),
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const declared = this.reflector.get<Declaration | undefined>(declarationKey, context.getHandler());
    if (declared === undefined) throw new WeirError('internal', 'This route declares no permission.');
    if (declared === 'public') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const caller = await this.identity.authenticate(presentedBy(request));
    callers.set(request, caller);
    if (declared === 'signed-in' || isPermitted(caller.roles, declared)) return true;
    throw new WeirError('not_permitted', `This needs the role ${rolesWith(declared).join(' or ')}.`, {
      why: `It asks for the permission ${declared}. You are ${caller.name}, with ${caller.roles.length === 0 ? 'no role' : `the role ${caller.roles.join(', ')}`}.`,
      fix: 'Ask an administrator of the gateway.',
    });
  }
}

/** Whom the guard has signed in; undefined on public routes. */
export function callerOf(request: FastifyRequest): Caller | undefined {
  return callers.get(request);
}

/** Parameter of a handler: the signed-in person. */
export const CurrentCaller = createParamDecorator((_data: unknown, context: ExecutionContext): Caller => {
  const caller = callerOf(context.switchToHttp().getRequest<FastifyRequest>());
  if (caller === undefined) throw new WeirError('sign_in_required', 'You are not signed in.');
  return caller;
});

function presentedBy({ headers, method, url, ip }: FastifyRequest): Presented {
  const proof = headers['dpop'];
  return {
    authorization: headers.authorization,
    // Two of them come as one text with a comma, which is no proof.
    proof: Array.isArray(proof) ? proof.join(',') : proof,
    ...{ method, url: pathOf(url), address: ip },
  };
}
