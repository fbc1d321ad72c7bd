import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { WeirError } from '@weir/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { lastValueFrom, type Observable, of } from 'rxjs';
import { callerOf } from '../identity/auth-guard.ts';
import type { IdempotentAnswers } from './idempotent-answers.ts';

/** Lets a POST with the header idempotency-key happen once. It comes after the guards: also a repeated request needs its permission. */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(private readonly answers: IdempotentAnswers) {}

  async intercept(context: ExecutionContext, next: CallHandler<unknown>): Promise<Observable<unknown>> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest & { rawBody?: Buffer }>();
    const reply = http.getResponse<FastifyReply>();
    const caller = callerOf(request);
    const header = request.headers['idempotency-key'];
    if (request.method !== 'POST' || header === undefined || caller === undefined) return next.handle();
    const about = Buffer.from(`${request.method} ${request.url}\n`);
    const content = Buffer.concat([about, request.rawBody ?? Buffer.alloc(0)]);
    const { status, body, isReplay } = await this.answers.once(
      { principal: caller.id, key: keyOf(header), content },
      async () => {
        const answered: unknown = await lastValueFrom(next.handle(), { defaultValue: undefined });
        return { status: reply.statusCode, body: answered };
      },
    );
    if (isReplay) void reply.status(status).header('idempotency-replayed', 'true');
    return of(body);
  }
}

/** The key, with or without the quotation marks of the draft (draft-ietf-httpapi-idempotency-key-header). */
function keyOf(header: string | string[]): string {
  const [, quoted, plain] = /^(?:"([\x20\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255}))$/.exec(String(header)) ?? [];
  const key = quoted ?? plain;
  if (key !== undefined && !Array.isArray(header)) return key;
  throw new WeirError('invalid_request', 'The header idempotency-key cannot be read.', {
    why: 'It must be 1 to 255 printable ASCII characters.',
    fix: 'Send a new random UUID for each thing that you want done, and the same one when you try again.',
  });
}
