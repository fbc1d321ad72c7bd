import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { type DynamicModule, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { WeirError } from '@weir/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayConfig } from '../config/config-schema.ts';
import { AuthGuard } from '../identity/auth-guard.ts';
import type { Identity } from '../identity/identity.ts';
import type { AuthorizationServer } from '../identity/oauth/authorization-server.ts';
import { requireDeclarations } from '../identity/route-declarations.ts';
import type { Log } from '../log/create-log.ts';
import { createContentSeal } from '../store/sealed-content.ts';
import { ErrorFilter, problemOf, sendProblem } from './error-filter.ts';
import { IdempotencyInterceptor } from './idempotency-interceptor.ts';
import type { IdempotentAnswers } from './idempotent-answers.ts';
import { PagingInterceptor } from './paging.ts';
import { pathOf } from './path-of.ts';
import { PrincipalLimit } from './principal-limit.ts';
import { createRateLimits, type RateLimits } from './rate-limits.ts';
import { TaggedInterceptor } from './tagged.ts';

/** Largest body: a policy text of 1 MiB with JSON's escapes. */
const bodyLimitBytes = 2 * 1024 * 1024;

/** The running API. */
export interface ApiServer {
  readonly host: string;
  readonly port: number;
  /** e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Every route that the server answers, e.g. `GET /api/v1/users/:name`; HEAD and OPTIONS left out. */
  readonly routes: readonly string[];
  close(): Promise<void>;
}

@Module({})
class ApiModule {}

/** Starts the HTTP API with the modules of the capabilities. @throws WeirError conflict when the port is taken. */
export async function startApiServer(options: {
  readonly api: GatewayConfig['api'];
  readonly modules: readonly DynamicModule[];
  readonly identity: Pick<Identity, 'authenticate'>;
  readonly authorizationServer: Pick<AuthorizationServer, 'takes' | 'handle' | 'challenge'>;
  /** 32 bytes that cursors of lists are sealed with. */
  readonly cursorKey: Buffer;
  readonly idempotentAnswers: IdempotentAnswers;
  readonly log: Log;
}): Promise<ApiServer> {
  const { api, cursorKey, idempotentAnswers, modules, identity, authorizationServer, log } = options;
  requireDeclarations(modules);
  const limits = createRateLimits(api.limits, () => performance.now());
  const adapter = await createAdapter(api, limits, authorizationServer, log);
  const registered = new Set<string>();
  adapter.getInstance().addHook('onRoute', ({ method, url }) => {
    for (const word of [method].flat()) if (word !== 'HEAD' && word !== 'OPTIONS') registered.add(`${word} ${url}`);
  });
  const app = await NestFactory.create<NestFastifyApplication>(
    { module: ApiModule, imports: [...modules] },
    adapter,
    // Signatures of messages from outside cover the body's own bytes.
    { logger: false, abortOnError: false, forceCloseConnections: true, rawBody: true },
  );
  // Directories send JSON under SCIM's own name (RFC 7644 section 8.1); the same parser reads it, with the same limits.
  const parseJson = adapter.getInstance().getDefaultJsonParser('error', 'error');
  app.useBodyParser('application/scim+json', {}, (request: FastifyRequest, body: Buffer, done) =>
    parseJson(request, body.toString('utf8'), done),
  );
  app.useGlobalGuards(new AuthGuard(identity), new PrincipalLimit(limits));
  app.useGlobalInterceptors(
    new TaggedInterceptor(),
    new PagingInterceptor(createContentSeal(cursorKey)),
    new IdempotencyInterceptor(idempotentAnswers),
  );
  app.useGlobalFilters(new ErrorFilter(log, authorizationServer));
  try {
    await app.listen(api.port, api.host);
  } catch (cause) {
    await app.close();
    throw new WeirError('conflict', `The API cannot listen on ${api.host}:${api.port}.`, {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: 'Choose another api.port, or 0 for any free one.',
      cause,
    });
  }
  const { address, port } = app.getHttpServer().address() as AddressInfo;
  const host = address.includes(':') ? `[${address}]` : address;
  return {
    host: address,
    port,
    url: `${api.tls === undefined ? 'http' : 'https'}://${host}:${port}`,
    routes: [...registered],
    close: () => app.close(),
  };
}

async function createAdapter(
  api: GatewayConfig['api'],
  limits: RateLimits,
  authorizationServer: Pick<AuthorizationServer, 'takes' | 'handle'>,
  log: Log,
): Promise<FastifyAdapter> {
  const base = {
    logger: false,
    // Never the client's own: two requests with one id would be one in the log.
    genReqId: () => randomUUID(),
    // What cannot be routed at all never reaches the filter.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      const what = `${request.method} ${request.url.slice(0, 200)}`;
      const problem = problemOf(error, { what, id: request.id }, log);
      log.info('request', { id: request.id, method: request.method, status: problem.status, address: request.ip });
      sendProblem(reply.header('x-request-id', request.id), problem);
    },
    // Who is believed when he says for whom he sends.
    trustProxy: api.trustedProxies.length === 0 ? false : [...api.trustedProxies],
    bodyLimit: bodyLimitBytes,
    requestTimeout: 30_000,
    routerOptions: { maxParamLength: 200 },
    forceCloseConnections: true,
    return503OnClosing: true,
  } as const;
  const https = api.tls && {
    cert: await readFile(api.tls.certificateFile),
    key: await readFile(api.tls.keyFile),
    minVersion: 'TLSv1.2' as const,
  };
  // The adapter's type knows https only as a type parameter of its own.
  const adapter = new FastifyAdapter({ ...base, ...(https === undefined ? {} : { https }) } as typeof base);
  const fastify = adapter.getInstance();
  fastify.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    if (pathOf(request.url) !== '/healthz') limits.ofAddress(request, reply);
    // It reads bodies itself, so it comes before everything that would.
    if (authorizationServer.takes(request.url)) {
      reply.hijack();
      reply.raw.setHeader('x-request-id', request.id);
      authorizationServer.handle(request.raw, reply.raw, request.ip);
      return;
    }
    // Many clients name a type also when they send nothing: an empty body is no body, not broken JSON.
    const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
    if (length === '0' && encoding === undefined) delete request.headers['content-type'];
    reply.headers({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store', 'x-request-id': request.id });
  });
  fastify.addHook('onResponse', async (request, reply) => {
    const path = pathOf(request.url);
    if (path === '/healthz') return;
    log.info('request', {
      id: request.id,
      method: request.method,
      path,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
      address: request.ip,
    });
  });
  return adapter;
}
