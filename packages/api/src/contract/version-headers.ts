import type { RouteContract } from './route-contract.ts';

const tag = { type: 'string', example: '"3-9f86d081884c7d65"' };
const ifNoneMatch = (description: string) => ({ name: 'if-none-match', in: 'header', description, schema: tag });
const ifMatch = {
  name: 'if-match',
  in: 'header',
  description: 'Change only this version; * = any, if there is one.',
  schema: tag,
};

/** Headers that a route with versions hears (RFC 9110 section 13.1). */
export function versionParameters({ versioned }: RouteContract): object[] {
  if (versioned === 'read') return [ifNoneMatch('Answer 304 when this is still the newest version.')];
  if (versioned === 'put') return [ifMatch, ifNoneMatch('* = add it only if there is none.')];
  return versioned === 'delete' ? [ifMatch] : [];
}

/** The header that an answer with a version has. */
export function etagHeader({ versioned }: RouteContract): object | undefined {
  if (versioned !== 'read' && versioned !== 'put') return undefined;
  return { etag: { description: 'The version, a strong entity tag.', schema: { type: 'string' } } };
}
