import type { AnalysedStatement, AnalysisRequest, AnalysisResult, SessionObjects } from '../analysis.ts';
import type { Catalog } from '../catalog.ts';
import { CatalogIndex } from './catalog-index.ts';
import { type Context, createContext } from './context.ts';
import { Findings } from './findings.ts';
import { watchIntegers } from './free-integers.ts';
import { defaultMaxText, guardText } from './guards.ts';
import { applyObjectChanges, dependsOnChanges, noteDependence } from './multi-statement.ts';
import { BrokenParser, createParser, type ParsedStatement, type Parser } from './parser.ts';
import { toFacts, type Verb } from './statement-result.ts';
import { analyseStatement } from './statements.ts';

export interface PostgresAnalyserOptions {
  /** Functions outside pg_catalog, as schema.name, whose results come from their arguments alone. */
  readonly trustedFunctions?: readonly string[];
  /** Longest text in UTF-16 units; 1 MiB unless told. */
  readonly maxText?: number;
}

/** Analyses PostgreSQL statements against loaded catalogs. Synchronous and pure; texts can be hostile, so run it in a thread that can be replaced. */
export interface PostgresAnalyser {
  /** Makes a catalog available to `analyse` under its version. */
  loadCatalog(catalog: Catalog): void;
  dropCatalog(version: string): void;
  /** Never throws. After a result with the problem `internal` the instance answers nothing else: make a new one. */
  analyse(request: AnalysisRequest): AnalysisResult;
}

/** Loads the parser and gives an analyser without catalogs. */
export async function createPostgresAnalyser(options: PostgresAnalyserOptions = {}): Promise<PostgresAnalyser> {
  const parser = await createParser();
  const catalogs = new Map<string, CatalogIndex>();
  const trustedFunctions = new Set(options.trustedFunctions);
  const maxText = options.maxText ?? defaultMaxText;
  return {
    loadCatalog(catalog) {
      catalogs.set(catalog.version, new CatalogIndex(catalog));
    },
    dropCatalog(version) {
      catalogs.delete(version);
    },
    analyse(request) {
      try {
        return analyse(parser, catalogs.get(request.catalogVersion), request, { trustedFunctions, maxText });
      } catch (error) {
        return failure(error);
      }
    },
  };
}

function failure(error: unknown): AnalysisResult {
  // The walk over the tree may run out of stack; only the parser's own failure leaves it unusable.
  if (error instanceof RangeError) return refused('limit', 'the statement is nested too deeply');
  if (error instanceof BrokenParser) return refused('internal', error.message);
  return refused('internal', error instanceof Error ? `the analysis failed: ${error.message}` : 'the analysis failed');
}

function refused(
  problem: 'limit' | 'syntax' | 'internal',
  message: string,
  position: number | null = null,
): AnalysisResult {
  return { ok: false, problem, message, position };
}

function analyse(
  parser: Parser,
  index: CatalogIndex | undefined,
  request: AnalysisRequest,
  options: { trustedFunctions: ReadonlySet<string>; maxText: number },
): AnalysisResult {
  const guard = guardText(request.text, {
    maxText: options.maxText,
    standardConformingStrings: request.standardConformingStrings ?? true,
  });
  if (guard !== null) return refused(guard.problem, guard.message);
  if (index === undefined) return refused('limit', `catalog ${request.catalogVersion} is not loaded`);
  const outcome = parser.parse(request.text);
  if (!outcome.ok) return refused('syntax', outcome.message, outcome.position);
  const watch = watchIntegers(request.text, outcome.statements);
  const length = Buffer.byteLength(request.text);
  const trusted = request.trustedFunctions ?? [];
  const trustedFunctions =
    trusted.length === 0 ? options.trustedFunctions : new Set([...options.trustedFunctions, ...trusted]);
  const trustKey = trusted.length === 0 ? '' : JSON.stringify(trusted);
  const parts = { index, trustedFunctions, trustKey, parseQuery: parser.parseQuery, parser };
  const found: { verb: Verb; context: Context; start: number; end: number }[] = [];
  const unknown = new Findings();
  let objects: SessionObjects = request.objects;
  let moved = false;
  const list: readonly ParsedStatement[] =
    outcome.statements.length > 0 ? outcome.statements : [{ node: null, start: 0, end: null }];
  for (const { node, start, end } of list) {
    const context = createContext(parts, { ...request, objects });
    const verb = analyseStatement(context, node);
    if (moved) noteDependence(context.findings);
    for (const shown of reachableColumns(context.findings, index)) context.findings.unknownColumns.delete(shown);
    unknown.addUnknown(context.findings);
    found.push({ verb, context, start, end: end ?? length });
    objects = applyObjectChanges(objects, context.findings.changes);
    moved ||= dependsOnChanges(context.findings.changes);
  }
  const freeIntegers = watch.free();
  const statements = found.map(({ verb, context: { findings }, start, end }): AnalysedStatement => {
    const facts = toFacts(verb, findings, watch.digitsAt);
    return { facts, changes: findings.changes, start, end, copy: verb.copy ?? null };
  });
  return {
    ok: true,
    statements,
    unknownRelations: [...unknown.unknownRelations],
    unknownColumns: [...unknown.unknownColumns.keys()],
    unknownFunctions: [...unknown.unknownFunctions],
    ...(freeIntegers.length > 0 && { freeIntegers }),
  };
}

/** Bare names that were not found where they stand, though a relation of the statement has such a column: what the server thinks of them is not known. */
function reachableColumns(findings: Findings, index: CatalogIndex): string[] {
  return [...findings.unknownColumns]
    .filter(([, bare]) => bare !== null && [...findings.tables.values()].some((found) => hasColumn(index, found, bare)))
    .map(([shown]) => shown);
}

function hasColumn(index: CatalogIndex, { schema, table }: { schema: string; table: string }, name: string): boolean {
  return index.relation(schema, table, [])?.columns.some((column) => column.name === name) ?? false;
}
