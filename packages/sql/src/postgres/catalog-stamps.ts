import type { SqlFacts } from '@weir/policy';
import type { Catalog } from '../catalog.ts';

/** Names whose meaning a statement depends on, in whatever schema they are. */
export interface CatalogUsage {
  readonly relations: readonly string[];
  readonly functions: readonly string[];
}

/** A row of `catalogStampQuery`: what it is about, a name, an OID, and a text that changes with everything that the analysis reads of it. */
export type CatalogStamp = readonly [
  about: 'relation' | 'function' | 'shared',
  name: string,
  oid: number,
  stamp: string,
];

/** What stands behind the columns of a relation: its place, its columns, its rule (a view's definition), generation expressions, parents and children. */
const relationStamp = `concat_ws(' ', c.relnamespace, c.relkind, c.relhasrules,
  (SELECT sum(hashtextextended(concat_ws(' ', a.attnum, a.attname, a.atttypid, a.attisdropped), 0)) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0),
  (SELECT concat(count(*), ':', sum(hashint8extended(r.xmin::text::int8, r.oid::int8))) FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid),
  (SELECT concat(count(*), ':', sum(hashint8extended(d.xmin::text::int8, d.oid::int8))) FROM pg_catalog.pg_attrdef d WHERE d.adrelid = c.oid),
  (SELECT concat(count(*), ':', sum(hashint8extended(i.inhparent::int8, 0))) FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid),
  (SELECT concat(count(*), ':', sum(hashint8extended(i.inhrelid::int8, 0))) FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid))`;

/** Small catalogs, whole: operators and casts work without a name that the statement shows, and a schema can change its name. */
const sharedStamp = `concat_ws(' ',
  (SELECT concat(count(*), ':', sum(hashint8extended(o.xmin::text::int8, o.oid::int8))) FROM pg_catalog.pg_operator o WHERE o.oid >= 16384),
  (SELECT concat(count(*), ':', sum(hashint8extended(x.xmin::text::int8, x.oid::int8))) FROM pg_catalog.pg_cast x WHERE x.oid >= 16384),
  (SELECT concat(count(*), ':', sum(hashtextextended(n.nspname, n.oid::int8))) FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_(toast_)?temp_'))`;

/** The query for stamps; conditions are added to the ones for relations and functions. Temporary objects are left out: nobody else can change those of a session. */
function stampRows(relations: string, functions: string): string {
  return `
SELECT 'stamp', json_build_array('relation', c.relname, c.oid::int8, ${relationStamp})::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid >= 16384 AND c.relpersistence <> 't' AND c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S', 'c') AND n.nspname <> 'pg_toast' ${relations}
UNION ALL SELECT 'stamp', json_build_array('function', p.proname, p.oid::int8, p.xmin::text)::text
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE p.oid >= 16384 AND n.nspname !~ '^pg_temp_' ${functions}
UNION ALL SELECT 'stamp', json_build_array('shared', '', 0, ${sharedStamp})::text`;
}

/** All stamps, as a part of the query that loads the catalog. */
export const allStamps: string = stampRows('', '');

/** To be sent once per connection; `catalogStampQuery` needs it. Planned once, index scans only. */
export const prepareCatalogStamps: string = `PREPARE weir_catalog_stamps (name[], name[]) AS ${stampRows('AND c.relname = ANY ($1)', 'AND p.proname = ANY ($2)')}`;

/** Asks for the present stamps of what a statement uses; rows are texts, the second column the JSON of a CatalogStamp. */
export function catalogStampQuery({ relations, functions }: CatalogUsage): string {
  return `EXECUTE weir_catalog_stamps (${nameArray(relations)}, ${nameArray(functions)})`;
}

/** A literal that reads the same whatever standard_conforming_strings is: names with a backslash are escaped. */
function nameArray(names: readonly string[]): string {
  const elements = names.map((name) => `"${name.replaceAll(/["\\]/g, '\\$&')}"`).join(',');
  return `E'${`{${elements}}`.replaceAll(/['\\]/g, (character) => (character === "'" ? "''" : '\\\\'))}'::name[]`;
}

/** What the rows of `catalogStampQuery` would say if nothing had changed since the catalog was loaded, for comparing texts. */
export interface CatalogStamps {
  /** The stamps of this usage, in a fixed order. */
  of(usage: CatalogUsage): string;
}

/** Prepares the stamps of a catalog (or of an answer to `catalogStampQuery`) for comparison. */
export function createCatalogStamps(stamps: readonly CatalogStamp[]): CatalogStamps {
  const byName = new Map<string, string[]>();
  for (const [about, name, oid, stamp] of stamps) {
    const key = about === 'shared' ? about : `${about} ${name}`;
    const known = byName.get(key);
    if (known) known.push(`${oid} ${stamp}`);
    else byName.set(key, [`${oid} ${stamp}`]);
  }
  const linesOf = (key: string) => `${key}: ${[...(byName.get(key) ?? [])].sort().join(', ')}`;
  return {
    of: ({ relations, functions }) =>
      [...relations.map((name) => `relation ${name}`), ...functions.map((name) => `function ${name}`), 'shared']
        .map(linesOf)
        .join('\n'),
  };
}

const isSystem = (schema: string) => schema === 'pg_catalog' || schema === 'information_schema';

/**
 * What must be asked again after the client has sent these statements, because nothing in the server's answer would show that it means something else by now:
 * the definitions of views, functions, rules, parents and children, and whatever goes into expressions, copies and COPY data. Null = nothing: plain
 * tables, each column of the answer one of theirs, which the server names in its description.
 */
export function usageToConfirm(statements: readonly SqlFacts[], catalog: CatalogLookup): CatalogUsage | null {
  const used = statements.filter((facts) => needsConfirmation(facts, catalog));
  if (used.length === 0) return null;
  const names = (list: readonly { schema: string; name: string }[]) => [
    ...new Set(list.filter(({ schema }) => !isSystem(schema)).map(({ name }) => name)),
  ];
  return {
    relations: names(used.flatMap(({ tables }) => tables.map(({ schema, table }) => ({ schema, name: table })))),
    functions: [...new Set(used.flatMap((facts) => facts.functions.map(({ name }) => name)))],
  };
}

/** Where relations are looked up. */
export interface CatalogLookup {
  readonly catalog: Catalog;
  /** Not only a plain table: its columns depend on more than its own description. */
  isDerived(schema: string, name: string): boolean;
}

function needsConfirmation(facts: SqlFacts, catalog: CatalogLookup): boolean {
  const tables = facts.tables.filter(({ schema }) => !isSystem(schema));
  if (facts.functions.some(({ schema }) => !isSystem(schema))) return true;
  if (tables.length === 0) return false;
  // A cursor's columns are kept as they are found now, whatever the catalog says when it is fetched from.
  if (facts.kinds.some((kind) => kind === 'copy-to' || kind === 'declare-cursor') || facts.copies.length > 0)
    return true;
  if (facts.outputs?.some((output) => output.opaque || (!output.direct && output.origins.length > 0))) return true;
  return tables.some(({ schema, table }) => catalog.isDerived(schema, table));
}
