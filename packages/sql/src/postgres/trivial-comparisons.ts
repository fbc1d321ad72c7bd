import { bodyOf, constantValue, type Node, openNode, type SelectStmt, stringList } from './ast.ts';
import { columnOf, type Scope, type Source } from './scope.ts';

/** Forms of expressions that only bring a column into another shape; a call is none, because `email <> lower(email)` is a real filter. */
const shaping = new Set([
  'A_ArrayExpr',
  'CaseExpr',
  'CaseWhen',
  'CoalesceExpr',
  'List',
  'MinMaxExpr',
  'NullTest',
  'RowExpr',
]);
const arithmetic = new Set(['+', '-', '*', '/', '||']);

/** Does a comparison look at the same single column on both sides, so that no row is told from another: `id = coalesce(id, 0)`, `id < id + 1`, `id = ANY (ARRAY[id])`? */
export function comparesColumnWithItself(scope: Scope, left: Node | undefined, right: Node | undefined): boolean {
  const [a, b] = [columnIn(scope, left), columnIn(scope, right)];
  return a !== null && a === b;
}

/** The only column that the expression looks at, as source and name; null when there are none, several, or forms that do more. */
function columnIn(scope: Scope, node: Node | undefined): string | null {
  const found = new Set<string>();
  return collect(scope, node, found) && found.size === 1 ? ([...found][0] ?? null) : null;
}

function collect(scope: Scope, value: unknown, found: Set<string>): boolean {
  if (Array.isArray(value)) return value.every((item) => collect(scope, item, found));
  if (typeof value !== 'object' || value === null) return true;
  const open = openNode(value);
  if (open === null) return Object.values(value).every((child) => collect(scope, child, found));
  switch (open.tag) {
    case 'A_Const':
    case 'ParamRef':
      return true;
    case 'ColumnRef': {
      const source = sourceOf(scope, value as Node);
      if (source === null) return false;
      found.add(`${scope.sources.indexOf(source)}.${lastName(value as Node)}`);
      return true;
    }
    case 'TypeCast':
      return collect(scope, open.body['arg'], found);
    case 'A_Expr': {
      const operator = stringList(open.body['name'] as Node[] | undefined).at(-1) ?? '';
      if (!arithmetic.has(operator)) return false;
      return collect(scope, [open.body['lexpr'], open.body['rexpr']], found);
    }
    case 'SubLink': {
      const select = openNode(open.body['subselect'])?.body as SelectStmt | undefined;
      if (select === undefined || select.fromClause !== undefined || select.whereClause !== undefined) return false;
      const targets = (select.targetList ?? []).map((target) => bodyOf<{ val?: Node }>(target, 'ResTarget')?.val);
      return collect(scope, targets, found);
    }
    default:
      return shaping.has(open.tag) && Object.values(open.body).every((child) => collect(scope, child, found));
  }
}

function lastName(node: Node): string {
  return stringList(bodyOf<{ fields?: Node[] }>(node, 'ColumnRef')?.fields).at(-1) ?? '';
}

/** The item of FROM at this level that a column reference names; null when it is not one of them. */
function sourceOf(scope: Scope, node: Node | undefined): Source | null {
  const parts = stringList(bodyOf<{ fields?: Node[] }>(node, 'ColumnRef')?.fields);
  const name = parts.at(-1);
  if (name === undefined) return null;
  const qualified = parts.length > 1;
  const holders = scope.sources.filter(
    (source) =>
      (qualified ? source.relationVisible && source.name === parts.at(-2) : source.columnsVisible) &&
      columnOf(source, name) !== null,
  );
  return holders.length === 1 ? (holders[0] ?? null) : null;
}

/** `a.id = b.id` where both are the same relation: every row meets itself. */
export function joinsWithItself(scope: Scope, left: Node | undefined, right: Node | undefined): boolean {
  const [a, b] = [sourceOf(scope, left), sourceOf(scope, right)];
  if (a === null || b === null || a.relation === null || left === undefined || right === undefined) return false;
  return a !== b && a.relation === b.relation && lastName(left) === lastName(right);
}

/** `EXISTS (SELECT … FROM t x WHERE x.id = t.id)` for a `t` of this level. */
export function existsInItself(scope: Scope, select: SelectStmt): boolean {
  const from = bodyOf<{ relname?: string; alias?: { aliasname?: string } }>(select.fromClause?.[0], 'RangeVar');
  if (from === null || select.fromClause?.length !== 1) return false;
  if (!scope.sources.some((source) => source.relation?.name === from.relname)) return false;
  const test = bodyOf<{ kind?: string; name?: Node[]; lexpr?: Node; rexpr?: Node }>(select.whereClause, 'A_Expr');
  if (test?.kind !== 'AEXPR_OP' || stringList(test.name).at(-1) !== '=') return false;
  const paths = [test.lexpr, test.rexpr].map((side) =>
    stringList(bodyOf<{ fields?: Node[] }>(side, 'ColumnRef')?.fields),
  );
  const [a, b] = paths;
  if (a === undefined || b === undefined || a.length < 2 || b.length < 2 || a.at(-1) !== b.at(-1)) return false;
  const inner = from.alias?.aliasname ?? from.relname;
  return (a.at(-2) === inner) !== (b.at(-2) === inner);
}

const reflexive = /^(\w+(eq|le|ge)|(texti?c|name|i?c)?like|starts_with)$/;

/** Calls of the functions behind the operators: `int4eq(id, id)`, `like(name, '%')`, `starts_with(name, '')`. */
export function isAlwaysTrueCall(call: { funcname?: Node[]; args?: Node[] }, same: boolean): boolean {
  const name = stringList(call.funcname).at(-1) ?? '';
  if (!reflexive.test(name) || call.args?.length !== 2) return false;
  const pattern = constantValue(call.args[1])?.text;
  if (name === 'starts_with') return pattern === '';
  if (name.endsWith('like') && pattern !== undefined) return /^%+$/.test(pattern);
  return same;
}
