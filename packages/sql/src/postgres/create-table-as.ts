import type { ColumnRef } from '@weir/policy';
import { type CreateTableAsStmt, type IntoClause, type Node, openNode, type SelectStmt, stringList } from './ast.ts';
import { type Context, creationSchema } from './context.ts';
import type { NamedProvenance } from './provenance.ts';
import { Scope } from './scope.ts';
import { selectColumns } from './select.ts';
import { preparedFacts } from './session-objects.ts';
import type { Verb } from './statement-result.ts';

/** INTO of a SELECT; in a set operation it stands in the leftmost query. */
export function intoOf(select: SelectStmt): IntoClause | null {
  let part: SelectStmt | undefined = select;
  while (part !== undefined) {
    if (part.intoClause !== undefined) return part.intoClause;
    part = part.larg;
  }
  return null;
}

/** CREATE TABLE AS, CREATE MATERIALIZED VIEW and SELECT INTO: reads, and stores what it reads. */
export function createTableAs(context: Context, body: Record<string, unknown>): Verb {
  const node = body as CreateTableAsStmt;
  const { findings } = context;
  const isView = node.objtype === 'OBJECT_MATVIEW';
  const target = node.into?.rel;
  const schema = creationSchema(context, target?.schemaname, target?.relpersistence);
  const table = target?.relname ?? '';
  findings.addEffect(schema, table, 'ddl');
  findings.changes.push({ change: 'catalog' });
  const names = stringList(node.into?.colNames);
  const columns = queryColumns(context, node.query as Node | undefined);
  // The origins of a materialized view are followed through its definition; a table forgets them.
  if (!isView) {
    for (const [at, { name, value }] of columns.entries()) {
      const to: ColumnRef = context.index.origin(schema, table, names[at] ?? name);
      findings.addCopies(value, to);
    }
  }
  const command = node.is_select_into ? 'SELECT INTO' : isView ? 'CREATE MATERIALIZED VIEW' : 'CREATE TABLE AS';
  return { kind: 'ddl', command, outputs: null };
}

function queryColumns(context: Context, query: Node | undefined): readonly NamedProvenance[] {
  const open = openNode(query);
  if (open?.tag === 'SelectStmt') {
    context.findings.kinds.add('select');
    return selectColumns(context, new Scope(null), open.body as SelectStmt).columns;
  }
  if (open?.tag !== 'ExecuteStmt') {
    context.findings.opaque.add('the query of CREATE TABLE AS is not understood');
    return [];
  }
  const facts = preparedFacts(context, String(open.body['name'] ?? ''));
  return (facts?.outputs ?? []).map(({ name, origins, opaque }) => ({
    name,
    value: { origins: new Set(origins), direct: false, opaque, typeOid: null, row: null, composite: false },
  }));
}
