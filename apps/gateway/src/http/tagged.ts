import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { map, type Observable } from 'rxjs';
import { isKnown, preconditionOf } from './precondition.ts';

/** An answer with the version of what it shows: sent as a strong entity tag (RFC 9110 section 8.8.3). */
export class Tagged<T> {
  constructor(
    readonly body: T,
    readonly version: string,
  ) {}
}

/** Sends the version of a tagged answer, and 304 without a body to those who have it. */
@Injectable()
export class TaggedInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    return next.handle().pipe(
      map((answer) => {
        if (!(answer instanceof Tagged)) return answer;
        const http = context.switchToHttp();
        const request = http.getRequest<FastifyRequest>();
        const reply = http.getResponse<FastifyReply>();
        // May be kept by its reader alone, and be used again after the gateway was asked.
        reply.headers({ etag: `"${answer.version}"`, 'cache-control': 'private, no-cache' });
        if (request.method !== 'GET' || !isKnown(preconditionOf(request.headers), answer.version)) return answer.body;
        reply.status(304);
        return undefined;
      }),
    );
  }
}
