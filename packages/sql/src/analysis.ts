import type { ColumnRef, OutputColumn, SqlFacts } from '@weir/policy';

/** Prepared statements and cursors that SQL of this channel made (PREPARE, DECLARE), by name. */
export interface SessionObjects {
  readonly prepared: Readonly<Record<string, { readonly facts: SqlFacts }>>;
  readonly cursors: Readonly<Record<string, { readonly outputs: readonly OutputColumn[] }>>;
}

/** What a statement does to the session's objects once it has succeeded; the caller applies it in order and undoes it on rollback as the server does. */
export type SessionChange =
  | { readonly change: 'prepare'; readonly name: string; readonly facts: SqlFacts }
  | { readonly change: 'deallocate'; readonly name: string | null }
  | {
      readonly change: 'declare';
      readonly name: string;
      readonly outputs: readonly OutputColumn[];
      readonly hold: boolean;
    }
  | { readonly change: 'close'; readonly name: string | null }
  | { readonly change: 'discard' }
  /** Objects of the catalog may have changed: load the catalog again before the next judgement. */
  | { readonly change: 'catalog' }
  /** search_path, role or another tracked setting may have changed: ask the server before the next judgement. */
  | { readonly change: 'environment' };

export interface AnalysisRequest {
  readonly text: string;
  /** current_schemas(true). */
  readonly searchPath: readonly string[];
  readonly role: string;
  readonly objects: SessionObjects;
  /** OIDs of catalog relations are looked up in the catalog of this version, which must have been loaded. */
  readonly catalogVersion: string;
  /** Functions and procedures, as schema.name, that the policy lets run without a look into them: values flow from their arguments to the result. Absent = none. */
  readonly trustedFunctions?: readonly string[];
  /** The session's standard_conforming_strings; absent = on. Off: texts with backslashes in '…' are refused. */
  readonly standardConformingStrings?: boolean;
}

/** One statement of the text, in order. */
export interface AnalysedStatement {
  readonly facts: SqlFacts;
  readonly changes: readonly SessionChange[];
  /** Byte range of the statement in the UTF-8 text. */
  readonly start: number;
  readonly end: number;
  /** COPY … TO STDOUT / FROM STDIN options, when it is one. */
  readonly copy: {
    readonly direction: 'to' | 'from';
    readonly format: 'text' | 'csv' | 'binary';
    readonly delimiter: string;
    readonly quote: string;
    readonly escape: string;
    readonly nullText: string;
    readonly header: boolean;
    /** COPY FROM: the columns that the data goes to, in order; null = not known. */
    readonly columns?: readonly ColumnRef[] | null;
  } | null;
}

export type AnalysisResult =
  | {
      readonly ok: true;
      readonly statements: readonly AnalysedStatement[] /** Qualified names of relations referenced but not in the catalog. */;
      readonly unknownRelations: readonly string[];
      /** Columns that no relation of their statement has, as the server's message shows them: `"name"`, or `relation.name`. */
      readonly unknownColumns: readonly string[];
      /** Functions called by qualified name that are not in the catalog. An unqualified one is left to the server, which knows its own. */
      readonly unknownFunctions: readonly string[];
      /** Runs of digits of the text (by index) whose value nothing has read: texts that differ in them alone, by one to nine digits, have this result too. Absent = none. */
      readonly freeIntegers?: readonly number[];
    }
  /** `syntax`: the grammar refuses it (position is 1-based in characters as the server would report); `limit`: too long, too deep or too slow; `internal`: the parser broke. All are denied. */
  | {
      readonly ok: false;
      readonly problem: 'syntax' | 'limit' | 'internal';
      readonly message: string;
      readonly position: number | null;
    };
