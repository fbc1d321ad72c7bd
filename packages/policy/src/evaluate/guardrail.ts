import type { ConditionContext, ConditionResult } from '../condition.ts';
import type { GuardrailRule } from '../plan.ts';
import { builtInRules } from '../schema/document.ts';
import type { ApprovalVerdict, DenyVerdict, RowBound, RowBounds, TraceStep } from '../verdict.ts';
import { changesRows, uncountable } from './countable.ts';
import { createMatch, type MatchInput, type Test } from './rule-match.ts';
import { createWindowTest, type WindowTest } from './window.ts';
import { reasonOf, sentence } from './wording.ts';

/** A guardrail ready for use. */
export interface GuardrailTest {
  readonly rule: GuardrailRule;
  readonly match: Test;
  readonly window: WindowTest | null;
  readonly when: ((context: ConditionContext) => ConditionResult) | null;
}

/** What every guardrail says, whatever it is about. */
export type RestrictingRule = Pick<GuardrailRule, 'rule' | 'approval' | 'reason' | 'hint' | 'mode'>;

/** A guardrail that applies. `isCertain` false: taken to match because something could not be decided. */
export interface Hit<Rule extends RestrictingRule = RestrictingRule> {
  readonly rule: Rule;
  readonly why: string;
  readonly isCertain: boolean;
}

/** Prepares a guardrail. `when` is its compiled condition. */
export function createGuardrailTest(rule: GuardrailRule, when: GuardrailTest['when']): GuardrailTest {
  const window = rule.window === null ? null : createWindowTest(rule.window);
  return { rule, match: createMatch(rule.match), window, when };
}

/** The enforced guardrails that apply, in order of their names; adds one step per rule to the trace. */
export function findHits(
  tests: readonly GuardrailTest[],
  input: MatchInput & { readonly now: Date },
  context: () => ConditionContext,
  trace: TraceStep[],
): { readonly hits: readonly Hit[]; readonly bounds: RowBounds | undefined } {
  const hits: Hit[] = [];
  const bounding: Hit<GuardrailRule>[] = [];
  for (const test of tests) {
    const hit = findHit(test, input, context);
    const isObserved = test.rule.mode === 'observe';
    const prefix = isObserved && hit !== null ? 'observe only: ' : '';
    trace.push({
      rule: test.rule.rule,
      matched: hit !== null,
      why: prefix + (hit?.why ?? 'its conditions are not met'),
    });
    if (hit === null) continue;
    if (hit.rule.rows === null) {
      if (!isObserved) hits.push(hit);
      continue;
    }
    bounding.push(hit);
    const unbounded = uncountedChange(hit.rule, input);
    if (unbounded === null) continue;
    trace.push({ rule: test.rule.rule, matched: true, why: prefix + unbounded });
    if (!isObserved) hits.push({ rule: test.rule, why: unbounded, isCertain: true });
  }
  return { hits, bounds: bounding.length === 0 ? undefined : boundsOf(bounding) };
}

/** A bound on changed rows cannot be held where nobody counts them. */
function uncountedChange({ rows }: GuardrailRule, { facts, statementCount }: MatchInput): string | null {
  const bound = rows?.affected;
  if (bound === undefined || !changesRows(facts)) return null;
  const why = uncountable(facts, statementCount);
  return why === null ? null : `${why}, and no more than ${bound.over} may change`;
}

function boundsOf(hits: readonly Hit<GuardrailRule>[]): RowBounds {
  const smallest = (what: 'affected' | 'returned', mode: 'enforce' | 'observe'): RowBound | null => {
    let bound: RowBound | null = null;
    for (const { rule } of hits) {
      const over = rule.mode === mode ? rule.rows?.[what]?.over : undefined;
      if (over !== undefined && (bound === null || over < bound.over)) bound = { over, rule: rule.rule };
    }
    return bound;
  };
  return {
    affected: smallest('affected', 'enforce'),
    returned: smallest('returned', 'enforce'),
    observed: { affected: smallest('affected', 'observe'), returned: smallest('returned', 'observe') },
  };
}

function findHit(
  { rule, match, window, when }: GuardrailTest,
  input: MatchInput & { readonly now: Date },
  context: () => ConditionContext,
): Hit<GuardrailRule> | null {
  if (window !== null && !window(input.now)) return null;
  const [opaque] = input.facts.opaque;
  const matched = match(input);
  if (matched === null && opaque === undefined) return null;
  const why = matched ?? `the statement may do what this rule is about, because ${opaque ?? 'it is not understood'}`;
  return underCondition(rule, when, { why, isCertain: matched !== null }, context);
}

/** A match under the rule's condition: one that cannot be decided counts as met. */
export function underCondition<Rule extends RestrictingRule>(
  rule: Rule,
  when: GuardrailTest['when'],
  { why, isCertain }: Pick<Hit, 'why' | 'isCertain'>,
  context: () => ConditionContext,
): Hit<Rule> | null {
  if (when === null) return { rule, why, isCertain };
  const result = when(context());
  if ('error' in result) {
    return { rule, why: `${why} (its condition could not be decided: ${result.error})`, isCertain: false };
  }
  return result.value ? { rule, why, isCertain } : null;
}

/** The verdict of the guardrails that apply, without trace: deny beats approval, a certain hit is named before an uncertain one. null = none. */
export function verdictOf(
  hits: readonly Hit[],
  maxRows: number | null,
  usualHint = 'Change the statement, or ask an administrator of the policy.',
): Omit<DenyVerdict, 'trace'> | Omit<ApprovalVerdict, 'trace'> | null {
  const denials = hits.filter((hit) => hit.rule.approval === null);
  const denial = denials.find((hit) => hit.isCertain) ?? denials[0];
  if (denial !== undefined) {
    return {
      action: 'deny',
      rule: denial.rule.rule,
      reason: reasonOf(denial.why, denial.rule.reason),
      hint: denial.rule.hint ?? usualHint,
    };
  }
  return approvalOf(hits, maxRows);
}

/**
 * Several approval rules: groups that all of them accept must decide, as many people as the strictest asks for, within the shortest time, in the strictest mode.
 * A rule that wants all of its groups goes together with rules of the same groups alone.
 */
function approvalOf(
  hits: readonly Hit[],
  maxRows: number | null,
): Omit<DenyVerdict, 'trace'> | Omit<ApprovalVerdict, 'trace'> | null {
  const asked = hits.flatMap((hit) => (hit.rule.approval === null ? [] : [hit.rule.approval]));
  const first = hits.find((hit) => hit.isCertain) ?? hits[0];
  const [firstAsked] = asked;
  if (first === undefined || firstAsked === undefined) return null;
  const approvers = firstAsked.approvers.filter((group) => asked.every((other) => other.approvers.includes(group)));
  const wantsAll = asked.some((approval) => approval.require === 'all-of');
  if (approvers.length === 0 || (wantsAll && asked.some((other) => other.approvers.length !== approvers.length))) {
    const rules = hits.map((hit) => hit.rule.rule).join(', ');
    return {
      action: 'deny',
      rule: builtInRules.approvers,
      reason: sentence(`the rules ${rules} need approval by different groups, and no group may decide for all of them`),
      hint: 'Ask an administrator to name one group of approvers in all of these rules.',
    };
  }
  const modes = asked.map((approval) => approval.mode);
  return {
    action: 'require-approval',
    rule: first.rule.rule,
    reason: reasonOf(first.why, first.rule.reason),
    mode: modes.includes('retry') ? 'retry' : modes.includes('auto') ? 'auto' : 'wait',
    approvers,
    require: wantsAll ? 'all-of' : 'one-of',
    people: Math.max(...asked.map((approval) => approval.people)),
    timeoutMs: Math.min(...asked.map((approval) => approval.timeoutMs)),
    maxRows,
  };
}
