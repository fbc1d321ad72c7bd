import { bodyOf, type Constant, constantValue, type Node, openNode, stringList } from './ast.ts';
import type { Truth } from './filters.ts';
import type { Scope } from './scope.ts';

/** Least and greatest value by pg_type OID: smallint, integer, bigint. */
const ranges: ReadonlyMap<number, readonly [least: bigint, greatest: bigint]> = new Map([
  [21, [-32_768n, 32_767n]],
  [23, [-2_147_483_648n, 2_147_483_647n]],
  [20, [-(2n ** 63n), 2n ** 63n - 1n]],
]);
const textTypes: ReadonlySet<number> = new Set([25, 1043]);
const flipped: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };
/**
 * Truth of a comparison that the type of its value decides: `id >= -2147483648`, `id < 3000000000`, `name >= ''`, `id * id > -1`.
 * NULL aside, as in `id = id`. `isSame` tells whether two expressions are the same. Null when the type does not decide.
 */
export function rangeTruth(
  scope: Scope,
  operator: string,
  left: Node | undefined,
  right: Node | undefined,
  isSame: (a: Node | undefined, b: Node | undefined) => boolean,
): Truth | null {
  if (flipped[operator] === undefined) return null;
  return (
    sideTruth(scope, operator, left, right, isSame) ?? sideTruth(scope, flipped[operator] ?? '', right, left, isSame)
  );
}

function sideTruth(
  scope: Scope,
  operator: string,
  value: Node | undefined,
  bound: Node | undefined,
  isSame: (a: Node | undefined, b: Node | undefined) => boolean,
): Truth | null {
  const typeOid = columnType(scope, value);
  if (typeOid !== null && textTypes.has(typeOid)) return emptyTruth(operator, boundOf(bound));
  const range = typeOid === null ? undefined : ranges.get(typeOid);
  if (range === undefined && !isSquare(value, isSame)) return null;
  // An integer that fits into four bytes is at most the edge of a smaller type, or the greatest integer: others are left unread (see free-integers.ts).
  if (isInteger(bound) && typeOid !== null && typeOid !== 21 && !(typeOid === 23 && operator === '<=')) return null;
  const text = boundOf(bound);
  if (text?.kind !== 'number' || !/^-?\d+$/.test(text.text)) return null;
  const [least, greatest] = range ?? [0n, null];
  return orderTruth(operator, least, greatest, BigInt(text.text));
}

const boundOf = (node: Node | undefined): Constant | null => constantValue(node);

function emptyTruth(operator: string, bound: Constant | null): Truth | null {
  if (bound?.kind !== 'text' || bound.text !== '') return null;
  return operator === '>=' ? 'always' : operator === '<' ? 'never' : null;
}

function orderTruth(operator: string, least: bigint, greatest: bigint | null, bound: bigint): Truth | null {
  switch (operator) {
    case '>=':
      return bound <= least ? 'always' : greatest !== null && bound > greatest ? 'never' : null;
    case '>':
      return bound < least ? 'always' : greatest !== null && bound >= greatest ? 'never' : null;
    case '<=':
      return greatest !== null && bound >= greatest ? 'always' : bound < least ? 'never' : null;
    default:
      return greatest !== null && bound > greatest ? 'always' : bound <= least ? 'never' : null;
  }
}

function isInteger(node: Node | undefined): boolean {
  const open = openNode(node);
  if (open?.tag === 'TypeCast') return isInteger(open.body['arg'] as Node);
  return open?.tag === 'A_Const' && 'ival' in open.body;
}

/** Type of a plain column of one item of FROM at this level; null when it is not known. */
function columnType(scope: Scope, node: Node | undefined): number | null {
  const parts = stringList(bodyOf<{ fields?: Node[] }>(node, 'ColumnRef')?.fields);
  const name = parts.at(-1);
  if (name === undefined) return null;
  const found = scope.sources
    .filter((source) =>
      parts.length > 1 ? source.relationVisible && source.name === parts.at(-2) : source.columnsVisible,
    )
    .flatMap((source) => source.columns.filter((column) => column.name === name));
  const [column] = found;
  return found.length === 1 && column?.value.direct === true ? column.value.typeOid : null;
}

/** `x * x`; calls such as `length(x)` are judged in predicates.ts. */
function isSquare(node: Node | undefined, isSame: (a: Node | undefined, b: Node | undefined) => boolean): boolean {
  const open = openNode(node);
  if (open?.tag !== 'A_Expr') return false;
  const [left, right] = [open.body['lexpr'] as Node | undefined, open.body['rexpr'] as Node | undefined];
  const operator = stringList(open.body['name'] as Node[] | undefined).join('.');
  return operator === '*' && left !== undefined && columnRef(left) && isSame(left, right);
}

const columnRef = (node: Node): boolean => openNode(node)?.tag === 'ColumnRef';
