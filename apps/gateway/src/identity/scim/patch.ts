import { z } from 'zod';
import { type AttributePath, tryPath } from './attribute-path.ts';
import {
  type Attribute,
  attributeOf,
  canonicalValue,
  isObject,
  type ResourceKind,
  type ScimDocument,
} from './attributes.ts';
import { type Filter, parseFilter } from './filter.ts';
import { badRequest } from './scim-refusal.ts';

/** One change of a PATCH. Directories write the verbs in any case. */
const operationSchema = z.object({
  op: z
    .string()
    .transform((op) => op.toLowerCase())
    .pipe(z.enum(['add', 'replace', 'remove'])),
  path: z.string().min(1).optional(),
  value: z.unknown().optional(),
});

/** The body of a PATCH (RFC 7644 section 3.5.2). */
export const patchSchema = z.object({
  schemas: z.array(z.string()).refine((urns) => urns.includes('urn:ietf:params:scim:api:messages:2.0:PatchOp'), {
    error: 'must name urn:ietf:params:scim:api:messages:2.0:PatchOp',
  }),
  Operations: z.array(operationSchema).min(1).max(1000),
});
export type PatchOperation = z.output<typeof operationSchema>;

type Draft = Record<string, unknown>;

/** The document after all changes; the one that is given stays as it is. @throws ScimRefusal: then none of them counts. */
export function patched(
  document: ScimDocument,
  operations: readonly PatchOperation[],
  kind: ResourceKind,
): ScimDocument {
  const draft = structuredClone(document) as Draft;
  for (const { op, path, value } of operations) {
    if (path !== undefined) {
      applyAt(draft, op, path, value, kind);
      continue;
    }
    if (op === 'remove') throw badRequest('noTarget', 'A change that removes needs a path.');
    if (!isObject(value)) throw badRequest('invalidValue', 'A change without a path needs an object of attributes.');
    // Also paths stand there as names ("name.givenName"). What nobody may set is passed over: directories send whole resources.
    for (const [name, one] of Object.entries(value)) {
      const target = name === 'schemas' ? 'ignored' : pathOf(name, kind);
      if (target !== 'ignored' && target.attribute.isReadOnly !== true) change(draft, op, target, one, kind);
    }
  }
  return draft;
}

function applyAt(draft: Draft, op: PatchOperation['op'], text: string, value: unknown, kind: ResourceKind): void {
  const target = pathOf(text, kind);
  if (target === 'ignored') return;
  if (target.attribute.isReadOnly === true || target.part?.isReadOnly === true)
    throw badRequest('mutability', `${text} cannot be changed.`);
  change(draft, op, target, value, kind);
}

function pathOf(text: string, kind: ResourceKind): AttributePath | 'ignored' {
  const path = tryPath(text, kind);
  if (path !== undefined) return path;
  throw badRequest('invalidPath', `${text.slice(0, 100)} is no path of a ${kind.name}.`);
}

function change(
  draft: Draft,
  op: PatchOperation['op'],
  target: AttributePath,
  value: unknown,
  kind: ResourceKind,
): void {
  const { attribute, part, selection } = target;
  if (attribute.kind === 'many') {
    const filter = selection === undefined ? undefined : parseFilter(selection, kind, attribute);
    draft[attribute.name] = changedList(listOf(draft[attribute.name]), op, { ...target, filter }, value);
    return;
  }
  if (attribute.kind === 'complex') {
    const held = isObject(draft[attribute.name]) ? { ...(draft[attribute.name] as ScimDocument) } : {};
    if (part !== undefined) {
      set(held, op, part, value);
      draft[attribute.name] = held;
    } else if (op === 'remove') delete draft[attribute.name];
    else draft[attribute.name] = { ...held, ...objectOf(canonicalValue(value, attribute), attribute) };
    return;
  }
  set(draft, op, attribute, value);
}

function set(draft: Draft, op: PatchOperation['op'], attribute: Attribute, value: unknown): void {
  if (op === 'remove' || value === null || value === '') {
    if (attribute.isRequired === true) throw badRequest('mutability', `${attribute.name} cannot be removed.`);
    delete draft[attribute.name];
  } else if (value === undefined) throw badRequest('invalidValue', `${attribute.name} has no value.`);
  else draft[attribute.name] = value;
}

interface ListTarget extends AttributePath {
  readonly filter: Filter | undefined;
}

function changedList(
  held: readonly ScimDocument[],
  op: PatchOperation['op'],
  target: ListTarget,
  value: unknown,
): ScimDocument[] {
  const { attribute, part, filter, selection } = target;
  const isChosen = (item: ScimDocument): boolean => filter?.matches(item) ?? true;
  if (op === 'remove') {
    if (part !== undefined) return held.map((item) => (isChosen(item) ? without(item, part.name) : item));
    // Entra names what goes by value instead of by filter (RFC 7644 knows no such thing).
    const named = value === undefined || value === null ? undefined : valuesOf(value, attribute);
    const gone = named && new Set(named.map((item) => item['value']));
    return held.filter((item) => !isChosen(item) || (gone !== undefined && !gone.has(item['value'])));
  }
  if (filter === undefined && part === undefined) {
    const values = valuesOf(value, attribute);
    return op === 'replace' ? merged([], values) : merged(held, values);
  }
  const put = (item: ScimDocument): ScimDocument => {
    if (part === undefined)
      return { ...item, ...objectOf(canonicalValue(value, { ...attribute, kind: 'complex' }), attribute) };
    const copy = { ...item };
    set(copy, op, part, value);
    return copy;
  };
  if (held.some(isChosen))
    return onePrimary(
      held.map((item) => (isChosen(item) ? put(item) : item)),
      held.find(isChosen),
    );
  // Nobody joins a group by a change of somebody who is not in it.
  if (attribute.name === 'members') throw badRequest('noTarget', 'No value of members is selected.');
  // `emails[type eq "work"].value` where there is none of that type: directories mean a new one.
  return onePrimary([...held, put(madeBy(selection, attribute))]);
}

/** The value that a selection of the form `type eq "work"` describes. */
function madeBy(selection: string | undefined, attribute: Attribute): ScimDocument {
  const match = /^\s*([A-Za-z]+)\s+eq\s+("(?:[^"\\]|\\.)*"|true|false)\s*$/i.exec(selection ?? '');
  const part = match === null ? undefined : attributeOf(attribute.parts ?? [], match[1] ?? '');
  if (part === undefined) throw badRequest('noTarget', `No value of ${attribute.name} is selected.`);
  const literal = match?.[2] ?? '';
  return { [part.name]: JSON.parse(literal.startsWith('"') ? literal : literal.toLowerCase()) };
}

/** Adds values; one that is there already is changed. */
function merged(held: readonly ScimDocument[], values: readonly ScimDocument[]): ScimDocument[] {
  const byValue = new Map<unknown, ScimDocument>();
  for (const item of [...held, ...values]) byValue.set(item['value'], { ...byValue.get(item['value']), ...item });
  return onePrimary(
    [...byValue.values()],
    values.find((item) => item['primary'] === true),
  );
}

/** At most one value is the primary one: of several, the one that came last. */
function onePrimary(items: readonly ScimDocument[], latest?: ScimDocument): ScimDocument[] {
  const primary = items.filter((item) => item['primary'] === true);
  if (primary.length < 2) return [...items];
  const kept = primary.find((item) => item['value'] === latest?.['value']) ?? primary.at(-1);
  return items.map((item) => (item['primary'] === true && item !== kept ? { ...item, primary: false } : item));
}

function valuesOf(value: unknown, attribute: Attribute): ScimDocument[] {
  const items = canonicalValue(value, attribute) as unknown[];
  return items.map((item) => (typeof item === 'string' ? { value: item } : objectOf(item, attribute)));
}

function objectOf(value: unknown, { name }: Attribute): ScimDocument {
  if (isObject(value)) return value;
  throw badRequest('invalidValue', `${name} needs an object.`);
}

function listOf(value: unknown): ScimDocument[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function without(item: ScimDocument, name: string): ScimDocument {
  return Object.fromEntries(Object.entries(item).filter(([key]) => key !== name));
}
