import { WeirError } from '@weir/errors';
import { planVersion } from './compile.ts';
import { type Condition, isConditionProblem, tryCondition } from './condition.ts';
import { createPlanEvaluator, type PlanEvaluator } from './evaluate/evaluator.ts';
import { planSchema } from './plan.ts';

/**
 * Reads a plan that came from elsewhere and makes it ready to evaluate. @throws WeirError `policy_invalid` when any part of it is not understood
 * (another format, an unknown key, transform or capability, a condition that does not compile) or was changed on its way.
 */
export function loadPlan(json: unknown): PlanEvaluator {
  const parsed = planSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw refuse(`${issue?.path.join('.') || 'plan'}: ${issue?.message ?? 'not understood'}`, parsed.error);
  }
  const plan = parsed.data;
  if (planVersion(plan) !== plan.version) throw refuse('its contents do not have the fingerprint that it names');
  const conditions = new Map<string, Condition>();
  const rules = [...plan.access, ...(plan.accessBehind ?? []), ...plan.guardrails, ...(plan.ssh?.guardrails ?? [])];
  for (const { rule, when } of rules) {
    if (when === null) continue;
    const condition = tryCondition(when, 'rule');
    if (isConditionProblem(condition)) throw refuse(`the condition of rule ${rule}: ${condition.message}`);
    conditions.set(when, condition);
  }
  return createPlanEvaluator(plan, conditions);
}

function refuse(detail: string, cause?: unknown): WeirError {
  return new WeirError('policy_invalid', `The plan is not understood and therefore refused: ${detail}`, {
    why: 'A rule that is passed over could let something through.',
    fix: 'Run gateway and agent in versions that fit each other.',
    ...(cause === undefined ? {} : { cause }),
  });
}
