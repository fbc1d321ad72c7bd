import type { ConditionContext, ConditionResult } from '../condition.ts';
import { createGlobs } from '../glob.ts';
import type { AccessRule } from '../plan.ts';
import { type SshFacts, type SshKind, sshKinds } from '../ssh-statement.ts';
import type { SqlFacts, StatementKind } from '../statement.ts';
import type { TraceStep } from '../verdict.ts';
import { createWindowTest, describeWindow, type WindowTest } from './window.ts';
import { commandName, sshName } from './wording.ts';

/** What access rules look at: the same of SQL and SSH. */
export type AccessFacts = Pick<SqlFacts | SshFacts, 'kind' | 'kinds' | 'command' | 'opaque'>;
type Kind = StatementKind | SshKind;

/** An access rule ready for use. */
export interface AccessTest {
  readonly rule: AccessRule;
  readonly kinds: ReadonlySet<Kind> | null;
  readonly isSettingAllowed: (name: string) => boolean;
  readonly isVariableAllowed: (name: string) => boolean;
  readonly window: WindowTest | null;
  /** Its condition; `undecidable` says why it cannot be asked for this statement. */
  readonly when: ((context: ConditionContext, facts: AccessFacts) => ConditionResult) | null;
}

/** What the access rules allow of one statement. They add up: each kind may be allowed by another rule. */
export interface AccessDecision {
  /** The rule that allows the statement's own kind; null = something in it is not allowed. */
  readonly rule: string | null;
  /** Why not; empty when allowed. */
  readonly why: string;
  readonly isOpaqueAllowed: boolean;
  /** The widest bound among the rules that apply; null = none. */
  readonly maxRows: number | null;
  readonly isSettingAllowed: (name: string) => boolean;
  /** May the client set this variable at the target (SSH)? */
  readonly isVariableAllowed: (name: string) => boolean;
}

/** Prepares an access rule. `when` is its compiled condition. */
export function createAccessTest(rule: AccessRule, when: AccessTest['when']): AccessTest {
  const kinds = rule.kinds === null ? null : new Set(rule.kinds);
  const window = rule.window === null ? null : createWindowTest(rule.window);
  return {
    ...{ rule, kinds, window, when },
    isSettingAllowed: createGlobs(rule.allowSettings, { ignoreCase: true }),
    isVariableAllowed: createGlobs(rule.ssh?.env ?? [], { ignoreCase: false }),
  };
}

/** Decides what the access rules say, adding one step per rule to the trace. */
export function decideAccess(
  tests: readonly AccessTest[],
  facts: AccessFacts,
  now: Date,
  context: () => ConditionContext,
  trace: TraceStep[],
): AccessDecision {
  const named: readonly Kind[] = facts.kinds;
  const kinds = named.includes(facts.kind) ? named : [facts.kind, ...named];
  const held = tests.filter((test) => isHeld(test, kinds, facts, now, context, trace));
  const missing = kinds.find((kind) => !held.some((test) => allows(test, kind)));
  if (missing !== undefined) {
    const why = `${subjectOf(facts)} is not allowed here: no access rule that applies now allows ${kindText(missing)}`;
    const none = { isSettingAllowed: () => false, isVariableAllowed: () => false };
    return { rule: null, why, isOpaqueAllowed: false, maxRows: null, ...none };
  }
  const bounds = held.map((test) => test.rule.maxRows);
  return {
    rule: held.find((test) => allows(test, facts.kind))?.rule.rule ?? null,
    why: '',
    isOpaqueAllowed: held.some((test) => test.rule.opaque === 'allow' && kinds.every((kind) => allows(test, kind))),
    maxRows: bounds.includes(null) ? null : Math.max(...bounds.map((bound) => bound ?? 0)),
    isSettingAllowed: (name) => held.some((test) => test.isSettingAllowed(name)),
    isVariableAllowed: (name) => held.some((test) => test.isVariableAllowed(name)),
  };
}

/** What two decisions allow together; `person` names whose the second one is. */
export function bothAllow(own: AccessDecision, behind: AccessDecision, person: string): AccessDecision {
  if (own.rule === null) return own;
  if (behind.rule === null) return { ...behind, why: `${behind.why} for ${person}, and both need the access` };
  const bounds = [own.maxRows, behind.maxRows].filter((bound) => bound !== null);
  return {
    rule: own.rule,
    why: '',
    isOpaqueAllowed: own.isOpaqueAllowed && behind.isOpaqueAllowed,
    maxRows: bounds.length === 0 ? null : Math.min(...bounds),
    isSettingAllowed: (name) => own.isSettingAllowed(name) && behind.isSettingAllowed(name),
    isVariableAllowed: (name) => own.isVariableAllowed(name) && behind.isVariableAllowed(name),
  };
}

function isHeld(
  test: AccessTest,
  kinds: readonly Kind[],
  facts: AccessFacts,
  now: Date,
  context: () => ConditionContext,
  trace: TraceStep[],
): boolean {
  const step = (matched: boolean, why: string): boolean => {
    trace.push({ rule: test.rule.rule, matched, why });
    return matched;
  };
  if (!kinds.some((kind) => allows(test, kind))) return step(false, `allows no statements of kind ${kinds.join(', ')}`);
  if (test.rule.window !== null && test.window?.(now) !== true)
    return step(false, `access does not apply outside ${describeWindow(test.rule.window)}`);
  if (test.when === null) return step(true, 'access: principal and connection are named');
  const result = test.when(context(), facts);
  if ('error' in result) return step(false, `access does not apply: ${result.error}`);
  return step(result.value, result.value ? 'access: the condition holds' : 'access: the condition does not hold');
}

/** The kind in a sentence: what SSH carries is no statement to a person. */
function kindText(kind: Kind): string {
  return isSshKind(kind) ? `the kind ${kind}` : `statements of kind ${kind}`;
}

const isSshKind = (kind: Kind): kind is SshKind => (sshKinds as readonly Kind[]).includes(kind);

function subjectOf({ kind, command }: AccessFacts): string {
  return isSshKind(kind) ? sshName({ kind, command }) : commandName({ command });
}

function allows(test: AccessTest, kind: Kind): boolean {
  return test.kinds?.has(kind) ?? true;
}
