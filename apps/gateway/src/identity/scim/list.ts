import { z } from 'zod';
import { tryPath } from './attribute-path.ts';
import { type ResourceKind, type ScimDocument } from './attributes.ts';
import { type Filter, parseFilter } from './filter.ts';
import type { Resource } from './resource.ts';

/** Resources of one page at most. */
export const maxPage = 200;

const names = z
  .string()
  .max(1000)
  .transform((text) =>
    text
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  )
  .optional();

/** What can be asked of a list (RFC 7644 section 3.4.2). Sorting is not supported and passed over. */
export const listQuerySchema = z.object({
  filter: z.string().optional(),
  /** From 1; lower counts as 1. */
  startIndex: z.coerce.number().int().default(1),
  count: z.coerce.number().int().default(100),
  attributes: names,
  excludedAttributes: names,
});
export type ListQuery = z.output<typeof listQuerySchema>;
export type Projection = Pick<ListQuery, 'attributes' | 'excludedAttributes'>;

/** The filter of a query. @throws ScimRefusal invalidFilter. */
export function filterOf({ filter }: ListQuery, kind: ResourceKind): Filter | undefined {
  return filter === undefined ? undefined : parseFilter(filter, kind);
}

/** A page of what matches. */
export function pageOf(matching: readonly Resource[], query: ListQuery, kind: ResourceKind): object {
  const start = Math.max(1, query.startIndex);
  const page = matching.slice(start - 1, start - 1 + Math.min(maxPage, Math.max(0, query.count)));
  return {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
    totalResults: matching.length,
    startIndex: start,
    itemsPerPage: page.length,
    Resources: page.map((resource) => projected(resource, query, kind)),
  };
}

/** The resource with the attributes that were asked for; id and schemas are always there. */
export function projected(
  resource: Resource,
  { attributes, excludedAttributes }: Projection,
  kind: ResourceKind,
): ScimDocument {
  const roots = (paths: readonly string[]): Set<string> =>
    new Set(
      paths.flatMap((text) => {
        const path = tryPath(text, kind);
        return path === undefined || path === 'ignored' ? [] : [path.attribute.name];
      }),
    );
  const always = new Set(['id', 'schemas']);
  const wanted = attributes && roots(attributes);
  const unwanted = excludedAttributes && roots(excludedAttributes);
  return Object.fromEntries(
    Object.entries(resource).filter(
      ([name]) => always.has(name) || (wanted?.has(name) ?? !(unwanted?.has(name) ?? false)),
    ),
  );
}
