import { type Attribute, attributeOf, enterprise, enterpriseUrn, type ResourceKind } from './attributes.ts';

/** Where a path leads; `selection` is the text between brackets. */
export interface AttributePath {
  readonly attribute: Attribute;
  readonly selection?: string;
  readonly part?: Attribute;
}

/** Longest path, characters. */
const maxLength = 500;

/**
 * Reads a path (RFC 7644 figure 7): `PATH = [URN ":"] attribute ["." part] / attribute "[" filter "]" ["." part]`.
 * @returns 'ignored' for what is known and not kept, undefined for what is unknown
 */
export function tryPath(text: string, kind: ResourceKind): AttributePath | 'ignored' | undefined {
  if (text.length > maxLength) return undefined;
  const plain = withoutPrefix(text, kind.urn);
  if (plain.toLowerCase().startsWith(enterpriseUrn.toLowerCase()) && kind.attributes.includes(enterprise)) {
    const rest = plain.slice(enterpriseUrn.length).replace(/^[:.]/, '');
    return rest === '' ? { attribute: enterprise } : within(enterprise, rest, kind);
  }
  const match = /^([A-Za-z][A-Za-z0-9]*)(?:\[(.*)\])?(?:\.([A-Za-z$][A-Za-z0-9$.]*))?$/s.exec(plain);
  if (match === null) return undefined;
  const [, name = '', selection, part] = match;
  const attribute = attributeOf(kind.attributes, name);
  if (attribute === undefined) return kind.ignored.has(name.toLowerCase()) ? 'ignored' : undefined;
  if (selection !== undefined && attribute.kind !== 'many') return undefined;
  const path = part === undefined ? { attribute } : within(attribute, part, kind);
  if (path === undefined || path === 'ignored' || selection === undefined) return path;
  return { ...path, selection };
}

function within(attribute: Attribute, name: string, kind: ResourceKind): AttributePath | 'ignored' | undefined {
  const part = attributeOf(attribute.parts ?? [], name);
  if (part !== undefined) return { attribute, part };
  const [first = ''] = name.toLowerCase().split('.');
  return kind.ignored.has(first) ? 'ignored' : undefined;
}

function withoutPrefix(text: string, urn: string): string {
  return text.toLowerCase().startsWith(`${urn.toLowerCase()}:`) ? text.slice(urn.length + 1) : text;
}
