/** A base column of the target, by catalog names (never as the client spelled it). */
export interface ColumnRef {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
}

/**
 * How a column shapes an answer without being delivered: `filter` (WHERE, HAVING, FILTER, EXISTS, LIMIT, INTERSECT, EXCEPT), `join`, `group` (GROUP BY,
 * DISTINCT, PARTITION BY, UNION), `order`, `count` (the argument of count()).
 */
export const influenceWays = ['filter', 'join', 'group', 'order', 'count'] as const;
export type InfluenceWay = (typeof influenceWays)[number];

/** A column that shapes the answer, and how. */
export interface InfluenceFact extends ColumnRef {
  readonly ways: readonly InfluenceWay[];
}

/** What a statement does to a relation. `read` includes rows seen only by WHERE, JOIN or a sub-select. */
export type TableEffectKind = 'read' | 'insert' | 'update' | 'delete' | 'truncate' | 'ddl' | 'lock';

/** The effects of a statement on one relation (view effects are listed for the view and for its base tables). */
export interface TableEffect {
  readonly schema: string;
  readonly table: string;
  readonly effects: readonly TableEffectKind[];
}

/** The closed list of statement kinds that rules can name. `ddl` is CREATE/ALTER/DROP/COMMENT/REINDEX… of any object; `dcl` GRANT/REVOKE and roles. */
export const statementKinds = [
  'select',
  'insert',
  'update',
  'delete',
  'merge',
  'truncate',
  'copy-from',
  'copy-to',
  'ddl',
  'dcl',
  'transaction',
  'set',
  'show',
  'explain',
  'prepare',
  'execute',
  'deallocate',
  'declare-cursor',
  'fetch',
  'close-cursor',
  'call',
  'do',
  'listen',
  'notify',
  'lock',
  'maintenance',
  'empty',
  'unknown',
] as const;
export type StatementKind = (typeof statementKinds)[number];

/** State of the row filter of an UPDATE, DELETE or SELECT: `always-true` = a WHERE that filters nothing (1=1, id=id, true OR …). */
export type WhereState = 'none' | 'always-true' | 'effective' | 'not-applicable';

/** One output column of a statement: where its value comes from. */
export interface OutputColumn {
  readonly name: string;
  /** Base columns whose values can be in this output (empty = none). */
  readonly origins: readonly ColumnRef[];
  /** True when the value is one origin's value unchanged (a plain column reference, through views, CTEs and sub-selects). */
  readonly direct: boolean;
  /** True when the origins could not be followed: mask as the strictest rule says. */
  readonly opaque: boolean;
  /** pg_type OID when the analysis knows it (direct columns), else null. */
  readonly typeOid: number | null;
  /**
   * The value is sum() or avg() of its one origin, and the query itself (HAVING) delivers groups with at least `groupSize` rows alone, each of which has
   * a value. Absent = not so, or not known.
   */
  readonly aggregate?: { readonly groupSize: number };
}

/** A value as the text of the statement has it: a constant, a parameter by its number (from 1), or the run of digits at this index (from 0) of the text. */
export type PlacedConstant = { readonly text: string } | { readonly parameter: number } | { readonly digits: number };

/** A constant or parameter that meets a column: it would be stored there, or is compared with what is there. */
export interface PlacedValue {
  readonly column: ColumnRef;
  readonly place: 'store' | 'compare';
  readonly value: PlacedConstant;
}

/** Facts about one SQL statement: what the target's own grammar says that it does. Written by packages/sql, read by policy. */
export interface SqlFacts {
  readonly kind: StatementKind;
  /** Command as the server names it, e.g. `DROP DATABASE`, `SELECT`, `ALTER TABLE`. */
  readonly command: string;
  /** Kinds of all data-modifying parts inside, CTEs and EXPLAIN ANALYZE and COPY (query) included; holds `kind` too. */
  readonly kinds: readonly StatementKind[];
  readonly tables: readonly TableEffect[];
  /** Functions called, by resolved schema and name. */
  readonly functions: readonly { readonly schema: string; readonly name: string }[];
  /** Number of INSERT, UPDATE, DELETE, MERGE and COPY FROM parts anywhere in the statement. */
  readonly dataChanges: number;
  /** Filter of each UPDATE/DELETE/SELECT target found anywhere in the statement. */
  readonly filters: readonly {
    readonly kind: 'select' | 'update' | 'delete';
    readonly schema: string;
    readonly table: string;
    readonly where: WhereState;
    readonly limit: number | null;
  }[];
  /** Columns read in predicates, joins, grouping or ordering: not delivered, but they shape the answer. */
  readonly influence: readonly InfluenceFact[];
  /** Output columns in order; null when the statement returns no rows. */
  readonly outputs: readonly OutputColumn[] | null;
  /** Base columns whose values would be stored in a place without protection (CTAS, INSERT..SELECT, UPDATE a=b). */
  readonly copies: readonly { readonly from: ColumnRef; readonly to: ColumnRef | null }[];
  /** Constants and parameters that are stored in columns or compared with them, as far as they reach them unchanged (casts and `||` of constants are followed). */
  readonly placed: readonly PlacedValue[];
  /** Why the statement cannot be understood, one sentence each; empty = understood. */
  readonly opaque: readonly string[];
  /** Settings that the statement changes (`search_path`, `role`, …). */
  readonly settings: readonly { readonly name: string; readonly value: string | null }[];
}

/** What one statement is judged with. Its `facts` are per statement; a simple Query with several is judged one by one and all must pass. */
export interface Statement {
  readonly text: string;
  /** Parameter values in text form where the client sent text; null = SQL NULL; undefined = not known yet (Parse). */
  readonly parameters: readonly (string | null)[] | undefined;
  readonly database: string;
  readonly role: string;
  /** Effective schemas in search order, pg_temp and pg_catalog included, as current_schemas(true) reports. */
  readonly searchPath: readonly string[];
  readonly facts: SqlFacts;
}
