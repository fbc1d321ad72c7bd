import type { SelectStmt } from '@pgsql/types';
import type { AnalysisRequest, SessionObjects } from '../analysis.ts';
import type { CatalogIndex } from './catalog-index.ts';
import { Findings } from './findings.ts';
import type { Parser } from './parser.ts';
import type { Variables } from './variables.ts';

/** What the walk of one statement needs. */
export interface Context {
  readonly index: CatalogIndex;
  readonly searchPath: readonly string[];
  readonly findings: Findings;
  readonly objects: SessionObjects;
  /** User functions, as schema.name, through which values flow as through the server's own. */
  readonly trustedFunctions: ReadonlySet<string>;
  /** The same as a text: what is kept with the catalog depends on it. */
  readonly trustKey: string;
  /** Parses one SELECT that the server itself wrote (a view's definition); throws when the parser breaks, null when it does not parse. */
  readonly parseQuery: (text: string) => SelectStmt | null;
  readonly parser: Parser;
  /** What names and $n stand for inside the body of a function; null outside. */
  readonly variables: Variables | null;
  /** Schemas in which the statement itself looks names up, whatever is walked now: bodies of functions look theirs up there. */
  readonly runPath: readonly string[];
  /** The outcome is kept for all sessions (a view's definition): it must not depend on one. */
  readonly isShared: boolean;
  /** Functions whose bodies are being walked, by OID. */
  readonly calls: readonly number[];
  /** Counts bodies over the whole statement. */
  readonly work: { bodies: number };
  /** Views being expanded, to stop at a circle. */
  readonly depth: number;
}

/** A context for the next statement of a request. */
export function createContext(
  parts: Pick<Context, 'index' | 'trustedFunctions' | 'trustKey' | 'parseQuery' | 'parser'>,
  request: Pick<AnalysisRequest, 'searchPath' | 'objects'>,
): Context {
  const { searchPath, objects } = request;
  return {
    ...parts,
    ...{ searchPath, objects, findings: new Findings(), depth: 0 },
    ...{ variables: null, runPath: searchPath, isShared: false, calls: [], work: { bodies: 0 } },
  };
}

/** The schema in which a new object without schema is created. */
export function creationSchema(context: Context, schema: string | undefined, persistence: string | undefined): string {
  if (persistence === 't') return 'pg_temp';
  if (schema !== undefined && schema !== '') return schema;
  return context.searchPath.find((name) => name !== 'pg_catalog' && !name.startsWith('pg_temp')) ?? 'public';
}
