import { type ArgumentsHost, Catch, type ExceptionFilter, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { problemOf } from '../../http/error-filter.ts';
import { pathOf } from '../../http/path-of.ts';
import { sendScim } from './scim-answer.ts';
import { SCIM_DOOR, type ScimDoor } from './scim-guard.ts';
import { refusalBody, ScimRefusal } from './scim-refusal.ts';

/** Errors in the form that directories read. */
@Catch()
export class ScimErrorFilter implements ExceptionFilter {
  constructor(@Inject(SCIM_DOOR) private readonly door: Pick<ScimDoor, 'log'>) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const context = host.switchToHttp();
    const request = context.getRequest<FastifyRequest>();
    const refusal = error instanceof ScimRefusal ? error : this.refusalOf(error, request);
    if (refusal.status === 401) void context.getResponse<FastifyReply>().header('www-authenticate', 'Bearer');
    sendScim(context.getResponse<FastifyReply>(), refusal.status, refusalBody(refusal));
  }

  private refusalOf(error: unknown, request: FastifyRequest): ScimRefusal {
    const what = `${request.method} ${pathOf(request.url)}`;
    const { status, detail, why, fix } = problemOf(error, { what, id: request.id }, this.door.log);
    const sentences = [detail, why ?? '', fix].filter((sentence) => sentence !== '');
    return new ScimRefusal(status, status === 409 ? 'mutability' : undefined, sentences.join(' '));
  }
}
