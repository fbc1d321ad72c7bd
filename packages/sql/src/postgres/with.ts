import { bodyOf, type CommonTableExpr, openNode, type SelectStmt, stringList, type WithClause } from './ast.ts';
import type { Context } from './context.ts';
import { modifyColumns } from './modify.ts';
import { mixed, type NamedProvenance, opaqueValue, sameReach } from './provenance.ts';
import { type CteEntry, renameColumns, Scope } from './scope.ts';
import { type QueryColumns, selectColumns } from './select.ts';

/** A recursive query that has not settled after this many rounds is opaque. Each round adds at least one origin, so real ones end after a few. */
const maxRounds = 64;

/** Adds the WITH queries of a statement to its scope and analyses all of them (a data-modifying one runs even when nothing names it). */
export function addCtes(context: Context, scope: Scope, clause: WithClause | undefined): void {
  const entries: CteEntry[] = [];
  const recursive = clause?.recursive === true;
  for (const item of clause?.ctes ?? []) {
    const node = bodyOf<CommonTableExpr>(item, 'CommonTableExpr') ?? {};
    // Without RECURSIVE a query sees only those before it: give each a level of its own that holds those.
    const level = recursive ? scope : snapshot(scope);
    const entry: CteEntry = {
      name: node.ctename ?? '',
      node,
      scope: level,
      recursive,
      state: 'new',
      columns: [],
      counted: true,
    };
    entries.push(entry);
    scope.ctes.set(entry.name, entry);
  }
  for (const entry of entries) cteColumns(context, entry);
}

function snapshot(scope: Scope): Scope {
  const level = new Scope(scope.parent);
  for (const [name, entry] of scope.ctes) level.ctes.set(name, entry);
  return level;
}

/** Columns of a WITH query as far as they are known: while it is being worked out, those of the last round. */
export function cteColumns(context: Context, entry: CteEntry): QueryColumns {
  if (entry.state === 'new') {
    entry.state = 'busy';
    for (let round = 0; ; round += 1) {
      const result = cteRound(context, entry);
      const settled = !entry.recursive || isSettled(entry.columns, result.columns);
      entry.columns = result.columns;
      entry.counted = result.counted;
      if (settled) break;
      if (round === maxRounds) {
        context.findings.opaque.add(`WITH RECURSIVE ${entry.name} could not be followed`);
        entry.columns = entry.columns.map(({ name }) => ({ name, value: opaqueValue }));
        break;
      }
    }
    entry.state = 'done';
  }
  return { columns: entry.columns, counted: entry.counted };
}

function isSettled(before: readonly NamedProvenance[], after: readonly NamedProvenance[]): boolean {
  if (before.length !== after.length) return false;
  return after.every(({ name, value }, at) => {
    const old = before[at];
    return old !== undefined && old.name === name && sameReach(old.value, value);
  });
}

function cteRound(context: Context, entry: CteEntry): QueryColumns {
  const open = openNode(entry.node.ctequery);
  const result =
    open?.tag === 'SelectStmt'
      ? selectColumns(context, entry.scope, open.body as SelectStmt)
      : modifyColumns(context, entry.scope, open);
  const columns = [...renameColumns(result.columns, stringList(entry.node.aliascolnames))];
  const { search_clause: search, cycle_clause: cycle } = entry.node;
  const all = mixed(columns.map(({ value }) => value));
  const has = (name: string | undefined) => columns.some((column) => column.name === name);
  // In a recursive round the query sees these columns of itself, too.
  if (search?.search_seq_column !== undefined && !has(search.search_seq_column)) {
    columns.push({ name: search.search_seq_column, value: all });
  }
  for (const name of [cycle?.cycle_mark_column, cycle?.cycle_path_column]) {
    if (name !== undefined && !has(name)) columns.push({ name, value: all });
  }
  return { columns, counted: result.counted };
}
