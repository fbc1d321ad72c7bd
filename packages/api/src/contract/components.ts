import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import * as accessSchemas from '../access-schemas.ts';
import * as machineSchemas from '../machine-schemas.ts';
import * as schemas from '../schemas.ts';

/** A JSON Schema (2020-12), as OpenAPI 3.1 takes it. */
export type JsonSchema = Record<string, unknown>;

/** Makes JSON Schemas of zod schemas. What the files of schemas export becomes a component, and is referred to. */
export interface Components {
  /** What a caller may write: defaults may be left out. */
  readonly input: (schema: z.ZodType) => JsonSchema;
  /** What the gateway answers. */
  readonly output: (schema: z.ZodType) => JsonSchema;
  /** The components that were referred to, by name. */
  readonly used: () => Record<string, JsonSchema>;
}

const prefix = '#/components/schemas/';

/**
 * Makes the maker. An answer may get more fields in a later version, so its objects are open; `closed` leaves them closed, for tests that look for
 * fields that no schema names. What JSON Schema cannot say (transforms, own checks) is left out: the schema then allows more than the gateway.
 */
export function createComponents({ closed }: { readonly closed: boolean }): Components {
  const [input, output] = [read('input', true), read('output', closed)];
  const used = new Map<string, JsonSchema>();
  const collect = (all: ReadonlyMap<string, JsonSchema>, value: unknown): void => {
    for (const name of referencesIn(value)) {
      const schema = all.get(name);
      const known = used.get(name);
      if (known !== undefined && !isDeepStrictEqual(known, schema))
        throw new TypeError(`two schemas are called ${name}`);
      if (known !== undefined || schema === undefined) continue;
      used.set(name, schema);
      collect(all, schema);
    }
  };
  const make =
    ({ all, convert }: Read) =>
    (schema: z.ZodType): JsonSchema => {
      const made = convert(schema);
      collect(all, made);
      return made;
    };
  return {
    input: make(input),
    output: make(output),
    used: () => Object.fromEntries([...used].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

interface Read {
  readonly all: ReadonlyMap<string, JsonSchema>;
  readonly convert: (schema: z.ZodType) => JsonSchema;
}

function read(io: 'input' | 'output', closed: boolean): Read {
  const registry = z.registry<{ id: string }>();
  for (const [name, schema] of Object.entries({ ...schemas, ...accessSchemas, ...machineSchemas })) {
    registry.add(schema, { id: componentName(name, io) });
  }
  const options = {
    io,
    unrepresentable: 'any',
    uri: (id: string) => `${prefix}${id}`,
    override: ({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: JsonSchema }) => {
      const isOpen = zodSchema._zod.def.type === 'object' && zodSchema._zod.def.catchall === undefined;
      if (isOpen && !closed) delete jsonSchema['additionalProperties'];
    },
  } as const;
  const made = z.toJSONSchema(registry, options).schemas;
  const all = new Map(Object.entries(made).map(([name, schema]) => [name, plain(schema)]));
  const convert = (schema: z.ZodType): JsonSchema => {
    const own = registry.get(schema);
    if (own !== undefined) return { $ref: `${prefix}${own.id}` };
    if (schema instanceof z.ZodArray) return { type: 'array', items: convert(schema.element as z.ZodType) };
    return plain(z.toJSONSchema(schema, options));
  };
  return { all, convert };
}

/** `userSchema` -> `User`; what a caller writes is `UserInput` when its name does not say that it is a request. */
function componentName(exported: string, io: 'input' | 'output'): string {
  const base = exported.replace(/Schema$/, '');
  const name = base.charAt(0).toUpperCase() + base.slice(1);
  return io === 'output' || /(Request|Query)$/.test(name) ? name : `${name}Input`;
}

function plain({ $schema: _dialect, $id: _id, ...schema }: JsonSchema): JsonSchema {
  return schema;
}

function referencesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' && typeof inner === 'string' ? [inner.slice(prefix.length)] : referencesIn(inner),
  );
}
