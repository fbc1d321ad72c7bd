import type { StatementKind, Verdict } from '@weir/policy';
import type { AnalysedStatement } from '@weir/sql';
import { createDenial, type Denial } from '../order/denial.ts';

/** Bound on the rows of each result of a text. */
export interface RowLimit {
  readonly maxRows: number;
  /** Name of the rule, for the user; null when the verdict names another one. */
  readonly rule: string | null;
}

/** Kinds that answer with no rows unless they say so (RETURNING). */
const rowless: ReadonlySet<StatementKind> = new Set<StatementKind>([
  ...(['insert', 'update', 'delete', 'merge', 'truncate', 'copy-from'] as const),
  ...(['transaction', 'set', 'deallocate', 'declare-cursor', 'close-cursor', 'listen', 'notify', 'lock'] as const),
]);

/** Does a statement deliver no rows at all? */
export function isRowless({ facts }: AnalysedStatement): boolean {
  return facts.outputs === null && facts.opaque.length === 0 && rowless.has(facts.kind);
}

/**
 * Catalog relations that describe objects and hold no rows of theirs: drivers and editors read them to know the types and tables. They do not count,
 * or a small bound would keep most clients from working. What is not named here counts (pg_stats holds values of columns).
 */
const descriptive: ReadonlySet<string> = new Set(
  [
    'am amop amproc attrdef attribute auth_members cast class collation constraint conversion database default_acl depend description enum',
    'event_trigger extension foreign_data_wrapper foreign_server foreign_table index indexes inherits init_privs language matviews namespace',
    'opclass operator opfamily partitioned_table policies policy proc publication publication_rel publication_tables range rewrite roles rules',
    'sequence sequences settings shdepend shdescription statistic_ext tables tablespace timezone_abbrevs timezone_names transform trigger',
    'ts_config ts_dict ts_parser ts_template type views',
  ]
    .join(' ')
    .split(' ')
    .map((name) => `pg_${name}`),
);

function isDescription({ facts }: AnalysedStatement): boolean {
  const { tables, functions, opaque, kinds } = facts;
  if (tables.length === 0 || opaque.length > 0 || kinds.some((kind) => kind !== 'select')) return false;
  if (functions.some(({ schema }) => schema !== 'pg_catalog')) return false;
  return tables.every(
    ({ schema, table }) => schema === 'information_schema' || (schema === 'pg_catalog' && descriptive.has(table)),
  );
}

/** The smallest bound of the statements of one text; null = none, or nothing that answers with rows. `verdicts` as `statements`. */
export function rowLimitOf(statements: readonly AnalysedStatement[], verdicts: readonly Verdict[]): RowLimit | null {
  let limit: RowLimit | null = null;
  for (const [i, verdict] of verdicts.entries()) {
    const statement = statements[i];
    if (verdict.action === 'deny') continue;
    if (statement !== undefined && (isRowless(statement) || isDescription(statement))) continue;
    const { maxRows, bounds } = verdict;
    const byAccess = maxRows === null ? null : { maxRows, rule: verdict.action === 'allow' ? verdict.rule : null };
    const byGuardrail = bounds?.returned ? { maxRows: bounds.returned.over, rule: bounds.returned.rule } : null;
    for (const bound of [byAccess, byGuardrail])
      if (bound !== null && (limit === null || bound.maxRows < limit.maxRows)) limit = bound;
  }
  return limit;
}

/** What the client reads in place of the rows beyond the bound. */
export function rowLimitDenial({ maxRows, rule }: RowLimit, sessionId: string): Denial {
  const by = rule === null ? 'the access policy' : `rule "${rule}" of the access policy`;
  return createDenial('statement_denied', `more than ${maxRows} rows: the rest was withheld`, {
    detail: `Limited by ${by}, session ${sessionId}.`,
    hint: `Add a WHERE clause or LIMIT ${maxRows}.`,
  });
}
