import { bodyOf, type Constant, constantValue, type Node, openNode, type SelectStmt, stringList } from './ast.ts';
import type { Truth } from './filters.ts';
import { columnOf, type Scope } from './scope.ts';
import { comparesColumnWithItself, existsInItself, isAlwaysTrueCall, joinsWithItself } from './trivial-comparisons.ts';
import { rangeTruth } from './type-ranges.ts';

/** Truth of a single predicate where its form alone tells; null when it does not. */
export function leafTruth(scope: Scope, node: Node): Truth | null {
  const constant = constantValue(node);
  if (constant !== null) return constantTruth(constant);
  const open = openNode(node);
  switch (open?.tag) {
    case 'A_Expr':
      return comparisonTruth(scope, open.body);
    case 'NullTest':
      return nullTestTruth(scope, open.body);
    case 'SubLink':
      return subLinkTruth(scope, open.body);
    case 'CoalesceExpr':
      return coalesceTruth(scope, (open.body['args'] as Node[] | undefined) ?? []);
    case 'CaseExpr':
      return caseTruth(scope, open.body);
    case 'TypeCast':
      return leafTruth(scope, open.body['arg'] as Node);
    case 'FuncCall': {
      const [a, b] = (open.body['args'] as Node[] | undefined) ?? [];
      return isAlwaysTrueCall(open.body, same(scope, a, b)) ? 'always' : null;
    }
    default:
      return null;
  }
}

function constantTruth(constant: Constant): Truth {
  if (constant.kind === 'null') return 'never';
  return /^(t|1|true|yes|on|y)$/i.test(constant.text.trim()) ? 'always' : 'never';
}

/** An expression without places and with every column qualified, so that two spellings of one expression are equal. */
function shape(scope: Scope, node: unknown): string {
  return JSON.stringify(node, (key, value: unknown) => {
    if (key === 'location') return undefined;
    return key === 'ColumnRef' ? columnPath(scope, stringList((value as { fields?: Node[] }).fields)) : value;
  });
}

function columnPath(scope: Scope, parts: readonly string[]): readonly string[] {
  if (parts.length !== 1) return parts.slice(-2);
  const holders = scope.sources.filter((source) => source.columnsVisible && columnOf(source, parts[0] ?? '') !== null);
  return holders.length === 1 ? [holders[0]?.name ?? '', ...parts] : parts;
}

/** Whether two expressions are the same but for what changes nothing. */
export function same(scope: Scope, a: unknown, b: unknown): boolean {
  return shape(scope, simplify(a)) === shape(scope, simplify(b));
}

/** Drops operations that change nothing: `+ 0`, `* 1`, `|| ''`, unary plus. */
function simplify(node: unknown): unknown {
  const open = openNode(node);
  if (open?.tag !== 'A_Expr') return node;
  const operator = stringList(open.body['name'] as Node[] | undefined).at(-1);
  const left = open.body['lexpr'] as Node | undefined;
  const right = open.body['rexpr'] as Node | undefined;
  if (left === undefined) return operator === '+' ? simplify(right) : node;
  const neutral: Readonly<Record<string, string>> = { '+': '0', '-': '0', '*': '1', '/': '1', '||': '' };
  const unit = neutral[operator ?? ''];
  if (unit === undefined) return node;
  if (constantValue(right)?.text === unit) return simplify(left);
  const commutes = operator === '+' || operator === '*' || operator === '||';
  return commutes && constantValue(left)?.text === unit ? simplify(right) : node;
}

/** Numbers of constant arithmetic; null when it is none. */
function numberOf(node: unknown): number | null {
  const constant = constantValue(node as Node);
  if (constant !== null)
    return constant.kind === 'null' || constant.text.trim() === '' ? null : finite(Number(constant.text));
  const open = openNode(node);
  if (open?.tag !== 'A_Expr') return null;
  const right = numberOf(open.body['rexpr']);
  const left = open.body['lexpr'] === undefined ? 0 : numberOf(open.body['lexpr']);
  if (left === null || right === null) return null;
  switch (stringList(open.body['name'] as Node[] | undefined).at(-1)) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    default:
      return null;
  }
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function compare(operator: string, order: number): Truth | null {
  switch (operator) {
    case '=':
      return order === 0 ? 'always' : 'never';
    case '<>':
    case '!=':
      return order !== 0 ? 'always' : 'never';
    case '<':
      return order < 0 ? 'always' : 'never';
    case '<=':
      return order <= 0 ? 'always' : 'never';
    case '>':
      return order > 0 ? 'always' : 'never';
    case '>=':
      return order >= 0 ? 'always' : 'never';
    default:
      return null;
  }
}

function comparisonTruth(scope: Scope, body: Record<string, unknown>): Truth | null {
  const left = body['lexpr'] as Node | undefined;
  const right = body['rexpr'] as Node | undefined;
  const operator = stringList(body['name'] as Node[] | undefined).at(-1) ?? '';
  const byRange =
    body['kind'] === 'AEXPR_OP'
      ? rangeTruth(scope, operator, left, right, (one, other) => same(scope, one, other))
      : null;
  if (byRange !== null) return byRange;
  if (comparesColumnWithInteger(left, right) && body['kind'] === 'AEXPR_OP') return null;
  switch (body['kind']) {
    case 'AEXPR_OP':
      return operatorTruth(scope, operator, left, right) ?? trivialTruth(scope, operator, left, right);
    case 'AEXPR_OP_ANY':
      return anyTruth(scope, operator, left, right);
    case 'AEXPR_OP_ALL':
      return comparesColumnWithItself(scope, left, right) ? 'always' : null;
    case 'AEXPR_SIMILAR': {
      const pattern = bodyOf<{ args?: Node[] }>(right, 'FuncCall')?.args?.[0];
      return operator.startsWith('!') ? null : likeTruth(pattern);
    }
    case 'AEXPR_NOT_DISTINCT':
      return same(scope, left, right) ? 'always' : null;
    case 'AEXPR_DISTINCT':
      if (same(scope, left, right)) return 'never';
      return constantValue(right)?.kind === 'null'
        ? nullTestTruth(scope, { arg: left, nulltesttype: 'IS_NOT_NULL' })
        : null;
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
      if (same(scope, left, right)) return 'always';
      return operator.startsWith('!') ? null : likeTruth(right);
    case 'AEXPR_IN':
      return inTruth(scope, operator, left, right);
    case 'AEXPR_BETWEEN':
    case 'AEXPR_BETWEEN_SYM': {
      const bounds = bodyOf<{ items?: Node[] }>(right, 'List')?.items ?? [];
      if (bounds.every((bound) => comparesColumnWithItself(scope, left, bound))) return 'always';
      return bounds.every((bound) => same(scope, bound, left)) ? 'always' : betweenTruth(left, bounds);
    }
    default:
      return null;
  }
}

/** Comparisons that every row passes by their form: `id < id + 1`, a self-join by the same column, `(id IS NULL) = false`. */
function trivialTruth(scope: Scope, operator: string, left: Node | undefined, right: Node | undefined): Truth | null {
  if (comparesColumnWithItself(scope, left, right)) return 'always';
  if (operator !== '=' || left === undefined || right === undefined) return null;
  if (joinsWithItself(scope, left, right)) return 'always';
  const [wanted, tested] = isBoolean(right) ? [right, left] : [left, right];
  if (!isBoolean(wanted) || constantValue(tested) !== null) return null;
  const truth = leafTruth(scope, tested);
  if (truth !== 'always' && truth !== 'never') return null;
  return truth === constantTruth(constantValue(wanted) as Constant) ? 'always' : 'never';
}

function isBoolean(node: Node): boolean {
  return constantValue(node)?.kind === 'boolean';
}

/** `id = ANY (ARRAY[id])`, `id = ANY (ARRAY(SELECT id FROM the same table))`. */
function anyTruth(scope: Scope, operator: string, left: Node | undefined, right: Node | undefined): Truth | null {
  if (comparesColumnWithItself(scope, left, right)) return 'always';
  const link = bodyOf<{ subLinkType?: string; subselect?: Node }>(right, 'SubLink');
  if (operator !== '=' || link?.subLinkType !== 'ARRAY_SUBLINK') return null;
  return subLinkTruth(scope, { subLinkType: 'ANY_SUBLINK', testexpr: left, subselect: link.subselect });
}

function betweenTruth(left: Node | undefined, bounds: readonly Node[]): Truth | null {
  const [value, low, high] = [numberOf(left), numberOf(bounds[0]), numberOf(bounds[1])];
  if (low !== null && high !== null && low <= -2_147_483_648 && high >= 2_147_483_647) return 'always';
  if (value === null || low === null || high === null) return null;
  return value >= low && value <= high ? 'always' : 'never';
}

function operatorTruth(scope: Scope, operator: string, left: Node | undefined, right: Node | undefined): Truth | null {
  if (left === undefined || right === undefined) return null;
  if (comparesColumnWithInteger(left, right) || comparesColumnWithInteger(right, left)) return null;
  if (isNull(left) || isNull(right)) return 'never';
  if (same(scope, left, right)) return sameOperands(operator);
  if (isNeverNegative(left) && isZeroOrLess(right, operator)) return 'always';
  if (isNeverNegative(right) && isZeroOrLess(left, turned[operator] ?? '')) return 'always';
  if (operator === '~' || operator === '~*')
    return constantValue(right) !== null && matchesAll(constantValue(right)?.text ?? 'x') ? 'always' : null;
  if (operator === '~~' || operator === '~~*') return likeTruth(right);
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a !== null && b !== null) return compare(operator, a - b);
  const [x, y] = [constantValue(left), constantValue(right)];
  if (x === null || y === null) return null;
  return operator === '=' || operator === '<>' || operator === '!='
    ? compare(operator, x.text === y.text ? 0 : 1)
    : null;
}

/** A column and an integer literal: no form of truth depends on which integer, so it is not read (see free-integers.ts). */
function comparesColumnWithInteger(column: Node | undefined, ...others: readonly (Node | undefined)[]): boolean {
  return bodyOf(column, 'ColumnRef') !== null && others.every((other) => isIntegerLiteral(other));
}

function isIntegerLiteral(node: Node | undefined): boolean {
  const body = bodyOf<object>(node, 'A_Const');
  return body !== null && 'ival' in body;
}

function isNull(node: Node): boolean {
  return constantValue(node)?.kind === 'null';
}

/** `x op x`; NULL makes it unknown, which still lets every other row through. */
function sameOperands(operator: string): Truth | null {
  if (['=', '<=', '>=', '~~', '~~*', '@>', '<@', '&&'].includes(operator)) return 'always';
  return ['<>', '!=', '<', '>'].includes(operator) ? 'never' : null;
}

const neverNegative = new Set([
  'length',
  'char_length',
  'character_length',
  'octet_length',
  'bit_length',
  'abs',
  'cardinality',
]);

const turned: Readonly<Record<string, string>> = { '<=': '>=', '<': '>', '<>': '<>' };

function isNeverNegative(node: Node): boolean {
  const call = bodyOf<{ funcname?: Node[] }>(node, 'FuncCall');
  return call !== null && neverNegative.has(stringList(call.funcname).at(-1) ?? '');
}

function isZeroOrLess(node: Node, operator: string): boolean {
  const value = numberOf(node);
  if (value === null) return false;
  return (operator === '>=' && value <= 0) || (operator === '>' && value < 0) || (operator === '<>' && value < 0);
}

function likeTruth(pattern: Node | undefined): Truth | null {
  const constant = constantValue(pattern);
  return constant !== null && /^%+$/.test(constant.text) ? 'always' : null;
}

function matchesAll(pattern: string): boolean {
  return /^(\^?(\(?\.\*\??\)?)?\$?|\^|\.\{0,\}|\(\))$/.test(pattern);
}

function inTruth(scope: Scope, operator: string, left: Node | undefined, right: Node | undefined): Truth | null {
  const items = bodyOf<{ items?: Node[] }>(right, 'List')?.items ?? [];
  if (comparesColumnWithInteger(left, ...items)) return null;
  const isTrivial = items.some((item) => comparesColumnWithItself(scope, left, item) && !same(scope, item, left));
  if (isTrivial) return 'always';
  if (operator !== '=') return items.some((item) => same(scope, item, left)) ? 'never' : null;
  if (items.some((item) => same(scope, item, left))) return 'always';
  const value = constantValue(left);
  if (value === null || !items.every((item) => constantValue(item) !== null)) return null;
  return items.some((item) => constantValue(item)?.text === value.text) ? 'always' : 'never';
}

function nullTestTruth(scope: Scope, body: Record<string, unknown>): Truth | null {
  const arg = body['arg'] as Node | undefined;
  const constant = constantValue(arg);
  const wantsNull = body['nulltesttype'] === 'IS_NULL';
  if (constant !== null) return (constant.kind === 'null') === wantsNull ? 'always' : 'never';
  if (isWholeRow(scope, arg)) return wantsNull ? null : 'always';
  if (!isNeverNull(scope, arg)) return null;
  return wantsNull ? 'never' : 'always';
}

/** `t IS NOT NULL`, `t.* IS NOT NULL`: it looks for rows without any NULL, which as a filter means no rows in particular. */
function isWholeRow(scope: Scope, node: Node | undefined): boolean {
  const fields = bodyOf<{ fields?: Node[] }>(node, 'ColumnRef')?.fields ?? [];
  const parts = stringList(fields);
  if (parts.length < fields.length) return true;
  const isColumn = scope.sources.some((source) => columnOf(source, parts.at(-1) ?? '') !== null);
  return parts.length === 1 && !isColumn && scope.sources.some((source) => source.name === parts[0]);
}

/** Constants, columns declared NOT NULL, and what operators, casts and ROW make of them. */
function isNeverNull(scope: Scope, node: Node | undefined): boolean {
  const constant = constantValue(node);
  if (constant !== null) return constant.kind !== 'null';
  const open = openNode(node);
  switch (open?.tag) {
    case 'ColumnRef':
      return isNotNullColumn(scope, node);
    case 'TypeCast':
      return isNeverNull(scope, open.body['arg'] as Node);
    case 'RowExpr':
      return ((open.body['args'] as Node[] | undefined) ?? []).every((item) => isNeverNull(scope, item));
    case 'A_Expr':
      return (
        open.body['kind'] === 'AEXPR_OP' &&
        [open.body['lexpr'], open.body['rexpr']].every((side) => side === undefined || isNeverNull(scope, side as Node))
      );
    default:
      return false;
  }
}

/** A column declared NOT NULL of a relation at this level (outer joins aside: there the test filters). */
function isNotNullColumn(scope: Scope, node: Node | undefined): boolean {
  const parts = stringList(bodyOf<{ fields?: Node[] }>(node, 'ColumnRef')?.fields);
  const name = parts.at(-1);
  if (name === undefined) return false;
  const sources = scope.sources.filter((source) => parts.length === 1 || source.name === parts.at(-2));
  const holders = sources.filter((source) => source.relation?.columns.some((column) => column.name === name));
  if (holders.length !== 1 || holders[0]?.columnsVisible === false) return false;
  return holders[0]?.relation?.columns.find((column) => column.name === name)?.notNull === true;
}

/** EXISTS without FROM, `id = ANY (SELECT id FROM the same table)`. */
function subLinkTruth(scope: Scope, body: Record<string, unknown>): Truth | null {
  const select = openNode(body['subselect'])?.body as SelectStmt | undefined;
  if (select === undefined || select.limitCount !== undefined || select.havingClause !== undefined) return null;
  const where = select.whereClause === undefined ? 'always' : leafTruth(scope, select.whereClause);
  const isFiltered = where !== 'always';
  if (body['subLinkType'] === 'EXISTS_SUBLINK') {
    if (existsInItself(scope, select)) return 'always';
    const isAggregate = select.groupClause === undefined && /"FuncCall"/.test(shape(scope, select.targetList ?? []));
    if (select.limitOffset !== undefined || (select.op ?? 'SETOP_NONE') !== 'SETOP_NONE') return null;
    if (!isFiltered && (select.fromClause === undefined || isPlainAggregate(scope, select, isAggregate)))
      return 'always';
    return null;
  }
  if (body['subLinkType'] === 'EXPR_SUBLINK') {
    const only = bodyOf<{ val?: Node }>(select.targetList?.[0], 'ResTarget')?.val;
    return select.fromClause === undefined && !isFiltered && only !== undefined ? leafTruth(scope, only) : null;
  }
  if (body['subLinkType'] !== 'ANY_SUBLINK') return null;
  if (where === 'never' && (select.op ?? 'SETOP_NONE') === 'SETOP_NONE') return 'never';
  if (isFiltered) return null;
  const operator = stringList(body['operName'] as Node[] | undefined).at(-1) ?? '=';
  return operator === '=' && isSameColumn(scope, body['testexpr'] as Node, select) ? 'always' : null;
}

function isPlainAggregate(scope: Scope, select: SelectStmt, hasCall: boolean): boolean {
  return (
    hasCall &&
    /"sval":"(count|sum|min|max|avg|bool_or|bool_and|array_agg|string_agg)"/.test(shape(scope, select.targetList ?? []))
  );
}

function isSameColumn(scope: Scope, test: Node, select: SelectStmt): boolean {
  const name = stringList(bodyOf<{ fields?: Node[] }>(test, 'ColumnRef')?.fields).at(-1);
  const target = bodyOf<{ val?: Node }>(select.targetList?.[0], 'ResTarget')?.val;
  const inner = stringList(bodyOf<{ fields?: Node[] }>(target, 'ColumnRef')?.fields).at(-1);
  const from = bodyOf<{ relname?: string }>(select.fromClause?.[0], 'RangeVar');
  if (name === undefined || name !== inner || select.fromClause?.length !== 1 || from === null) return false;
  return scope.sources.some((source) => source.relation?.name === from.relname);
}

function coalesceTruth(scope: Scope, args: readonly Node[]): Truth | null {
  const truths = args.map((arg) => leafTruth(scope, arg));
  return truths.every((truth) => truth === 'always') ? 'always' : null;
}

function caseTruth(scope: Scope, body: Record<string, unknown>): Truth | null {
  const results = ((body['args'] as Node[] | undefined) ?? []).map((when) => openNode(when)?.body['result'] as Node);
  const otherwise = body['defresult'] as Node | undefined;
  if (otherwise === undefined) return null;
  return [...results, otherwise].every((result) => leafTruth(scope, result) === 'always') ? 'always' : null;
}

const opposites: Readonly<Record<string, string>> = { '=': '<>', '<': '>=', '<=': '>' };

/** Whether two alternatives of an OR are each other's opposite: `a IS NULL OR a IS NOT NULL`, `a < 5 OR a >= 5`, `p OR NOT p`. */
export function areComplements(scope: Scope, args: readonly Node[]): boolean {
  return args.some((a, at) => args.slice(at + 1).some((b) => isOpposite(scope, a, b) || isOpposite(scope, b, a)));
}

function isOpposite(scope: Scope, a: Node, b: Node): boolean {
  const [x, y] = [openNode(a), openNode(b)];
  if (x === null || y === null) return false;
  if (y.tag === 'BoolExpr' && y.body['boolop'] === 'NOT_EXPR') return same(scope, (y.body['args'] as Node[])[0], a);
  if (x.tag === 'NullTest' && y.tag === 'NullTest') {
    return x.body['nulltesttype'] !== y.body['nulltesttype'] && same(scope, x.body['arg'], y.body['arg']);
  }
  if (x.tag !== 'A_Expr' || y.tag !== 'A_Expr') return false;
  const [p, q] = [x, y].map((open) => stringList(open.body['name'] as Node[] | undefined).at(-1) ?? '');
  return (
    opposites[p ?? ''] === q &&
    same(scope, x.body['lexpr'], y.body['lexpr']) &&
    same(scope, x.body['rexpr'], y.body['rexpr'])
  );
}
