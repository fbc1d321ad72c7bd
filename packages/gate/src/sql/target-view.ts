import type { Catalog, CatalogRelation, CatalogUsage } from '@weir/sql';

/** Lookups over one catalog version, built once and shared by all channels of a target. */
export interface CatalogIndex {
  readonly catalog: Catalog;
  relationByOid(oid: number): CatalogRelation | undefined;
  /** Is `name` a relation, column, function, type or schema of this catalog, or a type with a column's modifier? (For error texts that may be echoed.) */
  hasName(name: string): boolean;
  /** Is this relation more than a plain table: a view, a parent, a child, with rules or generated columns? */
  isDerived(schema: string, name: string): boolean;
}

/** What a channel's statements mean right now: a new object whenever anything in it changes, so that identity is equality. */
export interface TargetView {
  readonly index: CatalogIndex;
  /** current_schemas(true). */
  readonly searchPath: readonly string[];
  readonly role: string;
}

/** What statements meant when a portal was bound: its plan was made then, and later changes do not reach it. */
export interface BoundIn {
  /** Null = it had to be asked for. */
  readonly view: TargetView | null;
  /** How often this channel had changed what statements mean by then. */
  readonly changes: number;
}

/** The channel's knowledge of its target. `current` is null when a statement may have changed it: ask `refresh` first. */
export interface TargetState {
  current(): TargetView | null;
  /** The newest view, however stale; null = none yet. Good for statements that mean the same in every view. */
  last(): TargetView | null;
  /** `stale` is content with what was confirmed a moment ago; the others ask the server. @throws WeirError when it cannot be asked: the statement is denied. */
  refresh(reason: 'stale' | 'unknown-relation' | 'approved'): Promise<TargetView>;
  /**
   * Asks the server whether everything that is used still is what the view says; false = it has changed, `refresh` knows it by then. Changes that are
   * committed before the call are seen. @throws WeirError when the target cannot be asked.
   */
  confirm(view: TargetView, usage: CatalogUsage): Promise<boolean>;
  /** A statement that may change catalog or environment was forwarded, or a transaction that holds such changes ended. */
  touched(change: 'catalog' | 'environment'): void;
  /** A transaction begins while nothing is outstanding: what was touched before is settled. */
  transactionBegan(): void;
  /** A transaction may have ended (COMMIT, ROLLBACK, or not known): what was touched inside must be asked again. */
  transactionEnded(): void;
}

/** Builds the lookups of a catalog. */
export function createCatalogIndex(catalog: Catalog): CatalogIndex {
  const byOid = new Map(catalog.relations.map((relation) => [relation.oid, relation]));
  let names: Set<string> | undefined;
  let derived: Set<string> | undefined;
  return {
    catalog,
    relationByOid: (oid) => byOid.get(oid),
    hasName(name) {
      names ??= collectNames(catalog);
      return names.has(name);
    },
    isDerived(schema, name) {
      derived ??= collectDerived(catalog);
      return derived.has(`${schema}\0${name}`);
    },
  };
}

function collectDerived({ relations }: Catalog): Set<string> {
  const parents = new Set(relations.flatMap((relation) => relation.parents));
  const isPlain = ({ oid, kind, columns, rules, parents: above }: CatalogRelation) =>
    (kind === 'r' || kind === 'S') &&
    rules !== true &&
    above.length === 0 &&
    !parents.has(oid) &&
    columns.every(({ generated }) => generated === null);
  return new Set(relations.filter((relation) => !isPlain(relation)).map(({ schema, name }) => `${schema}\0${name}`));
}

function collectNames(catalog: Catalog): Set<string> {
  const names = new Set<string>([catalog.database]);
  for (const relation of catalog.relations) {
    names.add(relation.schema).add(relation.name);
    for (const column of relation.columns) {
      names.add(column.name);
      const type = modifiedType(column);
      if (type !== null) names.add(type);
    }
  }
  for (const made of [...catalog.functions, ...catalog.operators, ...catalog.types])
    names.add(made.schema).add(made.name);
  return names;
}

/** How the server's messages name a type with the modifier of a column: pg_type OIDs of bpchar, varchar, bit, varbit and numeric. */
function modifiedType({ typeOid, typeModifier }: { typeOid: number; typeModifier: number }): string | null {
  if (typeModifier < 0) return null;
  switch (typeOid) {
    case 1042:
      return `character(${typeModifier - 4})`;
    case 1043:
      return `character varying(${typeModifier - 4})`;
    case 1560:
      return `bit(${typeModifier})`;
    case 1562:
      return `bit varying(${typeModifier})`;
    case 1700:
      return `numeric(${(typeModifier - 4) >> 16},${(typeModifier - 4) & 0x7ff})`;
    default:
      return null;
  }
}
