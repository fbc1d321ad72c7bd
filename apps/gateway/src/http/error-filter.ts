import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import { type ErrorBody, routes } from '@weir/api';
import { isWeirError, WeirError } from '@weir/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../log/create-log.ts';

/** Turns everything thrown into the error body of the API. What is not a WeirError goes to the log, never out. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly log: Log) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const context = host.switchToHttp();
    const request = context.getRequest<FastifyRequest>();
    const reply = context.getResponse<FastifyReply>();
    const { status, body } = errorAnswer(error, `${request.method} ${pathOf(request.url)}`, this.log);
    if (reply.sent) return;
    void reply.status(status).header('cache-control', 'no-store').send(body);
  }
}

/** Status and body for an error; `what` names the request in the log. */
export function errorAnswer(error: unknown, what: string, log: Log): { status: number; body: ErrorBody } {
  const shown = shownError(error, what);
  if (shown.code === 'internal') log.error('a request failed', error, { request: what });
  // 202 and 499 of the catalogue are for other protocols: an error of the API is never a success.
  const status = shown.entry.httpStatus >= 400 ? shown.entry.httpStatus : 409;
  const { code, message, why = null, fix } = shown;
  return { status, body: { error: { code, message, why, fix } } };
}

function shownError(error: unknown, what: string): WeirError {
  if (isWeirError(error)) return error;
  const status = statusOf(error);
  if (status === 404) {
    return new WeirError('not_found', `There is no route ${what}.`, {
      fix: `The API has: ${Object.values(routes).join(', ')}`,
    });
  }
  if (status === 413)
    return new WeirError('message_too_large', 'The body is too large.', { why: 'The limit is 2 MiB.' });
  if (status === 415) {
    return new WeirError('invalid_request', 'The body must be JSON.', {
      fix: 'Send the header content-type: application/json',
    });
  }
  if (status >= 400 && status < 500) {
    return new WeirError('invalid_request', 'The request cannot be read.', {
      why: error instanceof Error ? error.message : String(error),
    });
  }
  return new WeirError('internal', 'The gateway failed to answer this request.', { cause: error });
}

function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  if (typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number') {
    return error.statusCode;
  }
  return 500;
}

function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? url;
}
