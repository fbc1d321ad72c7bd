import type { PlacedConstant } from '@weir/policy';
import { constantValue, type Node } from './ast.ts';

/** A constant or a parameter on its way through a statement. An integer is not read before it has to be: see free-integers.ts. */
export type Literal =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'parameter'; readonly number: number }
  | { readonly kind: 'integer'; readonly location: number; readonly read: () => string };

/** A longer text is no mask. */
const maxLength = 512;
const none: readonly Literal[] = [];

/** The literals of an A_Const. */
export function constantLiterals(body: Record<string, unknown>): readonly Literal[] {
  const read = () => constantValue({ A_Const: body } as unknown as Node)?.text ?? '';
  if ('ival' in body) {
    const { location } = body;
    return [{ kind: 'integer', location: typeof location === 'number' ? location : 0, read }];
  }
  if ('isnull' in body) return none;
  const text = read();
  return text.length > maxLength ? none : [{ kind: 'text', text }];
}

/** The same literal, read now: its position is that of another text. */
export function withoutPlace(literal: Literal): Literal {
  return literal.kind === 'integer' ? { kind: 'text', text: literal.read() } : literal;
}

/** The literal of a ParamRef. */
export function parameterLiteral(number: number): readonly Literal[] {
  return [{ kind: 'parameter', number }];
}

/** `'a' || 'b'` of two constants. */
export function concatenated(left: readonly Literal[], right: readonly Literal[]): readonly Literal[] {
  const [a] = left;
  const [b] = right;
  if (left.length !== 1 || right.length !== 1 || a === undefined || b === undefined) return none;
  if (a.kind === 'parameter' || b.kind === 'parameter') return none;
  const text = textOf(a) + textOf(b);
  return text.length > maxLength ? none : [{ kind: 'text', text }];
}

const textOf = (literal: Exclude<Literal, { kind: 'parameter' }>) =>
  literal.kind === 'text' ? literal.text : literal.read();

/** A literal as facts show it. `digitsAt` gives the index of the run of digits of an integer that nothing has read. */
export function placedConstant(
  literal: Literal,
  digitsAt: (location: number) => number | undefined = () => undefined,
): PlacedConstant {
  if (literal.kind === 'parameter') return { parameter: literal.number };
  if (literal.kind === 'text') return { text: literal.text };
  const digits = digitsAt(literal.location);
  return digits === undefined ? { text: literal.read() } : { digits };
}
