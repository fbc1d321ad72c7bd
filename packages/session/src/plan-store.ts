import { loadPlan, type PlanEvaluator } from '@weir/policy';

/** Evaluators by the text of their plan: channels of one session, and sessions of one person, share what they may share. */
export interface PlanStore {
  /** @throws WeirError when the plan is not understood. */
  load(plan: unknown): PlanEvaluator;
}

const maxPlans = 64;

/** Creates an empty store; the plan that was not asked for the longest time goes first. */
export function createPlanStore(): PlanStore {
  const byText = new Map<string, PlanEvaluator>();
  return {
    load(plan) {
      const text = JSON.stringify(plan) ?? '';
      const evaluator = byText.get(text) ?? loadPlan(plan);
      byText.delete(text);
      byText.set(text, evaluator);
      const oldest = byText.keys().next();
      if (byText.size > maxPlans && !oldest.done) byText.delete(oldest.value);
      return evaluator;
    },
  };
}
