import type { InfluenceWay } from '@weir/policy';
import { bodyOf, constantValue, type Node, openNode, type SelectStmt, stringList } from './ast.ts';
import type { Context } from './context.ts';
import { expressionValue, isStar, noteInfluence } from './expressions.ts';
import { filterState } from './filters.ts';
import { addFromItem } from './from-items.ts';
import { withGroupSizes } from './group-size.ts';
import { outputName } from './output-names.ts';
import { clearValue, mixed, type NamedProvenance, opaqueValue, type Provenance } from './provenance.ts';
import { filteredRelations, noteColumnRead, noteEffect } from './relations.ts';
import { Scope } from './scope.ts';
import { addCtes } from './with.ts';

/** Output columns of a query. */
export interface QueryColumns {
  readonly columns: readonly NamedProvenance[];
  /** False when a `*` could not be counted: positions after it mean nothing. */
  readonly counted: boolean;
}

/** Output columns of a SELECT, VALUES, TABLE or set operation; notes everything that it reads. `outer` is what LATERAL and sub-selects see. */
export function selectColumns(context: Context, outer: Scope, select: SelectStmt): QueryColumns {
  const scope = new Scope(outer);
  addCtes(context, scope, select.withClause);
  if (select.op !== undefined && select.op !== 'SETOP_NONE') return setOperation(context, scope, select);
  if (select.valuesLists !== undefined) return valuesColumns(context, scope, select);
  for (const item of select.fromClause ?? []) addFromItem(context, scope, item);
  const joined = new Set(scope.relations.filter(({ source }) => source.hits > 0));
  const targets = targetColumns(context, scope, select.targetList ?? []);
  const result = { ...targets, columns: withGroupSizes(context, scope, select, targets.columns) };
  const before = new Map(scope.relations.map((entry) => [entry, entry.source.hits]));
  const where = filterState(context, scope, select.whereClause, () => scope.hits);
  const limit = limitOf(context, scope, select);
  for (const entry of scope.relations) {
    const { node, relation, only, source } = entry;
    // A filter on one relation leaves all rows of another that neither it nor a join condition mentions.
    const isMeant = joined.has(entry) || source.hits > (before.get(entry) ?? 0);
    const state = where === 'effective' && !isMeant ? 'always-true' : where;
    context.findings.addFilter(node, 'select', filteredRelations(context, relation), state, limit);
    if (select.lockingClause !== undefined) noteEffect(context, relation, 'lock', only);
  }
  noteClauses(context, scope, select, result.columns);
  return result;
}

function limitOf(context: Context, scope: Scope, select: SelectStmt): number | null {
  noteInfluence(context, scope, select.limitCount, 'filter');
  noteInfluence(context, scope, select.limitOffset, 'filter');
  const limit = constantValue(select.limitCount);
  if (limit === null || limit.kind === 'null') return null;
  const rows = Number(limit.text);
  return Number.isFinite(rows) && rows >= 0 && select.limitOption !== 'LIMIT_OPTION_WITH_TIES' ? rows : null;
}

/** GROUP BY, HAVING, WINDOW, DISTINCT ON, ORDER BY: none is delivered, all shape the answer. */
function noteClauses(context: Context, scope: Scope, select: SelectStmt, outputs: readonly NamedProvenance[]): void {
  noteInfluence(context, scope, select.havingClause, 'filter');
  for (const node of select.windowClause ?? []) {
    const window = openNode(node)?.body as { partitionClause?: Node[]; orderClause?: Node[] } | undefined;
    noteInfluence(context, scope, window?.partitionClause, 'group');
    noteInfluence(context, scope, window?.orderClause, 'order');
    noteInfluence(context, scope, openNode(node)?.body['startOffset'] as Node | undefined, 'filter');
    noteInfluence(context, scope, openNode(node)?.body['endOffset'] as Node | undefined, 'filter');
  }
  const note = (keys: readonly Node[] | undefined, way: InfluenceWay) => {
    for (const key of keys ?? []) context.findings.addInfluence(keyValue(context, scope, key, outputs), way);
  };
  note(select.groupClause, 'group');
  note(select.distinctClause, 'group');
  note(select.sortClause, 'order');
  // Plain DISTINCT (one empty key): equal rows are told from others.
  const [distinct] = select.distinctClause ?? [];
  if (distinct !== undefined && openNode(distinct) === null) noteOutputs(context, outputs, 'group');
}

function noteOutputs(context: Context, outputs: readonly NamedProvenance[], way: InfluenceWay): void {
  for (const { value } of outputs) context.findings.addInfluence(value, way);
}

/** A sort or group key: a position or name of an output, or an expression. */
function keyValue(context: Context, scope: Scope, key: Node, outputs: readonly NamedProvenance[]): Provenance {
  const sort = bodyOf<{ node?: Node }>(key, 'SortBy');
  if (sort !== null) expressionValue(context, new Scope(null), { SortBy: { ...sort, node: undefined } });
  const node = sort === null ? key : sort.node;
  const constant = constantValue(node);
  if (constant !== null) return outputs[Number(constant.text) - 1]?.value ?? clearValue;
  const fields = bodyOf<{ fields?: Node[] }>(node, 'ColumnRef')?.fields;
  const named = fields?.length === 1 ? outputs.filter(({ name }) => name === stringList(fields)[0]) : [];
  if (named.length === 0) return expressionValue(context, scope, node);
  const column = scope.findColumn(stringList(fields)[0] ?? '');
  return mixed([...named.map(({ value }) => value), ...(column === null ? [] : [column])]);
}

/** Output columns of a target list (SELECT or RETURNING). */
export function targetColumns(context: Context, scope: Scope, targets: readonly Node[]): QueryColumns {
  const columns: NamedProvenance[] = [];
  let counted = true;
  for (const node of targets) {
    const target = bodyOf<{ name?: string; val?: Node }>(node, 'ResTarget');
    if (target === null) {
      counted = false;
      columns.push({ name: '?column?', value: opaqueValue });
    } else if (isStar(openNode(target.val))) {
      const star = starColumns(context, scope, target.val);
      counted &&= star.counted;
      columns.push(...star.columns);
    } else {
      columns.push({ name: target.name ?? outputName(target.val), value: expressionValue(context, scope, target.val) });
    }
  }
  return { columns, counted };
}

function starColumns(context: Context, scope: Scope, node: Node | undefined): QueryColumns {
  const open = openNode(node);
  if (open?.tag === 'ColumnRef') return sourceStar(context, scope, stringList(open.body['fields'] as Node[]));
  const steps = (open?.body['indirection'] as Node[] | undefined) ?? [];
  const arg = open?.body['arg'] as Node | undefined;
  const inner =
    steps.length > 1 ? ({ A_Indirection: { arg, indirection: steps.slice(0, -1) } } as unknown as Node) : arg;
  const value = expressionValue(context, scope, inner);
  if (value.row !== null) return { columns: value.row, counted: true };
  return uncounted(context, [{ name: '?column?', value: { ...mixed([value]), opaque: true } }]);
}

function sourceStar(context: Context, scope: Scope, parts: readonly string[]): QueryColumns {
  const named =
    parts.length === 0 ? null : scope.findSource(parts.length > 1 ? (parts.at(-2) ?? null) : null, parts.at(-1) ?? '');
  const sources =
    parts.length === 0 ? scope.sources.filter((source) => source.columnsVisible) : named === null ? [] : [named];
  if (parts.length > 0 && named === null) return uncounted(context, [{ name: '?column?', value: opaqueValue }]);
  const columns: NamedProvenance[] = [];
  let counted = true;
  for (const source of sources) {
    source.hits += 1;
    for (const column of source.columns) noteColumnRead(context, column.value);
    columns.push(...source.columns);
    if (source.counted) continue;
    counted = false;
    columns.push({ name: '?column?', value: { ...mixed([source.rest ?? opaqueValue]), opaque: true } });
  }
  return counted ? { columns, counted } : uncounted(context, columns);
}

function uncounted(context: Context, columns: readonly NamedProvenance[]): QueryColumns {
  context.findings.opaque.add('the number of columns of a * is not known');
  return { columns, counted: false };
}

function setOperation(context: Context, scope: Scope, select: SelectStmt): QueryColumns {
  const left = selectColumns(context, scope, select.larg ?? {});
  const right = selectColumns(context, scope, select.rarg ?? {});
  const result = combine(left, right);
  // All but UNION ALL compare the rows of both sides.
  const isUnion = select.op === 'SETOP_UNION';
  if (!isUnion || select.all !== true) noteOutputs(context, result.columns, isUnion ? 'group' : 'filter');
  noteClauses(context, scope, select, result.columns);
  noteInfluence(context, scope, select.limitCount, 'filter');
  noteInfluence(context, scope, select.limitOffset, 'filter');
  return result;
}

/** Pairs the columns of both sides; every operator of sets can deliver or tell values of both. */
export function combine(left: QueryColumns, right: QueryColumns): QueryColumns {
  const length = Math.max(left.columns.length, right.columns.length);
  const columns: NamedProvenance[] = [];
  for (let at = 0; at < length; at += 1) {
    const a = left.columns[at];
    const b = right.columns[at];
    columns.push({ name: a?.name ?? b?.name ?? '', value: mixed([a?.value ?? clearValue, b?.value ?? clearValue]) });
  }
  return { columns, counted: left.counted && right.counted };
}

function valuesColumns(context: Context, scope: Scope, select: SelectStmt): QueryColumns {
  const columns: Provenance[][] = [];
  let counted = true;
  for (const node of select.valuesLists ?? []) {
    const items = bodyOf<{ items?: Node[] }>(node, 'List')?.items ?? [];
    const row = items.flatMap((item) => {
      if (!isStar(openNode(item))) return [expressionValue(context, scope, item)];
      const star = starColumns(context, scope, item);
      counted &&= star.counted;
      return star.columns.map(({ value }) => value);
    });
    for (const [at, value] of row.entries()) {
      const column = columns[at];
      if (column) column.push(value);
      else columns[at] = [value];
    }
  }
  const named = columns.map((values, at) => ({
    name: `column${at + 1}`,
    value: values.length === 1 ? (values[0] ?? clearValue) : mixed(values),
  }));
  noteClauses(context, scope, select, named);
  noteInfluence(context, scope, select.limitCount, 'filter');
  noteInfluence(context, scope, select.limitOffset, 'filter');
  return { columns: named, counted };
}
