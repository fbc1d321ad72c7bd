import { bodyOf, type Node, openNode, type SelectStmt } from './ast.ts';
import type { Context } from './context.ts';
import type { Scope } from './scope.ts';
import { type QueryColumns, selectColumns } from './select.ts';

/** The rows that an INSERT takes: columns of VALUES or of a query; null for DEFAULT VALUES. */
export function insertSource(context: Context, scope: Scope, node: Node | undefined): QueryColumns | null {
  const open = openNode(node);
  if (open === null) return null;
  const select = bodyOf<SelectStmt>(node, 'SelectStmt');
  if (select !== null) return selectColumns(context, scope, select);
  context.findings.opaque.add(`INSERT from ${open.tag} is not understood`);
  return { columns: [], counted: false };
}
