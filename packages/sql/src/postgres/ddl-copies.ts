import type { CatalogRelation } from '../catalog.ts';
import { bodyOf, type Node, type OpenNode, type RangeVar } from './ast.ts';
import type { Context } from './context.ts';
import { expressionValue } from './expressions.ts';
import { expand, relationSource } from './relations.ts';
import { createSource, Scope } from './scope.ts';

/** DDL that moves values of columns to another name, where rules by name no longer find them: renames, moves to a schema, ALTER TYPE … USING. */
export function ddlCopies(context: Context, open: OpenNode): void {
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

/** A partition or child that leaves its parent is no longer found by the rules of the parent. */
function leaveParent(context: Context, relation: CatalogRelation, node: Node): void {
  const command = bodyOf<{ subtype?: string; def?: Node }>(node, 'AlterTableCmd');
  if (command?.subtype === 'AT_DropInherit') copyAll(context, relation, relation.schema, relation.name);
  if (command?.subtype !== 'AT_DetachPartition') return;
  const name = bodyOf<{ name?: RangeVar }>(command.def, 'PartitionCmd')?.name;
  const child = context.index.relation(name?.schemaname ?? null, name?.relname ?? '', context.searchPath);
  if (child !== null) copyAll(context, child, child.schema, child.name);
}
