import type { StatementKind } from '@weir/policy';
import {
  bodyOf,
  type FuncCall,
  listItems,
  type Node,
  type OpenNode,
  openNode,
  type RangeVar,
  type SelectStmt,
  stringList,
} from './ast.ts';
import { type Context, creationSchema } from './context.ts';
import { ddlCopies } from './ddl-copies.ts';
import { resolveCall } from './function-calls.ts';
import { noteEffect } from './relations.ts';
import { Scope } from './scope.ts';
import { selectColumns } from './select.ts';
import type { Verb } from './statement-result.ts';
import { objectWords, utilityCommands } from './utility-commands.ts';

/** DDL, roles and maintenance; null when the statement is none of them. */
export function ddlStatement(context: Context, open: OpenNode): Verb | null {
  const known = Object.hasOwn(utilityCommands, open.tag) ? utilityCommands[open.tag] : undefined;
  if (known === undefined) return null;
  const [kind, command] = known;
  const stored = storedCode[open.tag];
  if (stored !== undefined) context.findings.opaque.add(stored);
  if (kind === 'ddl') noteCalls(context, open.body);
  noteNamedRelations(context, open, kind === 'maintenance' ? 'lock' : 'ddl');
  ddlCopies(context, open);
  if (open.tag === 'ViewStmt' || open.tag === 'RefreshMatViewStmt') noteQuery(context, open);
  if (kind === 'ddl' || kind === 'dcl') context.findings.changes.push({ change: 'catalog' });
  if (/^(AlterRole|DropRole|AlterDatabaseSet)/.test(open.tag)) context.findings.changes.push({ change: 'environment' });
  return { kind: kind as StatementKind, command: commandOf(open, command), outputs: null };
}

/**
 * Statements that leave code behind which later statements run unseen: nothing in their own text shows the trigger or the new body of a function. So do
 * those that bring rows from elsewhere, maybe of a protected table, under another name.
 */
const storedCode: Readonly<Record<string, string>> = {
  LoadStmt: 'LOAD runs code of a library',
  CreateFunctionStmt: 'the body of a function is not looked into, and triggers and defaults may run it',
  CreateTrigStmt: 'a trigger runs with later statements and is not looked into',
  CreateEventTrigStmt: 'an event trigger runs with later statements and is not looked into',
  CreateForeignTableStmt: 'what a foreign table shows comes from a place that is not known',
  ImportForeignSchemaStmt: 'what foreign tables show comes from a place that is not known',
  CreateForeignServerStmt: 'a foreign server leads to a place that is not known',
  AlterForeignServerStmt: 'a foreign server leads to a place that is not known',
  CreateUserMappingStmt: 'a user mapping leads to a place that is not known',
  AlterUserMappingStmt: 'a user mapping leads to a place that is not known',
  CreateSubscriptionStmt: 'a subscription brings rows of a place that is not known',
  AlterSubscriptionStmt: 'a subscription brings rows of a place that is not known',
};

/** Functions of users in defaults, checks, policies, indexes and generated columns run at once for the rows that there are, and later for each new one. */
function noteCalls(context: Context, value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) noteCalls(context, item);
    return;
  }
  const call = bodyOf<FuncCall>(value as Node, 'FuncCall');
  if (call !== null) {
    const { schema, name, opaque, bodies } = resolveCall(context, call.funcname, call.args);
    context.findings.addFunction(schema, name);
    if (opaque !== null) context.findings.opaque.add(opaque);
    // It can be replaced later, and runs with the statements of others.
    else if (bodies.length > 0) context.findings.opaque.add(`function ${schema}.${name}() is not the server's own`);
  }
  for (const child of Object.values(value)) noteCalls(context, child);
}

function commandOf(open: OpenNode, command: string): string {
  if (open.tag === 'VacuumStmt' && open.body['is_vacuumcmd'] !== true) return 'ANALYZE';
  if (command.startsWith('GRANT') && open.body['is_grant'] !== true) return command.replace('GRANT', 'REVOKE');
  const object = String(
    open.body['removeType'] ??
      open.body['renameType'] ??
      open.body['objectType'] ??
      open.body['objtype'] ??
      open.body['kind'] ??
      '',
  );
  return command.includes('%') ? command.replace('%', objectWords(object)) : command;
}

/** Relations in the usual places of a statement: as they are named there, found or new. */
function noteNamedRelations(context: Context, open: OpenNode, effect: 'ddl' | 'lock'): void {
  const names: RangeVar[] = [];
  collectNames(open.body, names, 0);
  if (open.tag === 'DropStmt' || open.tag === 'CommentStmt') names.push(...objectNames(open));
  for (const name of names) noteRelation(context, name, effect);
}

function collectNames(value: unknown, into: RangeVar[], depth: number): void {
  if (typeof value !== 'object' || value === null || depth > 6) return;
  if (Array.isArray(value)) {
    for (const item of value) collectNames(item, into, depth + 1);
    return;
  }
  const record = value as Record<string, unknown>;
  if (typeof record['relname'] === 'string') into.push(record as RangeVar);
  for (const key in record) {
    // The relations of a query are read, not changed.
    if (key !== 'query' && key !== 'SelectStmt' && key !== 'actions') collectNames(record[key], into, depth + 1);
  }
}

const relationObjects = new Set([
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_FOREIGN_TABLE',
  'OBJECT_SEQUENCE',
  'OBJECT_COLUMN',
]);

function objectNames(open: OpenNode): RangeVar[] {
  const type = String(open.body['removeType'] ?? open.body['objtype'] ?? '');
  const isSub = /^OBJECT_(TRIGGER|RULE|POLICY|COLUMN|TABCONSTRAINT)$/.test(type);
  if (!relationObjects.has(type) && !isSub) return [];
  const nodes =
    (open.body['objects'] as Node[] | undefined) ??
    (open.body['object'] === undefined ? [] : [open.body['object'] as Node]);
  return nodes.map((node) => {
    const parts = stringList(listItems(node));
    const path = isSub ? parts.slice(0, -1) : parts;
    const schemaname = path.at(-2);
    return schemaname === undefined ? { relname: path.at(-1) ?? '' } : { relname: path.at(-1) ?? '', schemaname };
  });
}

function noteRelation(context: Context, name: RangeVar, effect: 'ddl' | 'lock'): void {
  const relation = context.index.relation(name.schemaname ?? null, name.relname ?? '', context.searchPath);
  if (relation !== null) noteEffect(context, relation, effect, true);
  else
    context.findings.addEffect(
      creationSchema(context, name.schemaname, name.relpersistence),
      name.relname ?? '',
      effect,
    );
}

function noteQuery(context: Context, open: OpenNode): void {
  const select = bodyOf<SelectStmt>(open.body['query'] as Node | undefined, 'SelectStmt');
  if (select !== null) selectColumns(context, new Scope(null), select);
  else if (open.tag === 'ViewStmt')
    context.findings.opaque.add(`a view over ${openNode(open.body['query'])?.tag ?? 'nothing'} is not understood`);
}
