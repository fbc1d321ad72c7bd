import type { ClaimPattern } from '../schema/workload-trust.ts';

/** Longest value of a claim that is looked at, characters. */
const maxValueLength = 4000;

/**
 * The claim of a name: a key of the token, or a path of keys that begins with `/` and has `~1` for a slash and `~0` for a tilde in a key (RFC 6901),
 * such as `/kubernetes.io/namespace`. Undefined when there is none.
 */
export function claimAt(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  if (!name.startsWith('/')) return Object.hasOwn(claims, name) ? claims[name] : undefined;
  let at: unknown = claims;
  for (const step of name.slice(1).split('/')) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<string, unknown>)[key];
  }
  return at;
}

/** Why a claim is not as wanted, as the end of a sentence; undefined when it is. Only plain values are compared, and only with values of their own type. */
export function mismatchOf(value: unknown, wanted: ClaimPattern | readonly ClaimPattern[]): string | undefined {
  const patterns = [wanted].flat();
  if (value === undefined) return 'is missing';
  if (Array.isArray(value)) return 'is a list, and lists match nothing';
  if (typeof value === 'object') return 'is no plain value';
  if (typeof value === 'string' && value.length > maxValueLength) return 'is too long';
  if (patterns.some((pattern) => matches(value, pattern))) return undefined;
  const listed = patterns.map((pattern) => JSON.stringify(pattern)).join(' or ');
  const isOtherType = !patterns.some((pattern) => typeof pattern === typeof value);
  return `is ${isOtherType ? `the ${typeof value} ` : ''}${JSON.stringify(value).slice(0, 200)}, not ${listed}`;
}

function matches(value: unknown, pattern: ClaimPattern): boolean {
  if (typeof pattern !== 'string') return value === pattern;
  return typeof value === 'string' && matchesGlob(pattern, value);
}

/**
 * Case counts. `*` stands for characters other than `/` and `:`, so that it does not reach into the next part of a path or subject; `**` for any;
 * `?` for one other than these. Each step keeps the set of places in the pattern that fit so far: no text can make it slow.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  const tokens = tokensOf(pattern);
  const skip = (places: Set<number>): Set<number> => {
    for (const place of places) if (tokens[place]?.many === true) places.add(place + 1);
    return places;
  };
  let places = skip(new Set([0]));
  for (const found of text) {
    const next = new Set<number>();
    for (const place of places) {
      const token = tokens[place];
      if (token === undefined || !token.takes(found)) continue;
      next.add(token.many ? place : place + 1);
    }
    places = skip(next);
    if (places.size === 0) return false;
  }
  return places.has(tokens.length);
}

interface Token {
  readonly many: boolean;
  readonly takes: (found: string) => boolean;
}

const withinPart = (found: string): boolean => found !== '/' && found !== ':';

function tokensOf(pattern: string): Token[] {
  return (pattern.match(/\*\*+|[\s\S]/gu) ?? []).map((piece): Token => {
    if (piece === '*') return { many: true, takes: withinPart };
    if (piece.startsWith('**')) return { many: true, takes: () => true };
    if (piece === '?') return { many: false, takes: withinPart };
    return { many: false, takes: (found) => found === piece };
  });
}
