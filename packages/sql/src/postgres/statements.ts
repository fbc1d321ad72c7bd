import type { Node, SelectStmt } from './ast.ts';
import { type OpenNode, openNode } from './ast.ts';
import type { Context } from './context.ts';
import { copyStatement } from './copy.ts';
import { createTableAs, intoOf } from './create-table-as.ts';
import { ddlStatement } from './ddl.ts';
import { explain } from './explain.ts';
import { lock, notify, truncate } from './maintenance.ts';
import { modifyColumns } from './modify.ts';
import { call, doBlock } from './procedures.ts';
import { Scope } from './scope.ts';
import { selectColumns } from './select.ts';
import { closeCursor, deallocate, declareCursor, discard, execute, fetchCursor, prepare } from './session-objects.ts';
import { setVariable, showVariable } from './settings.ts';
import { toOutputs, type Verb } from './statement-result.ts';
import { transaction } from './transactions.ts';

/** Analyses one statement. A closed list: a statement of another kind is `unknown` and opaque. */
export function analyseStatement(context: Context, node: Node | null): Verb {
  const open = openNode(node);
  if (open === null) return { kind: 'empty', command: '', outputs: null };
  const handler = Object.hasOwn(handlers, open.tag) ? handlers[open.tag] : undefined;
  if (handler !== undefined) return handler(context, open);
  const ddl = ddlStatement(context, open);
  if (ddl !== null) return ddl;
  context.findings.opaque.add(`statements of the kind ${open.tag} are not understood`);
  return { kind: 'unknown', command: open.tag, outputs: null };
}

type Handler = (context: Context, open: OpenNode) => Verb;

const handlers: Readonly<Record<string, Handler>> = {
  SelectStmt: (context, open) => select(context, open.body as SelectStmt),
  InsertStmt: (context, open) => modify(context, open, 'insert'),
  UpdateStmt: (context, open) => modify(context, open, 'update'),
  DeleteStmt: (context, open) => modify(context, open, 'delete'),
  MergeStmt: (context, open) => modify(context, open, 'merge'),
  CopyStmt: (context, open) => copyStatement(context, open.body),
  CreateTableAsStmt: (context, open) => createTableAs(context, open.body),
  ExplainStmt: (context, open) => explain(context, open.body),
  PrepareStmt: (context, open) => prepare(context, open.body),
  ExecuteStmt: (context, open) => execute(context, open.body),
  DeallocateStmt: (context, open) => deallocate(context, open.body),
  DeclareCursorStmt: (context, open) => declareCursor(context, open.body),
  FetchStmt: (context, open) => fetchCursor(context, open.body),
  ClosePortalStmt: (context, open) => closeCursor(context, open.body),
  DiscardStmt: (context, open) => discard(context, open.body),
  TransactionStmt: (_context, open) => transaction(open.body),
  ConstraintsSetStmt: () => ({ kind: 'set', command: 'SET CONSTRAINTS', outputs: null }),
  VariableSetStmt: (context, open) => setVariable(context, open.body),
  VariableShowStmt: (_context, open) => showVariable(open.body),
  TruncateStmt: (context, open) => truncate(context, open.body),
  LockStmt: (context, open) => lock(context, open.body),
  NotifyStmt: () => notify(),
  ListenStmt: () => ({ kind: 'listen', command: 'LISTEN', outputs: null }),
  UnlistenStmt: () => ({ kind: 'listen', command: 'UNLISTEN', outputs: null }),
  DoStmt: (context, open) => doBlock(context, open.body),
  CallStmt: (context, open) => call(context, open.body),
};

/** SELECT, VALUES, TABLE and SELECT INTO. */
function select(context: Context, body: SelectStmt): Verb {
  const into = intoOf(body);
  if (into !== null) return createTableAs(context, { query: { SelectStmt: body } as Node, into, is_select_into: true });
  return { kind: 'select', command: 'SELECT', outputs: toOutputs(selectColumns(context, new Scope(null), body)) };
}

function modify(context: Context, open: OpenNode, kind: 'insert' | 'update' | 'delete' | 'merge'): Verb {
  const result = modifyColumns(context, new Scope(null), open);
  const returns = open.body['returningClause'] !== undefined;
  return { kind, command: kind.toUpperCase(), outputs: returns ? toOutputs(result) : null };
}
