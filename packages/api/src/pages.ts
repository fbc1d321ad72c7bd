import { WeirError } from '@weir/errors';
import { z } from 'zod';
import type { RouteName } from './routes.ts';
import { type Call, readJson, type Send } from './transport.ts';

/** Most items that a page holds. */
const maxPageItems = 200;

/** Reads a list page after page: to its end, or until there are `limit` items. */
export async function followPages<S extends z.ZodType>(
  send: Send,
  route: RouteName,
  schema: S,
  { limit, ...filters }: NonNullable<Call['query']> = {},
  params: NonNullable<Call['params']> = {},
): Promise<z.output<S>[]> {
  const items: z.output<S>[] = [];
  const wanted = limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
  let cursor: string | undefined;
  do {
    const rest = wanted - items.length;
    // A limit that makes no sense is for the gateway to refuse.
    const size = rest > 0 ? Math.min(rest, maxPageItems) : limit;
    const response = await send(route, {
      params,
      query: { ...filters, ...(limit === undefined ? {} : { limit: size }), cursor },
    });
    items.push(...(await readJson(response, z.array(schema))));
    cursor = nextCursor(response, cursor);
  } while (cursor !== undefined && items.length < wanted);
  return items;
}

/** The cursor of the link to the next page (RFC 8288); undefined on the last. */
function nextCursor(response: Response, current: string | undefined): string | undefined {
  const [, address] = /<([^>]*)>\s*;\s*rel="?next"?/.exec(response.headers.get('link') ?? '') ?? [];
  if (address === undefined) return undefined;
  const cursor = new URLSearchParams(address.split('?', 2)[1]).get('cursor');
  if (cursor !== null && cursor !== current) return cursor;
  throw new WeirError('protocol_violation', 'The link to the next page leads nowhere.', {
    fix: 'Check that client and gateway have the same version, and that no proxy changes headers.',
  });
}
