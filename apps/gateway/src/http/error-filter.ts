import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import { type Problem, problemStatus, routes } from '@weir/api';
import { isWeirError, problemType, WeirError } from '@weir/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AuthorizationServer } from '../identity/oauth/authorization-server.ts';
import type { Log } from '../log/create-log.ts';
import { pathOf } from './path-of.ts';

/** Turns everything thrown into problem details (RFC 9457). What is not a WeirError goes to the log, never out. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(
    private readonly log: Log,
    private readonly authorizationServer: Pick<AuthorizationServer, 'challenge'>,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const context = host.switchToHttp();
    const request = context.getRequest<FastifyRequest>();
    const reply = context.getResponse<FastifyReply>();
    const problem = problemOf(error, { what: `${request.method} ${pathOf(request.url)}`, id: request.id }, this.log);
    if (reply.sent) return;
    if (problem.status === 401) reply.header('www-authenticate', this.authorizationServer.challenge);
    sendProblem(reply, problem);
  }
}

/** Sends a problem as the answer. */
export function sendProblem(reply: FastifyReply, problem: Problem): void {
  void reply
    .status(problem.status)
    .headers({ 'cache-control': 'no-store', 'content-type': 'application/problem+json; charset=utf-8' })
    .send(JSON.stringify(problem));
}

/** The problem details of an error; `request` names the request in the log and in the answer. */
export function problemOf(error: unknown, request: { readonly what: string; readonly id: string }, log: Log): Problem {
  const shown = shownError(error, request.what);
  if (shown.code === 'internal') log.error('a request failed', error, { request: request.what, id: request.id });
  const status = problemStatus(shown.code);
  const { code, message, why = null, fix } = shown;
  const instance = `urn:weir:request:${request.id}`;
  return { type: problemType(code), title: shown.entry.title, status, detail: message, instance, code, why, fix };
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
