import {
  type A_Expr,
  bodyOf,
  constantValue,
  type FuncCall,
  type Node,
  openNode,
  type SelectStmt,
  stringList,
} from './ast.ts';
import type { Context } from './context.ts';
import { resolveCall } from './function-calls.ts';
import type { NamedProvenance, Provenance } from './provenance.ts';
import { columnOf, type Scope } from './scope.ts';

/*
 * A sum or an average over many rows tells little of one of them. The query itself must say that its groups are large: HAVING count(c) >= n beside
 * other conditions, over one plain table (a join or a sub-select can repeat rows until one row is a large group), of the plain column (an
 * expression can blank out all rows but one).
 */

/** Aggregates whose result is no value of a row. min() and max() are. */
const summarising: ReadonlySet<string> = new Set(['sum', 'avg']);
/** Functions that only shorten a number. */
const rounding: ReadonlySet<string> = new Set(['round', 'trunc', 'ceil', 'ceiling', 'floor']);

/** Notes at the outputs of a SELECT how many rows each of their groups has at least, where the query itself says so. */
export function withGroupSizes(
  context: Context,
  scope: Scope,
  select: SelectStmt,
  columns: readonly NamedProvenance[],
): readonly NamedProvenance[] {
  const targets = select.targetList ?? [];
  const [item, ...others] = select.fromClause ?? [];
  const isPlain = others.length === 0 && bodyOf<object>(item, 'RangeVar') !== null && scope.relations.length === 1;
  if (!isPlain || select.havingClause === undefined || targets.length !== columns.length) return columns;
  const kind = scope.relations[0]?.relation.kind;
  if (kind !== 'r' && kind !== 'p') return columns;
  return columns.map((column, at) => {
    const value = summarised(context, scope, bodyOf<{ val?: Node }>(targets[at], 'ResTarget')?.val);
    if (value === null || value.origins.size === 0) return column;
    const groupSize = sizeOf(context, scope, select.havingClause as Node, value);
    return groupSize === 0 ? column : { ...column, groupSize };
  });
}

/** The column that an output sums up; null when it is anything else. */
function summarised(context: Context, scope: Scope, node: Node | undefined): Provenance | null {
  const open = openNode(node);
  if (open?.tag === 'TypeCast') return summarised(context, scope, open.body['arg'] as Node);
  if (open?.tag !== 'FuncCall') return null;
  const call = open.body as FuncCall;
  const { builtin, name } = resolveCall(context, call.funcname);
  if (!builtin) return null;
  const [first, ...rest] = call.args ?? [];
  if (rounding.has(name) && rest.every((arg) => constantValue(arg) !== null)) return summarised(context, scope, first);
  return summarising.has(name) && rest.length === 0 && isWhole(call) ? plainColumn(scope, first) : null;
}

/** Does the aggregate see every row of its group once? */
function isWhole(call: FuncCall): boolean {
  const { agg_distinct, agg_filter, agg_order, agg_within_group, over } = call;
  return agg_distinct !== true && !agg_filter && !agg_order && agg_within_group !== true && over === undefined;
}

/** The value of a plain reference to a column of the only table. */
function plainColumn(scope: Scope, node: Node | undefined): Provenance | null {
  const [source] = scope.sources;
  const fields = bodyOf<{ fields?: Node[] }>(node, 'ColumnRef')?.fields ?? [];
  const parts = stringList(fields);
  const name = parts.at(-1);
  if (source === undefined || name === undefined || parts.length !== fields.length || parts.length > 2) return null;
  if (parts.length === 2 && parts[0] !== source.name) return null;
  const value = columnOf(source, name);
  return value?.direct === true && !value.opaque ? value : null;
}

/** The largest number of rows with a value that a condition of HAVING asks for; 0 = none. */
function sizeOf(context: Context, scope: Scope, node: Node, value: Provenance): number {
  const open = openNode(node);
  if (open?.tag === 'BoolExpr' && open.body['boolop'] === 'AND_EXPR') {
    const sizes = ((open.body['args'] as Node[] | undefined) ?? []).map((arg) => sizeOf(context, scope, arg, value));
    return Math.max(0, ...sizes);
  }
  const compared = open?.tag === 'A_Expr' ? (open.body as A_Expr) : null;
  if (compared?.kind !== 'AEXPR_OP') return 0;
  const operator = stringList(compared.name).join('.');
  if (context.index.userOperator(null, operator, context.searchPath)) return 0;
  const flipped = ({ '<=': '>=', '<': '>' } as const)[operator];
  const counted = flipped === undefined ? compared.lexpr : compared.rexpr;
  const constant = constantValue(flipped === undefined ? compared.rexpr : compared.lexpr);
  const rows = constant?.kind === 'number' ? Number(constant.text) : Number.NaN;
  if (!Number.isSafeInteger(rows) || !countsValues(context, scope, counted, value)) return 0;
  switch (flipped ?? operator) {
    case '>=':
      return Math.max(0, rows);
    case '>':
      return Math.max(0, rows + 1);
    default:
      return 0;
  }
}

/** Is this count() of the same column, or of all rows of a table in which each row has a value? */
function countsValues(context: Context, scope: Scope, node: Node | undefined, value: Provenance): boolean {
  const call = bodyOf<FuncCall>(node, 'FuncCall');
  if (call === null || !isWhole(call)) return false;
  const { builtin, name } = resolveCall(context, call.funcname);
  if (!builtin || name !== 'count') return false;
  if (call.agg_star !== true) return plainColumn(scope, call.args?.[0]) === value;
  const relation = scope.relations[0]?.relation;
  const [source] = scope.sources;
  if (relation === undefined || source === undefined || context.index.family(relation, false)?.length !== 1)
    return false;
  const at = source.columns.findIndex((column) => column.value === value);
  return relation.columns[at]?.notNull === true;
}
