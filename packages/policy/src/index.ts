export {
  breakGlassRules,
  type GrantFacts,
  grantsInForce,
  isApprovedAtOnce,
  isAskable,
  longestOf,
  opensBy,
  type RequestCircumstances,
  requestRules,
  rulesThatOpen,
} from './access-request.ts';
export * from './approval-rule.ts';
export { budgetWindowAt } from './budget-window.ts';
export { type CaseResult, evaluateCase, type PolicyCase, parseCases, planOfCase } from './case.ts';
export { compilePlan, type SessionFacts } from './compile.ts';
export { destinationName, normaliseHost } from './destination.ts';
export { nearestWord } from './did-you-mean.ts';
export { maxDurationMs, tryDuration } from './duration.ts';
export type { Budgets } from './evaluate/budget.ts';
export type {
  EvaluationContext,
  PlanEvaluator,
  SshStreams,
} from './evaluate/evaluator.ts';
export { guardedSettings } from './evaluate/setting.ts';
export { type Finding, type FindingCode, formatFinding } from './finding.ts';
export { lintPolicies, lintPolicySources } from './lint.ts';
export { loadPlan } from './load.ts';
export { type PolicySource, parsePolicies, parsePolicySources } from './parse.ts';
export { type BudgetRule, type Plan, type PlanCapability, planCapabilities, planFormat, planSchema } from './plan.ts';
export * from './principal.ts';
export type { BudgetWindow } from './schema/budget.ts';
export {
  type AccessRequestDocument,
  builtInRules,
  type DocumentKind,
  documentKinds,
  type PolicyDocument,
  policyApiVersion,
  type WorkloadTrustDocument,
} from './schema/document.ts';
export type { OutputStreamKind } from './schema/ssh.ts';
export { workloadTrustSchema } from './schema/workload-trust.ts';
export { isNameAmong } from './scope.ts';
export type { SshCase } from './ssh-case.ts';
export * from './ssh-statement.ts';
export * from './statement.ts';
export * from './verdict.ts';
export { decideTrust, type TrustDecision, type TrustMiss, trustRules, type WorkloadClaims } from './workload/trust.ts';
