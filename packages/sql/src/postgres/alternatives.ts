import { bodyOf, constantValue, type Node, openNode, stringList } from './ast.ts';

/** A comparison of an expression with a number: the numbers that pass. */
interface Bound {
  readonly of: Node;
  readonly operator: string;
  readonly value: number;
}

const mirrored: Readonly<Record<string, string>> = { '<': '>', '>': '<', '<=': '>=', '>=': '<=', '=': '=', '<>': '<>' };
const negated: Readonly<Record<string, string>> = { '<': '>=', '>': '<=', '<=': '>', '>=': '<', '=': '<>', '<>': '=' };

function boundOf(node: Node, negate: boolean): Bound | null {
  const open = openNode(node);
  if (open?.tag !== 'A_Expr' || open.body['kind'] !== 'AEXPR_OP') return null;
  const given = stringList(open.body['name'] as Node[] | undefined).at(-1) ?? '';
  const named = given === '!=' ? '<>' : given;
  const [left, right] = [open.body['lexpr'] as Node | undefined, open.body['rexpr'] as Node | undefined];
  if (left === undefined || right === undefined || !(named in mirrored)) return null;
  const isMirrored = bodyOf(left, 'ColumnRef') === null;
  const [of, other] = isMirrored ? [right, left] : [left, right];
  const operator = isMirrored ? mirrored[named] : named;
  const text = constantValue(other)?.text ?? '';
  const value = Number(text);
  if (bodyOf(of, 'ColumnRef') === null || operator === undefined || text.trim() === '' || Number.isNaN(value))
    return null;
  return { of, operator: negate ? (negated[operator] ?? '') : operator, value };
}

/**
 * Whether every number meets one of the alternatives: `id > 5 OR id < 10`, `id <> 1 OR id <> 2`; with `negate` of NOT (a AND b). `same` tells
 * whether two expressions are equal.
 */
export function coverAllNumbers(args: readonly Node[], negate: boolean, same: (a: Node, b: Node) => boolean): boolean {
  const bounds = args.map((arg) => boundOf(arg, negate)).filter((bound) => bound !== null);
  return bounds.some((a, at) => bounds.slice(at + 1).some((b) => same(a.of, b.of) && (covers(a, b) || covers(b, a))));
}

function covers(a: Bound, b: Bound): boolean {
  if (a.operator === '<>') return admits(b, a.value);
  const isUpward = a.operator === '>' || a.operator === '>=';
  const isDownward = b.operator === '<' || b.operator === '<=';
  if (!isUpward || !isDownward) return false;
  return a.value < b.value || (a.value === b.value && (a.operator === '>=' || b.operator === '<='));
}

function admits({ operator, value }: Bound, number: number): boolean {
  switch (operator) {
    case '<>':
      return number !== value;
    case '=':
      return number === value;
    case '<':
      return number < value;
    case '<=':
      return number <= value;
    case '>':
      return number > value;
    default:
      return number >= value;
  }
}
