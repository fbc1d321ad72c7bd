import type { Node } from '@pgsql/types';

export type {
  A_Expr,
  A_Indirection,
  Alias,
  ColumnRef as ColumnRefNode,
  CommonTableExpr,
  CopyStmt,
  CreateTableAsStmt,
  DeleteStmt,
  ExplainStmt,
  FuncCall,
  InsertStmt,
  IntoClause,
  JoinExpr,
  JsonTable,
  MergeStmt,
  Node,
  RangeFunction,
  RangeTableFunc,
  RangeVar,
  ReturningClause,
  SelectStmt,
  SubLink,
  TypeName,
  UpdateStmt,
  VariableSetStmt,
  WithClause,
} from '@pgsql/types';

/** A tagged node opened up: its tag and the body below it. */
export interface OpenNode {
  readonly tag: string;
  readonly body: Record<string, unknown>;
}

/** Opens a tagged node (`{SelectStmt: {...}}`); null for an empty placeholder (`{}`) and for anything that is not one. */
export function openNode(node: unknown): OpenNode | null {
  if (typeof node !== 'object' || node === null) return null;
  for (const tag in node) {
    const body = (node as Record<string, unknown>)[tag];
    return typeof body === 'object' && body !== null ? { tag, body: body as Record<string, unknown> } : null;
  }
  return null;
}

/** The body of a node when it has this tag, else null. */
export function bodyOf<T>(node: Node | undefined, tag: string): T | null {
  if (node === undefined) return null;
  const body = (node as unknown as Record<string, unknown>)[tag];
  return typeof body === 'object' && body !== null ? (body as T) : null;
}

/** Text of a String node (the empty string is left out of the tree by the parser); null when it is another node. */
export function stringValue(node: Node | undefined): string | null {
  const body = bodyOf<{ sval?: string }>(node, 'String');
  return body === null ? null : (body.sval ?? '');
}

/** Texts of the String nodes of a list; other nodes are left out. */
export function stringList(nodes: readonly Node[] | undefined): string[] {
  const out: string[] = [];
  for (const node of nodes ?? []) {
    const text = stringValue(node);
    if (text !== null) out.push(text);
  }
  return out;
}

/** Elements of a List node, or the node itself as the only element. */
export function listItems(node: Node): readonly Node[] {
  const list = bodyOf<{ items?: Node[] }>(node, 'List');
  return list === null ? [node] : (list.items ?? []);
}

/** A constant of the tree as text with its SQL kind; null when the node is not a constant. Casts of constants count as the constant. */
export interface Constant {
  readonly kind: 'number' | 'text' | 'boolean' | 'null' | 'bits';
  readonly text: string;
}
export function constantValue(node: Node | undefined): Constant | null {
  const open = openNode(node);
  if (open === null) return null;
  if (open.tag === 'TypeCast') return castConstant(open.body as { arg?: Node; typeName?: { names?: Node[] } });
  if (open.tag !== 'A_Const') return null;
  const body = open.body as {
    ival?: { ival?: number };
    fval?: { fval?: string };
    sval?: { sval?: string };
    boolval?: { boolval?: boolean };
    bsval?: { bsval?: string };
    isnull?: boolean;
  };
  if (body.isnull) return { kind: 'null', text: '' };
  if (body.ival) return { kind: 'number', text: String(body.ival.ival ?? 0) };
  if (body.fval) return { kind: 'number', text: body.fval.fval ?? '0' };
  if (body.sval) return { kind: 'text', text: body.sval.sval ?? '' };
  if (body.boolval) return { kind: 'boolean', text: body.boolval.boolval ? 't' : 'f' };
  return { kind: 'bits', text: body.bsval?.bsval ?? '' };
}

function castConstant(cast: { arg?: Node; typeName?: { names?: Node[] } }): Constant | null {
  const inner = constantValue(cast.arg);
  if (inner === null || inner.kind === 'null') return inner;
  const type = stringList(cast.typeName?.names).at(-1) ?? '';
  if (type === 'bool') return booleanText(inner.text);
  if (/^(int2|int4|int8|numeric|float4|float8)$/.test(type)) return { kind: 'number', text: inner.text };
  return { kind: 'text', text: inner.text };
}

/** Reads boolean literals as the server does (unique prefixes, blanks around); null when it is none. */
export function booleanText(text: string): Constant | null {
  const word = text.trim().toLowerCase();
  if (word === '1' || word === 'on' || (word !== '' && ('true'.startsWith(word) || 'yes'.startsWith(word)))) {
    return { kind: 'boolean', text: 't' };
  }
  if (word === '0' || /^of{1,2}$/.test(word) || (word !== '' && ('false'.startsWith(word) || 'no'.startsWith(word)))) {
    return { kind: 'boolean', text: 'f' };
  }
  return null;
}

/** Schema (or null) and name of a qualified name list; a leading database name is dropped. */
export function qualifiedName(nodes: readonly Node[] | undefined): { schema: string | null; name: string } {
  const parts = stringList(nodes);
  return { schema: parts.length > 1 ? (parts.at(-2) ?? null) : null, name: parts.at(-1) ?? '' };
}
