import type { CatalogRelation } from '../catalog.ts';
import { bodyOf, type Node, type OpenNode, type RangeVar } from './ast.ts';
import type { Context } from './context.ts';
import { expressionValue } from './expressions.ts';
import { expand, relationSource } from './relations.ts';
import { createSource, Scope } from './scope.ts';

/**
 * DDL that leaves values of columns under another name or without their origin, where rules by name no longer find them: renames, moves to a schema,
 * ALTER TYPE … USING, generated columns that become plain ones, materialized views whose definition changes below them.
 */
export function ddlCopies(context: Context, open: OpenNode): void {
  if (open.tag === 'RenameStmt' && open.body['renameType'] === 'OBJECT_SCHEMA') renameSchema(context, open);
  if (open.tag === 'ViewStmt') replaceView(context, open.body['view'] as RangeVar | undefined);
  const name = open.body['relation'] as RangeVar | undefined;
  const relation =
    name?.relname === undefined
      ? null
      : context.index.relation(name.schemaname ?? null, name.relname, context.searchPath);
  if (name === undefined || relation === null) return;
  const newName = String(open.body['newname'] ?? '');
  if (open.tag === 'RenameStmt') rename(context, relation, open, newName);
  if (open.tag === 'AlterObjectSchemaStmt') {
    copyAll(context, relation, String(open.body['newschema'] ?? ''), relation.name);
  }
  if (open.tag === 'AlterTableStmt') {
    for (const node of (open.body['cmds'] as Node[] | undefined) ?? []) {
      alterColumn(context, name, relation, node);
      dropExpression(context, relation, node);
      readElsewhere(context, node);
      leaveParent(context, relation, node);
    }
  }
}

function rename(context: Context, relation: CatalogRelation, open: OpenNode, newName: string): void {
  if (open.body['renameType'] !== 'OBJECT_COLUMN') {
    if (open.body['subname'] === undefined) copyAll(context, relation, relation.schema, newName);
    return;
  }
  const column = expand(context, relation, false).columns.find(({ name }) => name === open.body['subname']);
  if (column) context.findings.addCopies(column.value, context.index.origin(relation.schema, relation.name, newName));
}

function copyAll(context: Context, relation: CatalogRelation, schema: string, table: string): void {
  for (const { name, value } of expand(context, relation, false).columns) {
    context.findings.addCopies(value, context.index.origin(schema, table, name));
  }
}

function alterColumn(context: Context, name: RangeVar, relation: CatalogRelation, node: Node): void {
  const command = bodyOf<{ subtype?: string; name?: string; def?: Node }>(node, 'AlterTableCmd');
  if (command?.subtype !== 'AT_AlterColumnType') return;
  const using = bodyOf<{ raw_default?: Node }>(command.def, 'ColumnDef')?.raw_default;
  if (using === undefined) return;
  const scope = new Scope(null);
  scope.sources.push(createSource({ ...relationSource(context, name, relation) }));
  const to = context.index.origin(relation.schema, relation.name, command.name ?? '');
  context.findings.addCopies(expressionValue(context, scope, using), to);
}

/** The column keeps what was generated and forgets of what. */
function dropExpression(context: Context, relation: CatalogRelation, node: Node): void {
  const command = bodyOf<{ subtype?: string; name?: string }>(node, 'AlterTableCmd');
  if (command?.subtype !== 'AT_DropExpression') return;
  const column = expand(context, relation, false).columns.find(({ name }) => name === command.name);
  if (column)
    context.findings.addCopies(column.value, context.index.origin(relation.schema, relation.name, column.name));
}

/** Options of a foreign table and its columns say which remote ones they show. */
function readElsewhere(context: Context, node: Node): void {
  const command = bodyOf<{ subtype?: string }>(node, 'AlterTableCmd');
  if (command?.subtype?.endsWith('GenericOptions'))
    context.findings.opaque.add('options of a foreign table lead to a place that is not known');
}

function renameSchema(context: Context, open: OpenNode): void {
  const [from, to] = [String(open.body['subname'] ?? ''), String(open.body['newname'] ?? '')];
  for (const relation of context.index.catalog.relations) {
    if (relation.schema === from) copyAll(context, relation, to, relation.name);
  }
}

/** A materialized view over this view keeps the rows of the old definition until it is refreshed. */
function replaceView(context: Context, name: RangeVar | undefined): void {
  const view = context.index.relation(name?.schemaname ?? null, name?.relname ?? '', context.searchPath);
  if (view === null) return;
  for (const stored of context.index.catalog.relations) {
    if (stored.kind !== 'm' || !expand(context, stored, false).findings?.reads(view.schema, view.name)) continue;
    copyAll(context, stored, stored.schema, stored.name);
  }
}

/** A partition or child that leaves its parent is no longer found by the rules of the parent. */
function leaveParent(context: Context, relation: CatalogRelation, node: Node): void {
  const command = bodyOf<{ subtype?: string; def?: Node }>(node, 'AlterTableCmd');
  if (command?.subtype === 'AT_DropInherit') copyAll(context, relation, relation.schema, relation.name);
  if (command?.subtype !== 'AT_DetachPartition' && command?.subtype !== 'AT_DetachPartitionFinalize') return;
  const name = bodyOf<{ name?: RangeVar }>(command.def, 'PartitionCmd')?.name;
  const child = context.index.relation(name?.schemaname ?? null, name?.relname ?? '', context.searchPath);
  if (child !== null) copyAll(context, child, child.schema, child.name);
}
