import type { ColumnRef } from '@weir/policy';
import type { Catalog, CatalogColumn, CatalogFunction, CatalogRelation } from '../catalog.ts';
import type { Findings } from './findings.ts';
import type { FunctionDefinition } from './function-definitions.ts';
import type { NamedProvenance } from './provenance.ts';

/** Relations below one parent beyond this number are not listed as origins; the columns of such a parent are opaque unless ONLY is used. */
export const maxFamily = 1024;

/** Columns of a relation with what lies behind them, and what reading the relation does besides. */
export interface Expansion {
  readonly columns: readonly NamedProvenance[];
  /** What a view's definition does; null for tables. */
  readonly findings: Findings | null;
}

/** A catalog prepared for lookups by name. One per catalog version; keeps the expansions of its views. */
export class CatalogIndex {
  readonly catalog: Catalog;
  readonly major: number;
  readonly expansions = new Map<string, Expansion>();
  /** Definitions of functions that were looked into, by OID; a text says why one cannot be followed. */
  readonly definitions = new Map<number, FunctionDefinition | string>();
  private readonly byName = new Map<string, Map<string, CatalogRelation>>();
  private readonly byOid = new Map<number, CatalogRelation>();
  private readonly children = new Map<number, CatalogRelation[]>();
  private readonly functions = new Map<string, CatalogFunction[]>();
  private readonly operators = new Map<string, string[]>();
  private readonly typesByName = new Map<string, Map<string, string>>();
  private readonly typesByOid = new Map<number, string>();
  private readonly records = new Map<string, readonly string[] | null>();
  private readonly origins = new Map<string, ColumnRef>();

  constructor(catalog: Catalog) {
    this.catalog = catalog;
    this.major = Math.floor(catalog.serverVersion / 10_000);
    for (const relation of catalog.relations) this.addRelation(relation);
    for (const fn of catalog.functions) push(this.functions, fn.name, fn);
    for (const { schema, name } of catalog.operators) push(this.operators, name, schema);
    for (const type of catalog.types) {
      this.typesByOid.set(type.oid, type.kind);
      const names = this.typesByName.get(type.schema) ?? new Map<string, string>();
      names.set(type.name, type.kind);
      this.typesByName.set(type.schema, names);
    }
    for (const { name, columns } of catalog.recordFunctions ?? []) {
      const known = this.records.get(name);
      const same = known === undefined || (known !== null && known.join('\0') === columns.join('\0'));
      this.records.set(name, same ? columns : null);
    }
  }

  private addRelation(relation: CatalogRelation): void {
    this.byOid.set(relation.oid, relation);
    const names = this.byName.get(relation.schema) ?? new Map<string, CatalogRelation>();
    names.set(relation.name, relation);
    this.byName.set(relation.schema, names);
    for (const parent of relation.parents) push(this.children, parent, relation);
  }

  /** Looks a relation up as the server does. `pg_temp` stands for the session's own schema. */
  relation(schema: string | null, name: string, searchPath: readonly string[]): CatalogRelation | null {
    if (schema !== null) return this.byName.get(ownSchema(schema, searchPath))?.get(name) ?? null;
    for (const candidate of searchPath) {
      const found = this.byName.get(candidate)?.get(name);
      if (found) return found;
    }
    return null;
  }

  /** The relation with all its ancestors and, unless `only`, descendants; null when they are too many. The relation itself is first. */
  family(relation: CatalogRelation, only: boolean): readonly CatalogRelation[] | null {
    const seen = new Set<CatalogRelation>([relation]);
    const up = [relation];
    for (let next = up.pop(); next !== undefined; next = up.pop()) {
      for (const oid of next.parents) {
        const parent = this.byOid.get(oid);
        if (parent === undefined || seen.has(parent)) continue;
        seen.add(parent);
        up.push(parent);
      }
    }
    const down = only ? [] : [relation];
    for (let next = down.pop(); next !== undefined; next = down.pop()) {
      for (const child of this.children.get(next.oid) ?? []) {
        if (seen.has(child)) continue;
        if (seen.size > maxFamily) return null;
        seen.add(child);
        down.push(child);
      }
    }
    return [...seen];
  }

  /** The one ColumnRef object of this column. */
  origin(schema: string, table: string, column: string): ColumnRef {
    const key = `${schema}\0${table}\0${column}`;
    let origin = this.origins.get(key);
    if (origin === undefined) {
      origin = { schema, table, column };
      this.origins.set(key, origin);
    }
    return origin;
  }

  /** Functions outside pg_catalog that a call may mean. pg_temp is never searched for functions. */
  userFunctions(schema: string | null, name: string, searchPath: readonly string[]): readonly CatalogFunction[] {
    const all = this.functions.get(name) ?? [];
    return all.filter((fn) => (schema === null ? searchPath.includes(fn.schema) : fn.schema === schema));
  }

  /** Whether an operator of this name outside pg_catalog may be meant. */
  userOperator(schema: string | null, name: string, searchPath: readonly string[]): boolean {
    const schemas = this.operators.get(name);
    if (schemas === undefined) return false;
    return schemas.some((candidate) => (schema === null ? searchPath.includes(candidate) : candidate === schema));
  }

  /** Kind of a type outside pg_catalog by name; null when the name means none of them. */
  userType(schema: string | null, name: string, searchPath: readonly string[]): string | null {
    const schemas = schema === null ? searchPath : [ownSchema(schema, searchPath)];
    for (const candidate of schemas) {
      const kind = this.typesByName.get(candidate)?.get(name);
      if (kind !== undefined) return kind;
    }
    return null;
  }

  /** Whether values of this type may be composite (or arrays of composite values). */
  mayBeComposite(column: CatalogColumn): boolean {
    if (column.typeOid < 16_384) return column.typeOid === 2249 || column.typeOid === 2287;
    const kind = this.typesByOid.get(column.typeOid);
    return kind === undefined || kind === 'c' || kind === 'd' || kind === 'p';
  }

  /** Column names of a pg_catalog function that returns records; null when not known or not the same for all of this name. */
  recordColumns(name: string): readonly string[] | null {
    return this.records.get(name) ?? null;
  }

  /** Whether a pg_catalog function of this name returns records. */
  returnsRecord(name: string): boolean {
    return this.records.has(name);
  }
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

function ownSchema(schema: string, searchPath: readonly string[]): string {
  if (schema !== 'pg_temp') return schema;
  return searchPath.find((candidate) => candidate.startsWith('pg_temp_')) ?? schema;
}
