import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ResourceKind } from './attributes.ts';
import { type Projection, projected } from './list.ts';
import { hasTag, type Resource } from './resource.ts';

/** Answers with SCIM's media type. */
export function sendScim(reply: FastifyReply, status: number, body: object): void {
  void reply.status(status).header('content-type', 'application/scim+json; charset=utf-8').send(JSON.stringify(body));
}

/** Answers with one resource; 304 when the client has it already. */
export function sendResource(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: {
    readonly resource: Resource;
    readonly kind: ResourceKind;
    readonly query: Projection;
    readonly status?: number;
  },
): void {
  const { resource, kind, query, status = 200 } = answer;
  const { version, location } = resource.meta;
  void reply.headers({ etag: version, location });
  const known = request.headers['if-none-match'];
  if (request.method === 'GET' && known !== undefined && hasTag(known, version)) void reply.status(304).send();
  else sendScim(reply, status, projected(resource, query, kind));
}
