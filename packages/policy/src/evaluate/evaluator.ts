import { sessionContext } from '../access-request.ts';
import {
  type Condition,
  type ConditionContext,
  type ConditionResult,
  type ConditionStatement,
  principalContext,
} from '../condition.ts';
import type { AccessRule, Plan } from '../plan.ts';
import { personBehind } from '../principal.ts';
import { builtInRules } from '../schema/document.ts';
import type { ColumnRef, OutputColumn, SqlFacts, Statement } from '../statement.ts';
import type { ContentType, DenyVerdict, MaskSpec, TraceStep, Verdict } from '../verdict.ts';
import { type AccessDecision, type AccessTest, bothAllow, createAccessTest, decideAccess } from './access.ts';
import { type Budgets, createBudgets } from './budget.ts';
import { decideBuiltIns } from './built-in.ts';
import { createColumnProtection, type RuledStance } from './columns.ts';
import { createGuardrailTest, findHits, type GuardrailTest, verdictOf } from './guardrail.ts';
import { isReleased } from './influence.ts';

/** What a verdict depends on beside the statement. */
export interface EvaluationContext {
  readonly now: Date;
  /** Does a person wait at the other end? */
  readonly interactive: boolean;
  /** Statements in the same simple Query (1 for the extended protocol). Absent = not known, which rules on `multiStatement` take for several. */
  readonly statementCount?: number;
}

/** A plan that is ready to decide. Everything but `evaluate` can be asked at any time; nothing here keeps state but memos. */
export interface PlanEvaluator {
  readonly plan: Plan;
  /** Decides on one statement. Never throws. The trace has a step for every rule of the plan and every built-in one. */
  evaluate(statement: Statement, context: EvaluationContext): Verdict;
  /** How the column's value leaves; null = as it is. */
  maskOf(column: ColumnRef): MaskSpec | null;
  /** Content types that detectors must look for in the column's value. */
  detectOf(column: ColumnRef): readonly ContentType[];
  /** Is this output an aggregate that may leave in clear, because its groups are large enough? */
  isReleased(output: OutputColumn): boolean;
  /** What to do about a statement that would store a mask of the column in it. */
  writeBackOf(column: ColumnRef): RuledStance;
  /** Is there a mask on the column? */
  isProtected(column: ColumnRef): boolean;
  /** Is there any masking rule? */
  readonly hasMasks: boolean;
  /** Is there any guardrail? */
  readonly hasRules: boolean;
  /** What the budgets say about a statement. */
  readonly budgets: Budgets;
  /** Functions (`schema.function`) that are trusted without a look into them; the same array each time, undefined = none. The analysis needs them. */
  readonly trustedFunctions: readonly string[] | undefined;
  /** What verdicts read beside the statement: a cache must key by these, and must not keep verdicts at all when `now` is true. */
  readonly reads: { readonly now: boolean; readonly interactive: boolean; readonly statementCount: boolean };
}

/** Makes an evaluator. `conditions` holds the compiled condition for every condition text of the plan. */
export function createPlanEvaluator(plan: Plan, conditions: ReadonlyMap<string, Condition>): PlanEvaluator {
  const budgets = createBudgets(plan.budgets);
  const trusted = trustedBy(plan);
  const protectionOf = createColumnProtection(plan.masks);
  const isProtected = (column: ColumnRef): boolean => protectionOf(column).mask !== null;
  const testOf = (rule: AccessRule) => createAccessTest(rule, accessCondition(rule.when, conditions));
  const person = personBehind(plan.principal);
  const behind = person && {
    name: person.name,
    access: (plan.accessBehind ?? []).map(testOf),
    context: principalContext(person),
  };
  const guardrails = plan.guardrails.map((rule) =>
    createGuardrailTest(
      rule,
      guardrailCondition(rule.when === null ? undefined : conditions.get(rule.when), behind?.context),
    ),
  );
  const readsVariable = (name: string): boolean => [...conditions.values()].some(({ reads }) => reads.has(name));
  const isStepUpOffered = plan.principal.kind === 'person' && readsVariable('mfa');
  const parts: Parts = {
    ...{ plan, principal: principalContext(plan.principal), access: plan.access.map(testOf), behind },
    ...{ guardrails, budgets, protectionOf, isProtected },
  };
  return {
    plan,
    evaluate: (statement, context) => {
      const verdict = decide(parts, statement, context);
      return verdict.action === 'deny' && isStepUpOffered ? withStepUp(parts, verdict, statement, context) : verdict;
    },
    maskOf: (column) => protectionOf(column).mask,
    detectOf: (column) => protectionOf(column).detect,
    isReleased: (output) =>
      output.aggregate !== undefined &&
      output.origins.every((origin) => isReleased(output, protectionOf(origin).minGroupSize)),
    writeBackOf: (column) => protectionOf(column).writeBack,
    isProtected,
    hasMasks: plan.masks.length > 0,
    hasRules: plan.guardrails.length > 0,
    budgets,
    trustedFunctions: trusted.length === 0 ? undefined : trusted,
    reads: {
      now:
        readsVariable('now') ||
        readsVariable('mfa') ||
        [...plan.access, ...(plan.accessBehind ?? []), ...plan.guardrails].some(({ window }) => window !== null),
      interactive: readsVariable('session'),
      statementCount: plan.guardrails.some(
        ({ match, rows }) => match.multiStatement === true || rows?.affected !== undefined,
      ),
    },
  };
}

/** What conditions read of who asks: the same for all statements of a plan. */
type PrincipalContext = ReturnType<typeof principalContext>;

/** The person for whom the principal acts. */
interface Behind {
  readonly name: string;
  readonly access: readonly AccessTest[];
  readonly context: PrincipalContext;
}

interface Parts {
  readonly plan: Plan;
  readonly principal: PrincipalContext;
  readonly access: readonly AccessTest[];
  readonly behind: Behind | undefined;
  readonly guardrails: readonly GuardrailTest[];
  readonly budgets: Budgets;
  readonly protectionOf: ReturnType<typeof createColumnProtection>;
  readonly isProtected: (column: ColumnRef) => boolean;
}

/** Says so when a fresh second factor is all that is missing. */
function withStepUp(parts: Parts, denial: DenyVerdict, statement: Statement, context: EvaluationContext): Verdict {
  if (decide(parts, statement, context, { mfa: { ageSeconds: 0n } }).action === 'deny') return denial;
  const own = parts.plan.guardrails.find(({ rule }) => rule === denial.rule)?.hint;
  const stepUp = 'It needs a fresh second factor: weir login --step-up, then open a new session.';
  return { ...denial, hint: own ? `${own} ${stepUp}` : stepUp };
}

/** `instead`: what is taken instead of what is so. */
function decide(
  parts: Parts,
  statement: Statement,
  context: EvaluationContext,
  instead: Pick<ConditionContext, 'mfa'> = {},
): Verdict {
  const { plan } = parts;
  const { facts } = statement;
  const trace: TraceStep[] = [];
  if (!plan.allowed) {
    const reason = plan.reason ?? 'No access rule allows this connection.';
    const hint = 'Ask an administrator of the policy for access.';
    trace.push({ rule: builtInRules.noAccess, matched: true, why: reason });
    return { action: 'deny', rule: builtInRules.noAccess, reason, hint, trace };
  }
  let values: ConditionContext | undefined;
  const conditionContext = (): ConditionContext => {
    values ??= { ...contextOf(parts, statement, context), ...instead };
    return values;
  };
  const own = decideAccess(parts.access, facts, context.now, conditionContext, trace);
  const decideFor = ({ name, access: tests, context: of }: Behind): AccessDecision => {
    const steps: TraceStep[] = [];
    const decision = decideAccess(tests, facts, context.now, () => ({ ...conditionContext(), ...of }), steps);
    trace.push(...steps.map((step) => ({ ...step, why: `for ${name}: ${step.why}` })));
    return decision;
  };
  // A principal that acts for a person may do what both may do.
  const access = parts.behind === undefined ? own : bothAllow(own, decideFor(parts.behind), parts.behind.name);
  const builtIn = decideBuiltIns(facts, access, parts.protectionOf, trace);
  const input = {
    facts,
    role: statement.role,
    isProtected: parts.isProtected,
    statementCount: context.statementCount,
    now: context.now,
  };
  const { hits, bounds } = findHits(parts.guardrails, input, conditionContext, trace);
  const budget = parts.budgets.decide(facts, trace);
  const decision = builtIn ?? budget ?? verdictOf(hits, access.maxRows);
  const bounded = bounds === undefined ? {} : { bounds };
  if (decision !== null)
    return decision.action === 'deny' ? { ...decision, trace } : { ...decision, ...bounded, trace };
  const rule = access.rule ?? builtInRules.noAccess;
  return { action: 'allow', rule, reason: `Allowed by ${rule}.`, maxRows: access.maxRows, ...bounded, trace };
}

/** Where somebody acts for a person, a function is trusted that both may trust. */
function trustedBy({ access, accessBehind }: Plan): string[] {
  const namedBy = (rules: readonly AccessRule[]) => rules.flatMap(({ trustedFunctions }) => trustedFunctions);
  const behind = accessBehind && new Set(namedBy(accessBehind));
  return [...new Set(namedBy(access))].filter((name) => behind?.has(name) ?? true).sort();
}

/** A rule that restricts holds when its condition holds for the principal or for the person behind it. */
function guardrailCondition(
  condition: Condition | undefined,
  behind: PrincipalContext | undefined,
): ((context: ConditionContext) => ConditionResult) | null {
  if (condition === undefined) return null;
  if (behind === undefined || !condition.reads.has('principal')) return condition.evaluate;
  return (context) => {
    const own = condition.evaluate(context);
    return 'error' in own || own.value ? own : condition.evaluate({ ...context, ...behind });
  };
}

/** A condition of an access rule that asks about a statement which is not understood cannot be decided, and therefore does not hold. */
function accessCondition(when: string | null, conditions: ReadonlyMap<string, Condition>): AccessTest['when'] {
  if (when === null) return null;
  const condition = conditions.get(when);
  if (condition === undefined) return () => ({ error: 'the condition is missing' });
  const readsStatement = condition.reads.has('statement');
  return (context, facts): ConditionResult =>
    readsStatement && facts.opaque.length > 0
      ? { error: 'it asks about a statement that is not understood' }
      : condition.evaluate(context);
}

function contextOf({ plan, principal }: Parts, statement: Statement, context: EvaluationContext): ConditionContext {
  return {
    ...principal,
    connection: plan.connection,
    statement: statementOf(statement),
    session: { interactive: context.interactive },
    now: context.now,
    ...(plan.session === null ? {} : sessionContext(plan.session, context.now)),
  };
}

function statementOf({ facts, database, role }: Statement): ConditionStatement {
  const path = ({ schema, table }: { readonly schema: string; readonly table: string }) => `${schema}.${table}`;
  const column = (ref: ColumnRef) => `${path(ref)}.${ref.column}`;
  const isWritten = ({ effects }: SqlFacts['tables'][number]) =>
    effects.some((effect) => effect !== 'read' && effect !== 'lock');
  return {
    kind: facts.kind,
    command: facts.command,
    kinds: facts.kinds,
    tables: facts.tables.map(path),
    writes: facts.tables.filter(isWritten).map(path),
    functions: facts.functions.map(({ schema, name }) => `${schema}.${name}`),
    outputs: (facts.outputs ?? []).flatMap(({ origins }) => origins.map(column)),
    influence: facts.influence.map(column),
    settings: facts.settings.map(({ name }) => name),
    database,
    role,
  };
}
