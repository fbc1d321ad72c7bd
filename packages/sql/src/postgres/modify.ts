import type { TableEffectKind } from '@weir/policy';
import type { CatalogRelation } from '../catalog.ts';
import { type Assignments, assignTargets, insertedColumns } from './assignments.ts';
import {
  bodyOf,
  type DeleteStmt,
  type InsertStmt,
  type MergeStmt,
  type Node,
  type OpenNode,
  type RangeVar,
  type ReturningClause,
  type UpdateStmt,
} from './ast.ts';
import type { Context } from './context.ts';
import { noteInfluence } from './expressions.ts';
import { filterState } from './filters.ts';
import { addFromItem } from './from-items.ts';
import { insertSource } from './insert-source.ts';
import { mergeClauses } from './merge-clauses.ts';
import { opaqueValue } from './provenance.ts';
import { filteredRelations, noteEffect, relationSource, resolveRelation, unknownSource } from './relations.ts';
import { createSource, Scope, type Source } from './scope.ts';
import { type QueryColumns, targetColumns } from './select.ts';
import { addCtes } from './with.ts';

const nothing: QueryColumns = { columns: [], counted: true };

/** Output columns (RETURNING) of INSERT, UPDATE, DELETE or MERGE; notes what it reads, writes and copies. Another node makes the statement opaque. */
export function modifyColumns(context: Context, outer: Scope, open: OpenNode | null): QueryColumns {
  const scope = new Scope(outer);
  if (open !== null) context.findings.dataChanges.add(open.body);
  switch (open?.tag) {
    case 'InsertStmt':
      return insert(context, scope, open.body as InsertStmt);
    case 'UpdateStmt':
      return update(context, scope, open.body as UpdateStmt);
    case 'DeleteStmt':
      return remove(context, scope, open.body as DeleteStmt);
    case 'MergeStmt':
      return merge(context, scope, open.body as MergeStmt);
    default:
      context.findings.opaque.add(`${open?.tag ?? 'an empty query'} is not understood here`);
      return { columns: [{ name: '?column?', value: opaqueValue }], counted: false };
  }
}

/** The relation that a write changes, with its source. */
export interface Target {
  readonly name: RangeVar;
  readonly relation: CatalogRelation | null;
  readonly source: Source;
}

function openTarget(context: Context, name: RangeVar | undefined, effect: TableEffectKind | null): Target {
  const target = name ?? {};
  const relation = resolveRelation(context, target);
  if (relation === null) return { name: target, relation, source: unknownSource(target) };
  if (effect !== null) noteEffect(context, relation, effect, target.inh !== true);
  if (relation.rules === true) {
    context.findings.opaque.add(`rules of ${relation.schema}.${relation.name} rewrite what is written to it`);
  }
  return { name: target, relation, source: relationSource(context, target, relation) };
}

function insert(context: Context, scope: Scope, node: InsertStmt): QueryColumns {
  context.findings.kinds.add('insert');
  addCtes(context, scope, node.withClause);
  const target = openTarget(context, node.relation, 'insert');
  const rows = insertSource(context, scope, node.selectStmt as Node | undefined);
  const assigned = insertedColumns(context, target, node.cols, rows);
  scope.sources.push(target.source);
  const conflict = node.onConflictClause;
  if (conflict?.action === 'ONCONFLICT_UPDATE') {
    if (target.relation !== null) noteEffect(context, target.relation, 'update', false);
    context.findings.kinds.add('update');
    const excluded = assigned.applied(target.source).columns;
    const inner = new Scope(scope);
    inner.sources.push(
      target.source,
      createSource({ name: 'excluded', columns: excluded, columnsVisible: false, rest: target.source.rest }),
    );
    const changed = assignTargets(context, inner, target, conflict.targetList);
    noteConflictFilter(context, inner, target, node, conflict.whereClause);
    return returning(context, scope, target, node.returningClause, assigned.and(changed));
  }
  return returning(context, scope, target, node.returningClause, assigned);
}

function update(context: Context, scope: Scope, node: UpdateStmt): QueryColumns {
  context.findings.kinds.add('update');
  addCtes(context, scope, node.withClause);
  const target = openTarget(context, node.relation, 'update');
  scope.sources.push(target.source);
  for (const item of node.fromClause ?? []) addFromItem(context, scope, item);
  const assigned = assignTargets(context, scope, target, node.targetList);
  noteFilter(context, scope, target, 'update', node.whereClause as Node | undefined);
  return returning(context, scope, target, node.returningClause, assigned);
}

function remove(context: Context, scope: Scope, node: DeleteStmt): QueryColumns {
  context.findings.kinds.add('delete');
  addCtes(context, scope, node.withClause);
  const target = openTarget(context, node.relation, 'delete');
  scope.sources.push(target.source);
  for (const item of node.usingClause ?? []) addFromItem(context, scope, item);
  noteFilter(context, scope, target, 'delete', node.whereClause as Node | undefined);
  return returning(context, scope, target, node.returningClause, null);
}

function noteFilter(
  context: Context,
  scope: Scope,
  target: Target,
  kind: 'update' | 'delete',
  where: Node | undefined,
): void {
  const state = filterState(context, scope, where, () => target.source.hits);
  const shown = { schema: target.name.schemaname ?? '', name: target.name.relname ?? '' };
  const relations = target.relation === null ? [shown] : filteredRelations(context, target.relation);
  if (state !== 'none' && target.relation !== null)
    noteEffect(context, target.relation, 'read', target.name.inh !== true);
  context.findings.addFilter(target.name, kind, relations, state, null);
}

/**
 * ON CONFLICT DO UPDATE changes the rows that the new ones name by their key. It is unfiltered when the new rows come from the target itself
 * and nothing filters them.
 */
function noteConflictFilter(
  context: Context,
  scope: Scope,
  target: Target,
  node: InsertStmt,
  where: Node | undefined,
): void {
  const state = filterState(context, scope, where, () => target.source.hits);
  const relations = target.relation === null ? [] : filteredRelations(context, target.relation);
  const copiesItself = namesRelation(node.selectStmt, target.name.relname ?? '');
  context.findings.addFilter(target.name, 'update', relations, copiesItself ? state : 'effective', null);
}

/** Whether a tree names a relation of this name anywhere. */
function namesRelation(value: unknown, name: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (bodyOf<{ relname?: string }>(value as Node, 'RangeVar')?.relname === name) return true;
  return Object.entries(value).some(([key, child]) => key !== 'A_Const' && namesRelation(child, name));
}

function merge(context: Context, scope: Scope, node: MergeStmt): QueryColumns {
  context.findings.kinds.add('merge');
  addCtes(context, scope, node.withClause);
  const target = openTarget(context, node.relation, 'read');
  const source = addFromItem(context, scope, node.sourceRelation as Node);
  const visible = source.columnsVisible;
  scope.sources.push(target.source);
  noteInfluence(context, scope, node.joinCondition as Node | undefined, 'join');
  const joined = filterState(context, scope, node.joinCondition, () => target.source.hits) === 'effective';
  const assigned = mergeClauses(context, scope, target, node, joined);
  // RETURNING * of MERGE gives the source's columns first.
  source.columnsVisible = visible;
  return returning(context, scope, target, node.returningClause, assigned);
}

/** RETURNING sees the target with what was written to it, and OLD and NEW since version 18. */
function returning(
  context: Context,
  scope: Scope,
  target: Target,
  clause: ReturningClause | undefined,
  assigned: Assignments | null,
): QueryColumns {
  if (clause === undefined) return nothing;
  if (target.relation !== null) noteEffect(context, target.relation, 'read', target.name.inh !== true);
  const seen = assigned === null ? target.source : assigned.applied(target.source);
  const inner = new Scope(scope.parent);
  for (const [name, entry] of scope.ctes) inner.ctes.set(name, entry);
  inner.sources.push(...scope.sources.map((source) => (source === target.source ? seen : source)));
  if (!inner.sources.includes(seen)) inner.sources.push(seen);
  if (context.index.major >= 18) {
    for (const name of versionNames(clause)) {
      inner.sources.push({ ...seen, name, schema: null, columnsVisible: false, relationVisible: true });
    }
  }
  return targetColumns(context, inner, clause.exprs ?? []);
}

function versionNames(clause: ReturningClause): string[] {
  const options = (clause.options ?? []).map((node) =>
    bodyOf<{ option?: string; value?: string }>(node, 'ReturningOption'),
  );
  const given = (option: string) => options.find((entry) => entry?.option === option)?.value;
  return [given('RETURNING_OPTION_OLD') ?? 'old', given('RETURNING_OPTION_NEW') ?? 'new'];
}
