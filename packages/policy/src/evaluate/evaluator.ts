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
import type { OutputStreamKind } from '../schema/ssh.ts';
import type { SshStatement } from '../ssh-statement.ts';
import type { ColumnRef, OutputColumn, SqlFacts, Statement } from '../statement.ts';
import {
  type ContentType,
  contentTypes,
  type DenyVerdict,
  type MaskSpec,
  type TraceStep,
  type Verdict,
} from '../verdict.ts';
import {
  type AccessDecision,
  type AccessFacts,
  type AccessTest,
  bothAllow,
  createAccessTest,
  decideAccess,
} from './access.ts';
import { type Budgets, createBudgets } from './budget.ts';
import { decideBuiltIns } from './built-in.ts';
import { createColumnProtection, type RuledStance } from './columns.ts';
import { createGuardrailTest, findHits, type GuardrailTest, verdictOf } from './guardrail.ts';
import { isReleased } from './influence.ts';
import { sshVariables } from './ssh/ssh-condition.ts';
import { createSshGuardrailTest, decideSsh, type SshGuardrailTest } from './ssh/ssh-evaluate.ts';
import { createWindowTest } from './window.ts';

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
  /** The same for what SSH carries, by the same rules of precedence. A plan for another protocol denies it. */
  evaluateSsh(statement: SshStatement, circumstances: Pick<EvaluationContext, 'now' | 'interactive'>): Verdict;
  /** What the plan says of SSH besides verdicts. */
  readonly ssh: SshStreams;
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

/** What happens to the streams of SSH. */
export interface SshStreams {
  /** Content types that are masked in what a terminal shows, and in what a command without one prints. */
  masksOf(stream: OutputStreamKind): readonly ContentType[];
  /** Can any rule be about paths of files? Otherwise nobody needs to know where they really lead. */
  readonly isAboutPaths: boolean;
  /** Is what people type kept? True when any access rule of the plan says so. */
  readonly isInputRecorded: boolean;
  /** Can any rule be about typed lines? Otherwise they need not be judged. */
  readonly isInputJudged: boolean;
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
  const whenOf = (when: string | null) =>
    guardrailCondition(when === null ? undefined : conditions.get(when), behind?.context);
  const guardrails = plan.guardrails.map((rule) => createGuardrailTest(rule, whenOf(rule.when)));
  const sshGuardrails = (plan.ssh?.guardrails ?? []).map((rule) =>
    createSshGuardrailTest(rule, {
      window: rule.window === null ? null : createWindowTest(rule.window),
      when: whenOf(rule.when),
    }),
  );
  const readsVariable = (name: string): boolean => [...conditions.values()].some(({ reads }) => reads.has(name));
  const isStepUpOffered = plan.principal.kind === 'person' && readsVariable('mfa');
  const parts: Parts = {
    ...{ plan, principal: principalContext(plan.principal), access: plan.access.map(testOf), behind },
    ...{ guardrails, sshGuardrails, budgets, protectionOf, isProtected },
  };
  const judged = (decideWith: (instead: Pick<ConditionContext, 'mfa'>) => Verdict): Verdict => {
    const verdict = decideWith({});
    return verdict.action === 'deny' && isStepUpOffered ? withStepUp(parts, verdict, decideWith) : verdict;
  };
  return {
    plan,
    evaluate: (statement, context) => judged((instead) => decide(parts, statement, context, instead)),
    evaluateSsh: (statement, context) => judged((instead) => decideOfSsh(parts, statement, context, instead)),
    ssh: streamsOf(plan, readsVariable('ssh')),
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
  readonly sshGuardrails: readonly SshGuardrailTest[];
  readonly budgets: Budgets;
  readonly protectionOf: ReturnType<typeof createColumnProtection>;
  readonly isProtected: (column: ColumnRef) => boolean;
}

/** Says so when a fresh second factor is all that is missing. */
function withStepUp(
  { plan }: Parts,
  denial: DenyVerdict,
  decideWith: (instead: Pick<ConditionContext, 'mfa'>) => Verdict,
): Verdict {
  if (decideWith({ mfa: { ageSeconds: 0n } }).action === 'deny') return denial;
  const own = [...plan.guardrails, ...(plan.ssh?.guardrails ?? [])].find(({ rule }) => rule === denial.rule)?.hint;
  const stepUp = 'It needs a fresh second factor: weir login --step-up, then open a new session.';
  return { ...denial, hint: own ? `${own} ${stepUp}` : stepUp };
}

/** `instead`: what is taken instead of what is so. */
function decide(
  parts: Parts,
  statement: Statement,
  context: EvaluationContext,
  instead: Pick<ConditionContext, 'mfa'>,
): Verdict {
  const { facts } = statement;
  const trace: TraceStep[] = [];
  if (!parts.plan.allowed) return closed(parts.plan.reason ?? 'No access rule allows this connection.');
  let values: ConditionContext | undefined;
  const conditionContext = (): ConditionContext => {
    values ??= { ...contextOf(parts, statement, context), ...instead };
    return values;
  };
  const access = accessFor(parts, facts, context.now, conditionContext, trace);
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

/** The same of what SSH carries. */
function decideOfSsh(
  parts: Parts,
  statement: SshStatement,
  { now, interactive }: Pick<EvaluationContext, 'now' | 'interactive'>,
  instead: Pick<ConditionContext, 'mfa'>,
): Verdict {
  const { plan, principal } = parts;
  if (!plan.allowed) return closed(plan.reason ?? 'No access rule allows this connection.');
  if (plan.ssh === undefined) return closed('The policy of this session is not for SSH.');
  const trace: TraceStep[] = [];
  const around = { ...principal, connection: plan.connection, session: { interactive }, now };
  const known = { ...around, ...(plan.session === null ? {} : sessionContext(plan.session, now)), ...instead };
  const contextFor = (asks: 'access' | 'guardrail') => () => ({ ...known, ...sshVariables(statement, asks) });
  const access = accessFor(parts, statement.facts, now, contextFor('access'), trace);
  return decideSsh(statement, access, parts.sshGuardrails, now, contextFor('guardrail'), trace);
}

/** A principal that acts for a person may do what both may do. */
function accessFor(
  { access, behind }: Parts,
  facts: AccessFacts,
  now: Date,
  context: () => ConditionContext,
  trace: TraceStep[],
): AccessDecision {
  const own = decideAccess(access, facts, now, context, trace);
  if (behind === undefined) return own;
  const steps: TraceStep[] = [];
  const ofPerson = decideAccess(behind.access, facts, now, () => ({ ...context(), ...behind.context }), steps);
  trace.push(...steps.map((step) => ({ ...step, why: `for ${behind.name}: ${step.why}` })));
  return bothAllow(own, ofPerson, behind.name);
}

/** Nothing is allowed here. */
function closed(reason: string): DenyVerdict {
  const trace = [{ rule: builtInRules.noAccess, matched: true, why: reason }];
  const hint = 'Ask an administrator of the policy for access.';
  return { action: 'deny', rule: builtInRules.noAccess, reason, hint, trace };
}

function streamsOf({ ssh, access, accessBehind = [] }: Plan, readsSsh: boolean): SshStreams {
  const detected = (stream: OutputStreamKind) => {
    const rules = (ssh?.masks ?? []).filter(({ output }) => output.includes(stream));
    return contentTypes.filter((type) => rules.some(({ detect }) => detect.includes(type)));
  };
  const masks = { terminal: detected('terminal'), exec: detected('exec') };
  return {
    masksOf: (stream) => masks[stream],
    isAboutPaths: readsSsh || (ssh?.guardrails ?? []).some(({ match }) => match.paths !== undefined),
    isInputRecorded: [...access, ...accessBehind].some((rule) => rule.ssh?.recordInput === true),
    isInputJudged: (ssh?.guardrails ?? []).some(({ kinds }) => kinds?.includes('input') === true),
  };
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
