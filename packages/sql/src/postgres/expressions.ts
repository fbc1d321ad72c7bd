import type { InfluenceWay } from '@weir/policy';
import {
  type A_Expr,
  type A_Indirection,
  type ColumnRefNode,
  type FuncCall,
  type Node,
  type OpenNode,
  openNode,
  qualifiedName,
  type SelectStmt,
  type SubLink,
  stringList,
  stringValue,
  type TypeName,
} from './ast.ts';
import { concatenated, constantLiterals, type Literal, parameterLiteral, withoutPlace } from './constants.ts';
import type { Context } from './context.ts';
import { callValue } from './function-calls.ts';
import {
  clearValue,
  computed,
  mixed,
  type NamedProvenance,
  opaqueValue,
  type Provenance,
  rowValue,
} from './provenance.ts';
import { noteColumnRead } from './relations.ts';
import { columnOf, rowOf, type Scope, type Source } from './scope.ts';
import { selectColumns } from './select.ts';
import { grammarSince, systemColumns } from './system-knowledge.ts';

/** Where the value of an expression comes from. Any node that is not known here is tainted by everything inside it. */
export function expressionValue(context: Context, scope: Scope, node: unknown): Provenance {
  const open = openNode(node);
  if (open === null) return clearValue;
  noteGrammar(context, open.tag);
  const handler = Object.hasOwn(handlers, open.tag) ? handlers[open.tag] : undefined;
  return handler === undefined ? childrenValue(context, scope, open.body) : handler(context, scope, open.body);
}

/** All values inside a list of expressions. */
export function listValue(context: Context, scope: Scope, nodes: readonly Node[] | undefined): Provenance {
  return mixed((nodes ?? []).map((node) => expressionValue(context, scope, node)));
}

/** Notes that the value decides on rows or their order without being delivered. */
export function noteInfluence(
  context: Context,
  scope: Scope,
  nodes: Node | readonly Node[] | undefined,
  way: InfluenceWay,
): void {
  if (nodes === undefined) return;
  const list: readonly Node[] = Array.isArray(nodes) ? nodes : [nodes as Node];
  context.findings.addInfluence(listValue(context, scope, list), way);
}

type Handler = (context: Context, scope: Scope, body: Record<string, unknown>) => Provenance;

const handlers: Readonly<Record<string, Handler>> = {
  A_Const: (context, _scope, body) => withLiterals(constantsIn(context, body)),
  ParamRef: (context, _scope, body) => {
    const number = Number(body['number'] ?? 0);
    return context.variables?.numbered(number) ?? withLiterals(parameterLiteral(number));
  },
  SQLValueFunction: () => clearValue,
  SetToDefault: () => clearValue,
  MergeSupportFunc: () => clearValue,
  CurrentOfExpr: () => clearValue,
  ColumnRef: (context, scope, body) => columnRefValue(context, scope, body as ColumnRefNode),
  A_Indirection: (context, scope, body) => indirectionValue(context, scope, body as A_Indirection),
  FuncCall: (context, scope, body) => callValue(context, scope, body as FuncCall),
  SubLink: (context, scope, body) => subLinkValue(context, scope, body as SubLink),
  SelectStmt: (context, scope, body) => subqueryValue(context, scope, body as SelectStmt),
  RowExpr: (context, scope, body) => rowExprValue(context, scope, body as { args?: Node[] }),
  A_Expr: (context, scope, body) => {
    noteOperators(context, body as A_Expr);
    const left = expressionValue(context, scope, body['lexpr']);
    const right = expressionValue(context, scope, body['rexpr']);
    return operatorValue(context, body as A_Expr, left, right);
  },
  TypeCast: (context, scope, body) => {
    const cast = body as { arg?: Node; typeName?: TypeName };
    noteType(context, cast.typeName);
    const value = mixed([expressionValue(context, scope, cast.arg)]);
    return castsToRow(context, cast.typeName) ? { ...value, composite: true } : value;
  },
  CaseExpr: (context, scope, body) => {
    if (body['arg'] !== undefined) noteOperatorName(context, null, '=');
    return childrenValue(context, scope, body);
  },
  CollateClause: (context, scope, body) => expressionValue(context, scope, body['arg']),
  GroupingFunc: (context, scope, body) => {
    noteInfluence(context, scope, body['args'] as Node[] | undefined, 'group');
    return clearValue;
  },
  SortBy: (context, scope, body) => {
    noteOperator(context, body['useOp'] as Node[] | undefined);
    return expressionValue(context, scope, body['node']);
  },
  RangeVar: (context) => unexpected(context, 'a relation inside an expression'),
};

/** Constants of a stored text have no place in the statement's own. */
function constantsIn(context: Context, body: Record<string, unknown>): readonly Literal[] {
  const literals = constantLiterals(body);
  const isStored = context.isShared || context.variables !== null || context.calls.length > 0;
  return isStored ? literals.map(withoutPlace) : literals;
}

function withLiterals(literals: readonly Literal[]): Provenance {
  return literals.length === 0 ? clearValue : { ...clearValue, literals };
}

/** Kinds of expressions that are true of equal values. */
const equalities: ReadonlySet<string | undefined> = new Set([
  ...['AEXPR_OP', 'AEXPR_OP_ANY', 'AEXPR_IN', 'AEXPR_NOT_DISTINCT', 'AEXPR_DISTINCT', 'AEXPR_LIKE'],
]);

function operatorValue(context: Context, node: A_Expr, left: Provenance, right: Provenance): Provenance {
  const value = computed(mixed([left, right]));
  const { name } = qualifiedName(node.name);
  if (name === '||' && left.literals !== undefined && right.literals !== undefined)
    return { ...value, literals: concatenated(left.literals, right.literals) };
  if (equalities.has(node.kind) && (name === '=' || name === '~~' || node.kind === 'AEXPR_IN')) {
    context.findings.addCompared(left, right);
    context.findings.addCompared(right, left);
  }
  return value;
}

function unexpected(context: Context, what: string): Provenance {
  context.findings.opaque.add(`${what} cannot be followed`);
  return opaqueValue;
}

/** Everything inside a node of any shape. */
function childrenValue(context: Context, scope: Scope, body: Record<string, unknown>): Provenance {
  const values: Provenance[] = [];
  collect(context, scope, body, values);
  return mixed(values);
}

function collect(context: Context, scope: Scope, value: unknown, into: Provenance[]): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) collect(context, scope, item, into);
    return;
  }
  for (const key in value) {
    const child = (value as Record<string, unknown>)[key];
    if (typeof child !== 'object' || child === null) continue;
    // The tags of nodes begin with a capital letter, the names of fields do not.
    if (key.charCodeAt(0) <= 90) {
      into.push(expressionValue(context, scope, value));
      return;
    }
    if (key === 'typeName') noteType(context, child as TypeName);
    else collect(context, scope, child, into);
  }
}

function noteGrammar(context: Context, tag: string): void {
  const since = Object.hasOwn(grammarSince, tag) ? grammarSince[tag] : undefined;
  if (since !== undefined && context.index.major < since) {
    context.findings.opaque.add(`the syntax of ${tag} means a function call on a server before version ${since}`);
  }
}

function columnRefValue(context: Context, scope: Scope, node: ColumnRefNode): Provenance {
  const fields = node.fields ?? [];
  const parts = stringList(fields);
  const star = parts.length < fields.length;
  if (star) return starValue(context, scope, parts);
  const last = parts.at(-1) ?? '';
  if (parts.length === 1) return bareName(context, scope, last);
  const source = scope.findSource(parts.length > 2 ? (parts.at(-3) ?? null) : null, parts.at(-2) ?? '');
  const variable = context.variables?.named(parts) ?? null;
  if (source === null) return variable ?? unknownColumn(context, parts.join('.'), null);
  return orVariable(context, variable, () => sourceColumn(context, source, last));
}

/** `a.*` as a value (in a function's arguments or ROW): the whole row. */
function starValue(context: Context, scope: Scope, parts: readonly string[]): Provenance {
  if (parts.length === 0) {
    const visible = scope.sources.filter((source) => source.columnsVisible);
    return noted(context, { ...mixed(visible.map(rowOf)), composite: true });
  }
  const source = scope.findSource(parts.length > 1 ? (parts.at(-2) ?? null) : null, parts.at(-1) ?? '');
  const variable = context.variables?.named(parts) ?? null;
  if (source === null)
    return variable === null ? notFound(context, `${parts.join('.')}.*`) : { ...variable, composite: true };
  return orVariable(context, variable, () => noted(context, rowOf(source)));
}

function noted(context: Context, value: Provenance): Provenance {
  noteColumnRead(context, value);
  return value;
}

/** A name that may mean a variable as well as what `find` finds. */
function orVariable(context: Context, variable: Provenance | null, find: () => Provenance): Provenance {
  if (variable === null || context.variables?.shadowColumns !== true) return find();
  const found = find();
  return { ...mixed([found, variable]), composite: found.composite || variable.composite };
}

function bareName(context: Context, scope: Scope, name: string): Provenance {
  const variable = context.variables?.named([name]) ?? null;
  if (variable === null) return bareColumn(context, scope, name);
  const isColumn =
    scope.findColumn(name) !== null || scope.findSource(null, name) !== null || scope.findRest() !== null;
  return isColumn ? orVariable(context, variable, () => bareColumn(context, scope, name)) : variable;
}

function bareColumn(context: Context, scope: Scope, name: string): Provenance {
  const column = scope.findColumn(name);
  if (column !== null) return noted(context, column);
  const rest = scope.findRest();
  const source = scope.findSource(null, name);
  if (source !== null) return noted(context, rest === null ? rowOf(source) : withTaint(rowOf(source), rest));
  if (rest !== null) return rest;
  if (systemColumns.has(name)) return clearValue;
  return unknownColumn(context, name, name);
}

/** A whole row, or a column of that name of a source whose columns are not all known. */
function withTaint(row: Provenance, rest: Provenance): Provenance {
  if (rest.origins.size === 0 && !rest.opaque) return row;
  return { ...mixed([row, rest]), composite: true };
}

function sourceColumn(context: Context, source: Source, name: string): Provenance {
  const column = columnOf(source, name);
  if (column !== null) return noted(context, column);
  if (systemColumns.has(name)) return clearValue;
  if (source.rest !== null) return source.rest;
  // `u.f` is also a way to call f(u).
  return callLike(context, source, name);
}

function callLike(context: Context, source: Source, name: string): Provenance {
  if (context.index.userFunctions(null, name, context.searchPath).length > 0) {
    context.findings.opaque.add(`function ${name}() is not the server's own`);
    return opaqueValue;
  }
  if (name === 'oid' && context.index.major < 12) return clearValue;
  const row = noted(context, rowOf(source));
  return row.origins.size === 0 && !row.opaque
    ? unknownColumn(context, `${source.name ?? ''}.${name}`, null)
    : mixed([row]);
}

/** `bare` = the name when no relation was named with it. */
function unknownColumn(context: Context, name: string, bare: string | null): Provenance {
  context.findings.unknownColumns.set(bare === null ? name : `"${bare}"`, bare);
  return notFound(context, name);
}

function notFound(context: Context, name: string): Provenance {
  context.findings.opaque.add(`column ${name} was not found in the known catalog`);
  return opaqueValue;
}

/** `(row).field`, `(row).*`, `array[i]`. */
function indirectionValue(context: Context, scope: Scope, node: A_Indirection): Provenance {
  const values: Provenance[] = [];
  let value = expressionValue(context, scope, node.arg);
  for (const step of node.indirection ?? []) {
    const field = stringValue(step);
    if (field === null) {
      const inside =
        openNode(step)?.tag === 'A_Indices' ? childrenValue(context, scope, openNode(step)?.body ?? {}) : clearValue;
      values.push(inside);
      value = { ...mixed([value]), composite: value.composite };
      continue;
    }
    const known = value.row?.find(({ name }) => name === field);
    if (known === undefined) callField(context, field);
    value = known?.value ?? { ...mixed([value]), composite: value.composite };
  }
  const taint = mixed(values);
  return taint.origins.size === 0 && !taint.opaque ? value : mixed([value, taint]);
}

function callField(context: Context, field: string): void {
  if (context.index.userFunctions(null, field, context.searchPath).length === 0) return;
  context.findings.opaque.add(`function ${field}() is not the server's own`);
}

function rowExprValue(context: Context, scope: Scope, node: { args?: Node[] }): Provenance {
  const args = node.args ?? [];
  const fields = args.map(
    (arg, at): NamedProvenance => ({ name: `f${at + 1}`, value: expressionValue(context, scope, arg) }),
  );
  const hasStar = args.some((arg) => isStar(openNode(arg)));
  return hasStar ? { ...mixed(fields.map(({ value }) => value)), composite: true } : rowValue(fields, true);
}

/** Whether a node is `*`, `a.*` or `(x).*`. */
export function isStar(open: OpenNode | null): boolean {
  if (open === null) return false;
  const steps =
    open.tag === 'ColumnRef' ? open.body['fields'] : open.tag === 'A_Indirection' ? open.body['indirection'] : null;
  return Array.isArray(steps) && openNode(steps.at(-1))?.tag === 'A_Star';
}

function subLinkValue(context: Context, scope: Scope, link: SubLink): Provenance {
  noteOperator(context, link.operName);
  if (link.operName === undefined && link.testexpr !== undefined) noteOperatorName(context, null, '=');
  const query = openNode(link.subselect);
  if (query?.tag !== 'SelectStmt') return unexpected(context, 'a sub-select of this kind');
  const { columns } = selectColumns(context, scope, query.body as SelectStmt);
  if (link.subLinkType === 'EXISTS_SUBLINK') {
    for (const { value } of columns) context.findings.addInfluence(value, 'filter');
    return clearValue;
  }
  const first = columns[0]?.value ?? clearValue;
  if (link.subLinkType === 'EXPR_SUBLINK' && columns.length === 1) return first;
  const composite = columns.some(({ value }) => value.composite);
  const all = mixed([expressionValue(context, scope, link.testexpr), ...columns.map(({ value }) => value)]);
  return { ...all, composite };
}

function subqueryValue(context: Context, scope: Scope, query: SelectStmt): Provenance {
  return mixed(selectColumns(context, scope, query).columns.map(({ value }) => value));
}

/** Operators by the meaning of the construct: BETWEEN and IN use the ordinary comparison operators. */
function noteOperators(context: Context, node: A_Expr): void {
  switch (node.kind) {
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
    case 'AEXPR_NOT_BETWEEN_SYM':
      for (const name of ['>=', '<=', '<', '>']) noteOperatorName(context, null, name);
      return;
    default:
      noteOperator(context, node.name);
  }
}

/** Notes an operator that is not the server's own. */
export function noteOperator(context: Context, names: readonly Node[] | undefined): void {
  if (names === undefined || names.length === 0) return;
  const { schema, name } = qualifiedName(names);
  noteOperatorName(context, schema, name);
}

function noteOperatorName(context: Context, schema: string | null, name: string): void {
  if (schema === 'pg_catalog') return;
  context.findings.resolvesNames = true;
  if (schema !== null || context.index.userOperator(schema, name, context.searchPath)) {
    context.findings.opaque.add(`operator ${name} is not the server's own`);
  }
}

/** Notes a cast to a type whose input or cast runs code that is not the server's own. */
export function noteType(context: Context, type: TypeName | undefined): void {
  const { schema, name } = qualifiedName(type?.names);
  if (schema === 'pg_catalog') return;
  const kind = context.index.userType(schema, name, context.searchPath);
  if (kind === 'x') context.findings.opaque.add(`casts of type ${name} run functions that are not the server's own`);
}

function castsToRow(context: Context, type: TypeName | undefined): boolean {
  const { schema, name } = qualifiedName(type?.names);
  if (schema === 'pg_catalog') return name === 'record';
  return context.index.relation(schema, name, context.searchPath) !== null ||
    context.index.userType(schema, name, context.searchPath) === 'c'
    ? true
    : name === 'record';
}
