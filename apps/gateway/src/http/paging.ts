import {
  type CallHandler,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import { listQuerySchema } from '@weir/api';
import { isWeirError, WeirError } from '@weir/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { map, type Observable } from 'rxjs';
import { z } from 'zod';
import type { Keyset } from '../store/keyset.ts';
import type { ContentSeal } from '../store/sealed-content.ts';
import { pathOf } from './path-of.ts';
import { ZodPipe } from './zod-pipe.ts';

/** A page of a list, with the key of its last item when more follows. */
export class Page<T> {
  constructor(
    readonly items: readonly T[],
    readonly next: readonly string[] | null,
  ) {}

  /** The page with its items in another form. */
  map<U>(view: (item: T) => U): Page<U> {
    return new Page(this.items.map(view), this.next);
  }
}

const keys = new WeakMap<object, readonly string[]>();
const keySchema = z.array(z.string());

/**
 * Opens the cursors of requests and sends those of answers, as a link to the next page (RFC 8288). A cursor is sealed: nobody reads or makes one, and it
 * is good only for the list and the filters that it came from.
 */
@Injectable()
export class PagingInterceptor implements NestInterceptor {
  constructor(private readonly seal: ContentSeal) {}

  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const query = new URLSearchParams(request.url.split('?', 2)[1]);
    const cursor = query.get('cursor');
    query.delete('cursor');
    const listOf = contextOf(request, query);
    if (cursor !== null && request.method === 'GET') keys.set(request, this.open(cursor, listOf));
    return next.handle().pipe(
      map((answer) => {
        if (!(answer instanceof Page)) return answer;
        if (answer.next !== null) {
          query.set('cursor', this.seal.seal(answer.next, listOf).toString('base64url'));
          const address = `${pathOf(request.url)}?${query.toString()}`;
          http.getResponse<FastifyReply>().header('link', `<${address}>; rel="next"`);
        }
        return answer.items;
      }),
    );
  }

  private open(cursor: string, listOf: string): readonly string[] {
    try {
      return keySchema.parse(this.seal.open(Buffer.from(cursor, 'base64url'), listOf));
    } catch (cause) {
      if (!isWeirError(cause) && !(cause instanceof z.ZodError)) throw cause;
      throw new WeirError('invalid_request', 'The cursor cannot be used.', {
        why: 'It was changed, or it belongs to another list, other filters or another gateway.',
        fix: 'Take it as it is from the link to the next page, with the same filters; or begin again without it.',
        cause,
      });
    }
  }
}

/** Parameter of a handler of a list: the page that is asked for. A list with filters names the schema of its query (in an object, because Nest takes a schema for a pipe). */
export const Paging = createParamDecorator(
  (filters: { readonly query: typeof listQuerySchema } | undefined, context: ExecutionContext): Keyset => {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { limit } = new ZodPipe(filters?.query ?? listQuerySchema).transform(request.query);
    return { limit, after: keys.get(request) ?? null };
  },
);

/** The page out of rows of which one more was read than the page holds. */
export function cutPage<T>(rows: readonly T[], { limit }: Keyset, keyOf: (row: T) => readonly string[]): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return new Page(items, last === undefined || rows.length <= limit ? null : keyOf(last));
}

/** The page of a list that is in memory as a whole, in the order of its keys, which are different from each other. */
export function pageOf<T>(
  list: readonly T[],
  page: Keyset,
  keyOf: (item: T) => readonly string[],
  direction: 'ascending' | 'descending' = 'ascending',
): Page<T> {
  const sign = direction === 'ascending' ? 1 : -1;
  const { after } = page;
  const keyed = list
    .map((item) => ({ item, key: keyOf(item) }))
    .filter(({ key }) => after === null || sign * compare(key, after) > 0)
    .sort((left, right) => sign * compare(left.key, right.key));
  const { items, next } = cutPage(keyed, page, ({ key }) => key);
  return new Page(
    items.map(({ item }) => item),
    next,
  );
}

function compare(left: readonly string[], right: readonly string[]): number {
  for (const [index, part] of left.entries()) {
    const other = right[index] ?? '';
    if (part !== other) return part < other ? -1 : 1;
  }
  return 0;
}

/** What a cursor is bound to: the route, and the filters in an order of their own. The size of the page may change. */
function contextOf(request: FastifyRequest, query: URLSearchParams): string {
  const filters = [...query].filter(([name]) => name !== 'limit').sort();
  return JSON.stringify(['cursor', request.routeOptions.url, filters]);
}
