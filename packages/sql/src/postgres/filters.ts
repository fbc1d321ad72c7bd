import type { WhereState } from '@weir/policy';
import { coverAllNumbers } from './alternatives.ts';
import { type Node, openNode } from './ast.ts';
import type { Context } from './context.ts';
import { expressionValue } from './expressions.ts';
import { areComplements, leafTruth, same } from './predicates.ts';
import type { Scope } from './scope.ts';

/** What is known of a predicate for every row: always true, never true (false or NULL), the same for all rows whichever, or it depends on the row. */
export type Truth = 'always' | 'never' | 'fixed' | 'depends';

/**
 * State of a WHERE clause. `hits` counts the lookups of columns that make a predicate a filter (those of the target of a write, those of any
 * source of a SELECT): a predicate that looks up none lets all rows through or none, so it does not count as a filter. Notes the influence.
 */
export function filterState(context: Context, scope: Scope, where: Node | undefined, hits: () => number): WhereState {
  if (where === undefined) return 'none';
  const truth = truthOf(context, scope, where, hits);
  return truth === 'always' || truth === 'fixed' ? 'always-true' : 'effective';
}

function truthOf(context: Context, scope: Scope, node: Node, hits: () => number): Truth {
  const open = openNode(node);
  if (open?.tag === 'CurrentOfExpr') return 'depends';
  if (open?.tag === 'BoolExpr') {
    const args = (open.body['args'] as Node[] | undefined) ?? [];
    const truths = args.map((arg) => truthOf(context, scope, arg, hits));
    return combineTruths(scope, String(open.body['boolop']), truths, args);
  }
  if (open?.tag === 'BooleanTest') return booleanTest(context, scope, open.body, hits);
  const before = hits();
  context.findings.addInfluence(expressionValue(context, scope, node), 'filter');
  const refersToRow = hits() > before;
  const known = leafTruth(scope, node);
  if (known !== null) return known;
  return refersToRow ? 'depends' : 'fixed';
}

function combineTruths(scope: Scope, operator: string, truths: readonly Truth[], args: readonly Node[]): Truth {
  switch (operator) {
    case 'NOT_EXPR':
      return isNegatedCover(scope, args[0]) ? 'always' : opposite(truths[0] ?? 'depends');
    case 'AND_EXPR':
      if (truths.includes('never')) return 'never';
      if (truths.includes('depends')) return 'depends';
      return truths.includes('fixed') ? 'fixed' : 'always';
    default:
      if (truths.includes('always') || areComplements(scope, args)) return 'always';
      if (coverAllNumbers(args, false, (a, b) => same(scope, a, b))) return 'always';
      if (truths.includes('fixed')) return 'fixed';
      return truths.includes('depends') ? 'depends' : 'never';
  }
}

function opposite(truth: Truth): Truth {
  return truth === 'always' ? 'never' : truth === 'never' ? 'always' : truth;
}

/** `NOT (id > 5 AND id <= 5)`. */
function isNegatedCover(scope: Scope, node: Node | undefined): boolean {
  const open = openNode(node);
  if (open?.tag !== 'BoolExpr' || open.body['boolop'] !== 'AND_EXPR') return false;
  return coverAllNumbers((open.body['args'] as Node[] | undefined) ?? [], true, (a, b) => same(scope, a, b));
}

/** `p IS TRUE`, `p IS NOT FALSE`, `p IS NOT UNKNOWN`… */
function booleanTest(context: Context, scope: Scope, body: Record<string, unknown>, hits: () => number): Truth {
  const inner = truthOf(context, scope, body['arg'] as Node, hits);
  switch (body['booltesttype']) {
    case 'IS_TRUE':
    case 'IS_NOT_FALSE':
      return inner;
    case 'IS_FALSE':
    case 'IS_NOT_TRUE':
      return opposite(inner);
    case 'IS_UNKNOWN':
      return inner === 'depends' || inner === 'fixed' ? inner : 'never';
    default:
      return 'always';
  }
}
