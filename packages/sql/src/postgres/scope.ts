import type { CatalogRelation } from '../catalog.ts';
import type { CommonTableExpr } from './ast.ts';
import { clearValue, mixed, type NamedProvenance, type Provenance, rowValue } from './provenance.ts';

/** One item of FROM as names see it. */
export interface Source {
  /** Alias or relation name; null for an unnamed join. */
  readonly name: string | null;
  /** Schema by which columns may be qualified (a relation without alias), else null. */
  readonly schema: string | null;
  readonly columns: readonly NamedProvenance[];
  /** Value of any column that is not listed; null when the list is complete. */
  readonly rest: Provenance | null;
  /** The number of columns is known (a `*` can be counted). */
  readonly counted: boolean;
  readonly relation: CatalogRelation | null;
  /** `name.column` works (a join's alias hides its members). */
  relationVisible: boolean;
  /** A bare column name works (the members of a join are seen through the join). */
  columnsVisible: boolean;
  /** How often a column of it was looked up. */
  hits: number;
  /** The items that a join joins. */
  readonly members: readonly Source[];
}

/** A WITH query, analysed when first named. */
export interface CteEntry {
  readonly name: string;
  readonly node: CommonTableExpr;
  readonly scope: Scope;
  readonly recursive: boolean;
  state: 'new' | 'busy' | 'done';
  columns: readonly NamedProvenance[];
  counted: boolean;
}

/** Names visible at one query level. */
export class Scope {
  readonly sources: Source[] = [];
  readonly ctes = new Map<string, CteEntry>();
  /** Relations named by FROM at this level, with the node that names them. */
  readonly relations: {
    readonly node: object;
    readonly relation: CatalogRelation;
    readonly only: boolean;
    readonly source: Source;
  }[] = [];
  /** Lookups that ended at this level. */
  hits = 0;
  readonly parent: Scope | null;

  constructor(parent: Scope | null) {
    this.parent = parent;
  }

  /** The same level without its FROM items: what a sub-select in FROM sees unless it is LATERAL. */
  withoutSources(): Scope {
    const blind = new Scope(this.parent);
    for (const [name, entry] of this.ctes) blind.ctes.set(name, entry);
    return blind;
  }

  findCte(name: string): CteEntry | null {
    for (let level: Scope | null = this; level !== null; level = level.parent) {
      const entry = level.ctes.get(name);
      if (entry) return entry;
    }
    return null;
  }

  /** The nearest source of this name. */
  findSource(schema: string | null, name: string): Source | null {
    for (let level: Scope | null = this; level !== null; level = level.parent) {
      for (const source of level.sources) {
        if (!source.relationVisible || source.name !== name) continue;
        if (schema !== null && source.schema !== schema) continue;
        level.hits += 1;
        source.hits += 1;
        return source;
      }
    }
    return null;
  }

  /** The value of a bare column name that a source lists; null when none does. Sources of inner levels that may have more columns taint it. */
  findColumn(name: string): Provenance | null {
    const passed: Provenance[] = [];
    for (let level: Scope | null = this; level !== null; level = level.parent) {
      const found = level.ownColumn(name);
      if (found !== null) return passed.some(carries) ? mixed([found, ...passed]) : found;
      for (const source of level.sources) if (source.rest !== null && source.columnsVisible) passed.push(source.rest);
    }
    return null;
  }

  private ownColumn(name: string): Provenance | null {
    const found: Provenance[] = [];
    for (const source of this.sources) {
      const column = source.columnsVisible ? columnOf(source, name) : null;
      if (column === null) continue;
      hitColumn(source, name);
      found.push(column);
    }
    if (found.length === 0) return null;
    this.hits += 1;
    return found.length === 1 ? (found[0] ?? clearValue) : mixed(found);
  }

  /** Sources whose columns are not all known may have any column: all of them together; null when there is none. */
  findRest(): Provenance | null {
    const rests: Provenance[] = [];
    for (let level: Scope | null = this; level !== null; level = level.parent) {
      for (const source of level.sources) {
        if (source.rest === null || !source.columnsVisible) continue;
        source.hits += 1;
        level.hits += 1;
        rests.push(source.rest);
      }
    }
    return rests.length === 0 ? null : mixed(rests);
  }
}

/** Counts the lookup of a column, for a join also with the members that have the column. */
export function hitColumn(source: Source, name: string): void {
  source.hits += 1;
  for (const member of source.members) if (columnOf(member, name) !== null) hitColumn(member, name);
}

function carries(value: Provenance): boolean {
  return value.opaque || value.origins.size > 0;
}

/** Value of a listed column of a source; several of one name (an ambiguity that the server refuses) give all of them. */
export function columnOf(source: Source, name: string): Provenance | null {
  let found: Provenance | null = null;
  for (const column of source.columns) {
    if (column.name === name) found = found === null ? column.value : mixed([found, column.value]);
  }
  return found;
}

/** The whole row of a source. */
export function rowOf(source: Source): Provenance {
  const row = rowValue(source.columns, source.counted);
  if (source.rest === null) return row;
  return { ...mixed([row, source.rest]), composite: true, row: source.counted ? source.columns : null };
}

/** A source with the usual defaults. */
export function createSource(
  parts: Pick<Source, 'name' | 'columns'> & Partial<Omit<Source, 'name' | 'columns'>>,
): Source {
  return {
    schema: null,
    rest: null,
    counted: true,
    relation: null,
    relationVisible: true,
    columnsVisible: true,
    hits: 0,
    members: [],
    ...parts,
  };
}

/** Column names replaced by an alias's column list, as far as it goes. */
export function renameColumns(
  columns: readonly NamedProvenance[],
  names: readonly string[],
): readonly NamedProvenance[] {
  if (names.length === 0) return columns;
  return columns.map((column, index) => ({ name: names[index] ?? column.name, value: column.value }));
}
