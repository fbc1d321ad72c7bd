import type { CatalogStamp } from './postgres/catalog-stamps.ts';

/** One relation of the target's catalog (pg_class with pg_attribute), as the loader queries deliver it. JSON-serialisable: it crosses to the worker once per version. */
export interface CatalogRelation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** pg_class.relkind: r table, v view, m materialized view, p partitioned table, f foreign table, S sequence, t toast, c composite. */
  readonly kind: string;
  readonly columns: readonly CatalogColumn[];
  /** pg_get_viewdef for views and materialized views, else null. Written with search_path = pg_catalog, so every other name is qualified. */
  readonly definition: string | null;
  /** OIDs of the parents by inheritance or partitioning. */
  readonly parents: readonly number[];
  /** The relation has rewrite rules besides a view's own: a write to it may do anything. Absent = false. */
  readonly rules?: boolean;
}
export interface CatalogColumn {
  readonly name: string;
  /** pg_attribute.attnum. */
  readonly number: number;
  /** pg_type OID as the wire names it: for a domain, the type under it. */
  readonly typeOid: number;
  readonly typeModifier: number;
  /** pg_get_expr of a generated column, else null. */
  readonly generated: string | null;
  /** pg_attribute.attnotnull. Absent = false. */
  readonly notNull?: boolean;
}
/** A function, operator function or aggregate outside pg_catalog (those are known by the analysis itself). */
export interface CatalogFunction {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly language: string;
  readonly body: string | null;
  readonly volatility: string;
  /** pg_proc.prokind: f function, p procedure, a aggregate, w window function. Absent = f. */
  readonly kind?: string;
  /** pg_get_functiondef of functions in SQL and PL/pgSQL that no extension owns, printed with search_path = pg_catalog; null or absent = not looked into. */
  readonly definition?: string | null;
  /** Name of the extension that owns it, else null or absent. */
  readonly extension?: string | null;
}
/** Column names of a pg_catalog function that returns records, for `SELECT * FROM f()`. */
export interface CatalogRecordFunction {
  readonly name: string;
  readonly columns: readonly string[];
}
/** What the analysis knows of one database of one target. */
export interface Catalog {
  /** Changes whenever anything in it changes. */
  readonly version: string;
  /** server_version_num, e.g. 180004. */
  readonly serverVersion: number;
  readonly database: string;
  readonly relations: readonly CatalogRelation[];
  readonly functions: readonly CatalogFunction[];
  /** Operators outside pg_catalog that do not belong to a plain extension: using them makes a statement opaque. */
  readonly operators: readonly { readonly schema: string; readonly name: string }[];
  /** Types outside pg_catalog. An array type has the kind of its elements; kinds are those of pg_type.typtype. A type with a cast function outside pg_catalog has the kind `x`. */
  readonly types: readonly {
    readonly oid: number;
    readonly schema: string;
    readonly name: string;
    readonly kind: string;
  }[];
  /** Absent = none known. */
  readonly recordFunctions?: readonly CatalogRecordFunction[];
  /** What each thing looked like when it was loaded, to be compared with what the server says later. Absent = none known. */
  readonly stamps?: readonly CatalogStamp[];
}
