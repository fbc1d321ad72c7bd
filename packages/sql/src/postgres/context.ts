import type { SelectStmt } from '@pgsql/types';
import type { AnalysisRequest, SessionObjects } from '../analysis.ts';
import type { CatalogIndex } from './catalog-index.ts';
import { Findings } from './findings.ts';

/** What the walk of one statement needs. */
export interface Context {
  readonly index: CatalogIndex;
  readonly searchPath: readonly string[];
  readonly findings: Findings;
  readonly objects: SessionObjects;
  /** User functions, as schema.name, through which values flow as through the server's own. */
  readonly trustedFunctions: ReadonlySet<string>;
  /** Parses one SELECT that the server itself wrote (a view's definition); throws when the parser breaks, null when it does not parse. */
  readonly parseQuery: (text: string) => SelectStmt | null;
  /** Views being expanded, to stop at a circle. */
  readonly depth: number;
}

/** A context for the next statement of a request. */
export function createContext(
  parts: Pick<Context, 'index' | 'trustedFunctions' | 'parseQuery'>,
  request: Pick<AnalysisRequest, 'searchPath' | 'objects'>,
): Context {
  return { ...parts, searchPath: request.searchPath, objects: request.objects, findings: new Findings(), depth: 0 };
}

/** The schema in which a new object without schema is created. */
export function creationSchema(context: Context, schema: string | undefined, persistence: string | undefined): string {
  if (persistence === 't') return 'pg_temp';
  if (schema !== undefined && schema !== '') return schema;
  return context.searchPath.find((name) => name !== 'pg_catalog' && !name.startsWith('pg_temp')) ?? 'public';
}
