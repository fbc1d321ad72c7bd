import { createHash } from 'node:crypto';
import type { Catalog, CatalogColumn, CatalogFunction, CatalogRecordFunction, CatalogRelation } from '../catalog.ts';
import type { CatalogStamp } from './catalog-stamps.ts';

/** A row of the load query: the section and its values as JSON, both as text. */
export type CatalogRow = readonly (string | null)[];

type RelationValues = [number, string, string, string, string | null, ColumnValues[] | null, number[] | null, boolean];
type ColumnValues = [string, number, number, number, boolean, string | null];
type FunctionValues = [number, string, string, string, string | null, string, string | null, string, string | null];

/** What the server answered to the texts of `catalogQueries`, in their order, and what the caller believes to talk to (checked when given). */
export interface CatalogAnswers {
  readonly serverVersion?: number;
  readonly database?: string;
  readonly answers: readonly (readonly CatalogRow[])[];
}

/**
 * Makes a catalog of the answers to `catalogQueries`. Its version is a hash of the content, server version and database included, stamps
 * not: what they count besides the content is no other catalog.
 * Throws TypeError when the rows are not those of the queries or of another database.
 */
export function buildCatalog(given: CatalogAnswers): Catalog {
  const rows = given.answers.at(-1) ?? [];
  const sections = new Map<string, unknown[]>();
  const hash = createHash('sha256');
  const lines = rows.map(([section, json]) => `${section ?? ''} ${json ?? ''}`).sort();
  for (const line of lines) {
    const space = line.indexOf(' ');
    const section = line.slice(0, space);
    if (section !== 'stamp') hash.update(line).update('\n');
    const values: unknown = JSON.parse(line.slice(space + 1));
    const list = sections.get(section);
    if (list) list.push(values);
    else sections.set(section, [values]);
  }
  const server = sections.get('server')?.[0];
  if (!Array.isArray(server)) throw new TypeError('the rows are not those of the catalog query: no server row');
  const [serverVersion, database] = server as [number, string];
  if (given.database !== undefined && given.database !== database) {
    throw new TypeError(`the catalog is of database ${database}, not of ${given.database}`);
  }
  return {
    version: hash.digest('hex'),
    serverVersion,
    database,
    relations: ((sections.get('relation') ?? []) as RelationValues[]).map(toRelation),
    functions: ((sections.get('function') ?? []) as FunctionValues[]).map(toFunction),
    operators: ((sections.get('operator') ?? []) as [string, string][]).map(([schema, name]) => ({ schema, name })),
    types: ((sections.get('type') ?? []) as [number, string, string, string][]).map(([oid, schema, name, kind]) => ({
      oid,
      schema,
      name,
      kind,
    })),
    recordFunctions: ((sections.get('record') ?? []) as [string, string[] | null][]).map(
      ([name, columns]): CatalogRecordFunction => ({ name, columns: columns ?? [] }),
    ),
    stamps: (sections.get('stamp') ?? []) as CatalogStamp[],
  };
}

function toRelation([oid, schema, name, kind, definition, columns, parents, rules]: RelationValues): CatalogRelation {
  return { oid, schema, name, kind, definition, columns: (columns ?? []).map(toColumn), parents: parents ?? [], rules };
}

function toColumn([name, number, typeOid, typeModifier, notNull, generated]: ColumnValues): CatalogColumn {
  return { name, number, typeOid, typeModifier, notNull, generated };
}

function toFunction([
  oid,
  schema,
  name,
  language,
  body,
  volatility,
  extension,
  kind,
  definition,
]: FunctionValues): CatalogFunction {
  return { oid, schema, name, language, body, volatility, extension, kind, definition };
}
