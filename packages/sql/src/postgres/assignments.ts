import type { SelectStmt, SubLink } from './ast.ts';
import { bodyOf, type Node } from './ast.ts';
import type { Context } from './context.ts';
import { expressionValue } from './expressions.ts';
import type { Target } from './modify.ts';
import { mixed, opaqueValue, type Provenance, withOrigins } from './provenance.ts';
import type { Scope, Source } from './scope.ts';
import { type QueryColumns, selectColumns } from './select.ts';

/** Values written to columns of a target, by column name. */
export class Assignments {
  private readonly values = new Map<string, Provenance>();

  add(column: string, value: Provenance): void {
    const known = this.values.get(column);
    this.values.set(column, known === undefined ? value : mixed([known, value]));
  }

  /** Both together, as after INSERT … ON CONFLICT DO UPDATE or several branches of MERGE. */
  and(other: Assignments): Assignments {
    const both = new Assignments();
    for (const part of [this, other]) for (const [column, value] of part.values) both.add(column, value);
    return both;
  }

  /** The target after the write: each column may hold what was written to it. */
  applied(source: Source): Source {
    const columns = source.columns.map(({ name, value }) => {
      const written = this.values.get(name);
      if (written === undefined || (written.origins.size === 0 && !written.opaque)) return { name, value };
      const both = withOrigins(value, written.origins, false);
      return { name, value: { ...both, opaque: both.opaque || written.opaque, composite: value.composite } };
    });
    return { ...source, columns };
  }
}

/** Writes one value to one column: notes the copy. */
export function assign(context: Context, target: Target, into: Assignments, column: string, value: Provenance): void {
  into.add(column, value);
  const schema = target.relation?.schema ?? target.name.schemaname ?? '';
  const table = target.relation?.name ?? target.name.relname ?? '';
  const origin = context.index.origin(schema, table, column);
  context.findings.addStored(origin, value);
  context.findings.addCopies(value, origin);
}

/** SET clauses of UPDATE, ON CONFLICT and MERGE, `(a, b) = (SELECT …)` included. */
export function assignTargets(
  context: Context,
  scope: Scope,
  target: Target,
  nodes: readonly Node[] | undefined,
): Assignments {
  const assigned = new Assignments();
  for (const node of nodes ?? []) {
    const item = bodyOf<{ name?: string; val?: Node; indirection?: Node[] }>(node, 'ResTarget') ?? {};
    const value = mixed([
      assignedValue(context, scope, item.val),
      ...(item.indirection ?? []).map((step) => stepValue(context, scope, step)),
    ]);
    assign(context, target, assigned, item.name ?? '', value);
  }
  return assigned;
}

function stepValue(context: Context, scope: Scope, step: Node): Provenance {
  const indices = bodyOf<{ lidx?: Node; uidx?: Node }>(step, 'A_Indices');
  return mixed([expressionValue(context, scope, indices?.lidx), expressionValue(context, scope, indices?.uidx)]);
}

function assignedValue(context: Context, scope: Scope, node: Node | undefined): Provenance {
  const multi = bodyOf<{ source?: Node; colno?: number }>(node, 'MultiAssignRef');
  if (multi === null) return expressionValue(context, scope, node);
  const at = (multi.colno ?? 1) - 1;
  const row = bodyOf<{ args?: Node[] }>(multi.source, 'RowExpr')?.args;
  if (row !== undefined) return expressionValue(context, scope, row[at]);
  const link = bodyOf<SubLink>(multi.source, 'SubLink');
  const select = bodyOf<SelectStmt>(link?.subselect, 'SelectStmt');
  if (select === null) return expressionValue(context, scope, multi.source);
  const { columns, counted } = selectColumns(context, scope, select);
  return counted ? (columns[at]?.value ?? opaqueValue) : { ...mixed(columns.map(({ value }) => value)), opaque: true };
}

/** Pairs the rows of an INSERT with the columns of its list, or with all columns in order. */
export function insertedColumns(
  context: Context,
  target: Target,
  cols: readonly Node[] | undefined,
  rows: QueryColumns | null,
): Assignments {
  const assigned = new Assignments();
  if (rows === null) return assigned;
  const names =
    cols === undefined
      ? (target.relation?.columns ?? []).map(({ name }) => name)
      : cols.map((node) => bodyOf<{ name?: string }>(node, 'ResTarget')?.name ?? '');
  for (const [at, { value }] of rows.columns.entries()) {
    const name = names[at];
    if (rows.counted && name !== undefined) assign(context, target, assigned, name, value);
    else context.findings.addCopies(value, null);
  }
  return assigned;
}
