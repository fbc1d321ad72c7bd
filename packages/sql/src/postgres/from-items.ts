import {
  type Alias,
  type JoinExpr,
  type JsonTable,
  type Node,
  openNode,
  type RangeTableFunc,
  type RangeVar,
  type SelectStmt,
  stringList,
} from './ast.ts';
import type { Context } from './context.ts';
import { expressionValue, listValue, noteInfluence } from './expressions.ts';
import { joinColumns } from './joins.ts';
import { clearValue, mixed, type NamedProvenance, opaqueValue } from './provenance.ts';
import { addRangeFunction } from './range-functions.ts';
import { noteEffect, relationSource, resolveRelation, unknownSource } from './relations.ts';
import { createSource, hitColumn, renameColumns, type Scope, type Source } from './scope.ts';
import { selectColumns } from './select.ts';
import { grammarSince } from './system-knowledge.ts';
import { cteColumns } from './with.ts';

const samplingMethods = new Set(['bernoulli', 'system', 'pg_catalog.bernoulli', 'pg_catalog.system']);

/** Adds one item of FROM to the scope and gives its source. A closed list: an item of another kind makes the statement opaque. */
export function addFromItem(context: Context, scope: Scope, item: Node): Source {
  const open = openNode(item);
  const body = open?.body ?? {};
  switch (open?.tag) {
    case 'RangeVar':
      return add(scope, rangeVar(context, scope, body as RangeVar));
    case 'RangeSubselect':
      return add(scope, subselect(context, scope, body as { lateral?: boolean; subquery?: Node; alias?: Alias }));
    case 'JoinExpr':
      return join(context, scope, body as JoinExpr);
    case 'RangeFunction':
      return add(scope, addRangeFunction(context, scope, body));
    case 'RangeTableSample': {
      noteInfluence(context, scope, body['args'] as Node[] | undefined, 'filter');
      noteInfluence(context, scope, body['repeatable'] as Node | undefined, 'filter');
      if (!samplingMethods.has(stringList(body['method'] as Node[] | undefined).join('.'))) {
        context.findings.opaque.add("the method of TABLESAMPLE is not the server's own");
      }
      return addFromItem(context, scope, body['relation'] as Node);
    }
    case 'RangeTableFunc':
      return add(scope, xmlTable(context, scope, body as RangeTableFunc));
    case 'JsonTable':
      return add(scope, jsonTable(context, scope, body as JsonTable));
    default:
      context.findings.opaque.add(`FROM ${open?.tag ?? 'nothing'} is not understood`);
      return add(scope, createSource({ name: '', columns: [], rest: opaqueValue, counted: false }));
  }
}

function add(scope: Scope, source: Source): Source {
  scope.sources.push(source);
  return source;
}

function aliased(source: Source, alias: Alias | undefined): Source {
  if (alias?.colnames === undefined) return source;
  return { ...source, columns: renameColumns(source.columns, stringList(alias.colnames)) };
}

function rangeVar(context: Context, scope: Scope, name: RangeVar): Source {
  const entry = name.schemaname === undefined ? scope.findCte(name.relname ?? '') : null;
  if (entry !== null) {
    const { columns, counted } = cteColumns(context, entry);
    const source = createSource({
      name: name.alias?.aliasname ?? name.relname ?? '',
      columns,
      counted,
      rest: counted && entry.state === 'done' ? null : entry.state === 'busy' ? clearValue : opaqueValue,
    });
    return aliased(source, name.alias);
  }
  const relation = resolveRelation(context, name);
  if (relation === null) return unknownSource(name);
  noteEffect(context, relation, 'read', name.inh !== true);
  const source = aliased(relationSource(context, name, relation), name.alias);
  scope.relations.push({ node: name, relation, only: name.inh !== true, source });
  return source;
}

function subselect(
  context: Context,
  scope: Scope,
  item: { lateral?: boolean; subquery?: Node; alias?: Alias },
): Source {
  const query = openNode(item.subquery);
  const name = item.alias?.aliasname ?? null;
  if (query?.tag !== 'SelectStmt') {
    context.findings.opaque.add('a sub-select of this kind is not understood');
    return createSource({ name, columns: [], rest: opaqueValue, counted: false });
  }
  const outer = item.lateral === true ? scope : scope.withoutSources();
  const { columns, counted } = selectColumns(context, outer, query.body as SelectStmt);
  const source = createSource({
    name,
    columns,
    counted,
    rest: counted ? null : opaqueValue,
    relationVisible: name !== null,
  });
  return aliased(source, item.alias);
}

function join(context: Context, scope: Scope, node: JoinExpr): Source {
  const first = scope.sources.length;
  const left = addFromItem(context, scope, node.larg as Node);
  const right = addFromItem(context, scope, node.rarg as Node);
  const using = joinColumns(context, node, left, right);
  const members = scope.sources.slice(first);
  noteInfluence(context, scope, node.quals, 'join');
  for (const { name } of using.merged) for (const side of [left, right]) hitColumn(side, name);
  for (const member of members) {
    member.columnsVisible = false;
    if (node.alias !== undefined) member.relationVisible = false;
  }
  if (node.join_using_alias !== undefined) {
    const merged = renameColumns(using.merged, stringList(node.join_using_alias.colnames));
    add(scope, createSource({ name: node.join_using_alias.aliasname ?? '', columns: merged, columnsVisible: false }));
  }
  const rests = [left.rest, right.rest].filter((rest) => rest !== null);
  const source = createSource({
    name: node.alias?.aliasname ?? null,
    columns: using.all,
    rest: rests.length === 0 ? null : mixed(rests),
    counted: left.counted && right.counted,
    relationVisible: node.alias !== undefined,
    members: [left, right],
  });
  return add(scope, aliased(source, node.alias));
}

/** XMLTABLE: every column may hold anything of the document and of the expressions. */
function xmlTable(context: Context, scope: Scope, item: RangeTableFunc): Source {
  const columns = (item.columns ?? []).map((node) => openNode(node)?.body ?? {});
  const taint = mixed([
    expressionValue(context, scope, item.docexpr),
    expressionValue(context, scope, item.rowexpr),
    listValue(context, scope, item.namespaces),
    ...columns.flatMap((column) => [
      expressionValue(context, scope, column['colexpr']),
      expressionValue(context, scope, column['coldefexpr']),
    ]),
  ]);
  const named = columns.map(
    (column): NamedProvenance => ({
      name: String(column['colname'] ?? ''),
      value: column['for_ordinality'] === true ? clearValue : taint,
    }),
  );
  return aliased(createSource({ name: item.alias?.aliasname ?? 'xmltable', columns: named }), item.alias);
}

/** JSON_TABLE: every column may hold anything of the document and of what is passed. */
function jsonTable(context: Context, scope: Scope, item: JsonTable): Source {
  if (context.index.major < (grammarSince['JsonTable'] ?? 0)) {
    context.findings.opaque.add('JSON_TABLE means a function call on this server');
  }
  const { alias, ...inside } = item;
  const taint = expressionValue(context, scope, { JsonTableBody: inside });
  const columns: NamedProvenance[] = [];
  jsonColumns(item.columns ?? [], taint, columns);
  return aliased(createSource({ name: alias?.aliasname ?? 'json_table', columns }), alias);
}

/** A level's own columns come before those of its nested paths. */
function jsonColumns(nodes: readonly Node[], taint: NamedProvenance['value'], into: NamedProvenance[]): void {
  const bodies = nodes.map(
    (node) => (openNode(node)?.body ?? {}) as { name?: string; coltype?: string; columns?: Node[] },
  );
  for (const { name, coltype } of bodies) {
    if (coltype === 'JTC_NESTED') continue;
    into.push({ name: name ?? '', value: coltype === 'JTC_FOR_ORDINALITY' ? clearValue : taint });
  }
  for (const { coltype, columns } of bodies) if (coltype === 'JTC_NESTED') jsonColumns(columns ?? [], taint, into);
}
