import { type Node, openNode, qualifiedName, type RangeFunction, stringList, type TypeName } from './ast.ts';
import type { Context } from './context.ts';
import { expressionValue } from './expressions.ts';
import { resolveCall } from './function-calls.ts';
import { outputName } from './output-names.ts';
import { clearValue, mixed, type NamedProvenance, type Provenance } from './provenance.ts';
import { createSource, renameColumns, type Scope, type Source } from './scope.ts';

interface FunctionColumns {
  readonly columns: readonly NamedProvenance[];
  readonly counted: boolean;
  /** One column that takes the alias of the item as its name. */
  readonly scalar: boolean;
  readonly taint: Provenance;
}

/** Functions in FROM, ROWS FROM and WITH ORDINALITY included. Arguments see the items to the left. */
export function addRangeFunction(context: Context, scope: Scope, body: Record<string, unknown>): Source {
  const item = body as RangeFunction;
  const parts = (item.functions ?? []).map((node) => functionColumns(context, scope, node, item.coldeflist));
  const alias = item.alias?.aliasname;
  const only = parts.length === 1 ? parts[0] : undefined;
  let columns = parts.flatMap((part) => part.columns);
  if (only?.scalar === true && alias !== undefined) columns = columns.map(({ value }) => ({ name: alias, value }));
  const counted = parts.every((part) => part.counted);
  const taint = parts.map((part) => part.taint);
  // The last number of generate_series(1, salary) is the salary.
  if (item.ordinality === true) columns.push({ name: 'ordinality', value: mixed(taint) });
  return createSource({
    name: alias ?? parts[0]?.columns[0]?.name ?? '',
    columns: renameColumns(columns, stringList(item.alias?.colnames)),
    counted,
    rest: restOf(taint, parts),
  });
}

function restOf(taints: readonly Provenance[], parts: readonly FunctionColumns[]): Provenance | null {
  if (parts.every((part) => part.counted && !part.scalar)) return null;
  const origins = new Set(taints.flatMap((taint) => [...taint.origins]));
  return { ...clearValue, origins, opaque: taints.some((taint) => taint.opaque) };
}

function functionColumns(context: Context, scope: Scope, node: Node, coldefs: Node[] | undefined): FunctionColumns {
  const items = (openNode(node)?.body['items'] as Node[] | undefined) ?? [];
  const call = items[0];
  const value = expressionValue(context, scope, call);
  // How many rows there are tells of the arguments: generate_series(1, salary).
  context.findings.addInfluence(value, 'count');
  const taint: Provenance = { ...value, direct: false, typeOid: null, row: null, composite: value.composite };
  const own = openNode(items[1])?.body['items'] as Node[] | undefined;
  const definitions = own ?? coldefs;
  if (definitions !== undefined) {
    const columns = definitions.map((definition) => ({
      name: String(openNode(definition)?.body['colname'] ?? ''),
      value: taint,
    }));
    return { columns, counted: true, scalar: false, taint };
  }
  return shapeOf(context, scope, call, taint, value.row);
}

/** Functions of the server whose rows have the shape of their first argument. */
const populating = new Set([
  'json_populate_record',
  'json_populate_recordset',
  'jsonb_populate_record',
  'jsonb_populate_recordset',
]);

function shapeOf(
  context: Context,
  scope: Scope,
  call: Node | undefined,
  taint: Provenance,
  row: Provenance['row'],
): FunctionColumns {
  const open = openNode(call);
  const name = outputName(call);
  const scalar = { columns: [{ name, value: taint }], counted: true, scalar: true, taint };
  if (open?.tag !== 'FuncCall') return taint.composite ? uncounted(taint) : scalar;
  const resolved = resolveCall(context, open.body['funcname'] as Node[] | undefined);
  if (!resolved.builtin && resolved.bodies.length > 0 && resolved.opaque === null) {
    if (row !== null) return { columns: row, counted: true, scalar: false, taint };
    return taint.composite ? uncounted(taint) : scalar;
  }
  if (!resolved.builtin) return uncounted(taint);
  if (resolved.name === 'unnest')
    return unnested(context, scope, (open.body['args'] as Node[] | undefined) ?? [], taint);
  if (populating.has(resolved.name)) return populated(context, open.body['args'] as Node[] | undefined, taint);
  if (context.index.returnsRecord(resolved.name)) {
    const names = context.index.recordColumns(resolved.name);
    if (names === null) return uncounted(taint);
    return { columns: names.map((column) => ({ name: column, value: taint })), counted: true, scalar: false, taint };
  }
  return taint.composite ? uncounted(taint) : scalar;
}

/** pg_type OID of tsvector, which unnest spreads into three columns. */
const tsvector = 3614;

/** unnest gives one column per argument, but spreads composite elements and text search vectors. */
function unnested(context: Context, scope: Scope, args: readonly Node[], taint: Provenance): FunctionColumns {
  const values = args.map((arg) => expressionValue(context, scope, arg));
  const spreads = values.some((value, at) => value.composite || value.typeOid === tsvector || makesVector(args[at]));
  if (spreads) return uncounted(taint);
  const columns = values.map((value) => ({ name: 'unnest', value: mixed([value]) }));
  return { columns, counted: true, scalar: columns.length === 1, taint };
}

function makesVector(node: Node | undefined): boolean {
  const open = openNode(node);
  if (open?.tag === 'FuncCall') return /tsvector|^setweight$|^strip$|^ts_/.test(outputName(node));
  return (
    open?.tag === 'TypeCast' &&
    outputName({ TypeCast: { ...open.body, arg: undefined } } as unknown as Node) === 'tsvector'
  );
}

function uncounted(taint: Provenance): FunctionColumns {
  return { columns: [], counted: false, scalar: false, taint: { ...taint, composite: true } };
}

function populated(context: Context, args: Node[] | undefined, taint: Provenance): FunctionColumns {
  const first = openNode(args?.[0]);
  const type = first?.tag === 'TypeCast' ? (first.body['typeName'] as TypeName | undefined) : undefined;
  const named = qualifiedName(type?.names);
  const relation = type === undefined ? null : context.index.relation(named.schema, named.name, context.searchPath);
  if (relation === null) return uncounted(taint);
  const columns = relation.columns.map((column) => ({ name: column.name, value: taint }));
  return { columns, counted: true, scalar: false, taint };
}
