import { nameSchema } from '@weir/api';
import type { GroupsConfig } from '../../config/provider-schema.ts';
import { normalName } from './account-name.ts';

/** Groups taken of one person at most; more is a claim that is not understood. */
const maxGroups = 1000;

/** The value of a claim: by its whole name, else by the names between its dots. Only own properties count. */
export function claimOf(claims: unknown, path: string): unknown {
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return undefined;
  if (Object.hasOwn(claims, path)) return (claims as Record<string, unknown>)[path];
  // Claims may have dots in their own names (https://example.com/groups): the longest that exists comes first.
  for (let end = path.lastIndexOf('.'); end > 0; end = path.lastIndexOf('.', end - 1)) {
    const head = path.slice(0, end);
    if (Object.hasOwn(claims, head)) return claimOf((claims as Record<string, unknown>)[head], path.slice(end + 1));
  }
  return undefined;
}

/** Names in a claim: a list of texts, or one text. @returns undefined when it is neither. */
export function namesIn(value: unknown): string[] | undefined {
  // Never taken apart: `former admins` is one group, and not that of the admins.
  if (typeof value === 'string') return value.trim() === '' ? [] : [value.trim()];
  if (!Array.isArray(value) || value.length > maxGroups) return undefined;
  return value.every((entry) => typeof entry === 'string' && entry.trim() !== '')
    ? (value as string[]).map((entry) => entry.trim())
    : undefined;
}

/** Groups as they are called here. Without configuration the provider gives none. @returns undefined when the claim is missing or malformed: then nobody knows. */
export function groupsOf(value: unknown, config: GroupsConfig | undefined): string[] | undefined {
  if (config === undefined) return [];
  const names = namesIn(value);
  if (names === undefined || names.length > maxGroups) return undefined;
  const only = config.only === undefined ? undefined : new Set(config.only);
  const groups = names.map((name) => groupName(name, config)).filter((group) => group !== undefined);
  return [...new Set(groups)].filter((group) => only?.has(group) ?? true).sort();
}

/** A group as it is called here. @returns undefined for a name that is none here and is not mapped. */
export function groupName(
  name: string,
  { map, prefix = '' }: Pick<GroupsConfig, 'map' | 'prefix'>,
): string | undefined {
  const mapped = Object.hasOwn(map, name) ? map[name] : undefined;
  if (mapped !== undefined) return mapped;
  // A name that had to be changed could become that of another group, which the person is not in.
  const plain = name.replace(/^\//, '');
  const normal = nameSchema.safeParse(plain).success ? plain : normalName(plain);
  if (normal === undefined || normal !== plain.toLowerCase()) return undefined;
  const group = `${prefix}${normal}`;
  return nameSchema.safeParse(group).success ? group : undefined;
}
