import type { ConditionContext } from '../../condition.ts';
import type { SshGuardrailRule } from '../../plan.ts';
import { builtInRules } from '../../schema/document.ts';
import type { SshStatement } from '../../ssh-statement.ts';
import type { DenyVerdict, TraceStep, Verdict } from '../../verdict.ts';
import type { AccessDecision } from '../access.ts';
import { type Hit, underCondition, verdictOf } from '../guardrail.ts';
import type { WindowTest } from '../window.ts';
import { sentence, sshName } from '../wording.ts';
import { createFileBounds, type FileBounds } from './file-bounds.ts';
import { createSshMatch, lowered, type SshTest } from './ssh-match.ts';

/** A guardrail for SSH, ready for use. */
export interface SshGuardrailTest {
  readonly rule: SshGuardrailRule;
  readonly match: SshTest;
  readonly bounds: FileBounds;
  readonly window: WindowTest | null;
  readonly when: Parameters<typeof underCondition>[1];
}

/** Prepares a guardrail for SSH. */
export function createSshGuardrailTest(
  rule: SshGuardrailRule,
  { window, when }: Pick<SshGuardrailTest, 'window' | 'when'>,
): SshGuardrailTest {
  return { rule, match: createSshMatch(rule), bounds: createFileBounds(rule), window, when };
}

/** Decides by the rules of D9: a denial of a built-in rule or a guardrail before approval, approval before leave. Adds a step per rule to the trace. */
export function decideSsh(
  statement: SshStatement,
  access: AccessDecision,
  tests: readonly SshGuardrailTest[],
  now: Date,
  context: () => ConditionContext,
  trace: TraceStep[],
): Verdict {
  const builtIn = decideSshBuiltIns(statement, access, trace);
  const applying = tests.flatMap((test) => {
    if (test.window?.(now) === false) return skipped(test, trace);
    const found = test.match(statement);
    const bounds = test.bounds(statement);
    const hit = found && underCondition(test.rule, test.when, found, context);
    // Whether the bound is reached is seen later: its condition is decided now.
    const bounding = bounds && underCondition(test.rule, test.when, { why: bounds.why, isCertain: true }, context);
    const isObserved = test.rule.mode === 'observe';
    const why = hit?.why ?? bounding?.why;
    trace.push({
      rule: test.rule.rule,
      matched: why !== undefined,
      why: why === undefined ? 'its conditions are not met' : `${isObserved ? 'observe only: ' : ''}${why}`,
    });
    return isObserved ? [] : [{ hit, bounds: bounding && bounds }];
  });
  const hits = applying.flatMap(({ hit }) => hit ?? []);
  const decision = builtIn ?? verdictOf(hits.filter(isDeciding), null, usualHint);
  if (decision?.action === 'deny') return { ...advised(decision, statement), trace };
  const bounds = applying.flatMap((found) => found.bounds ?? []);
  const sizes = bounds.flatMap(({ fileSize }) => fileSize ?? []).sort((left, right) => left.over - right.over);
  const watchers = hits.flatMap(({ rule: { rule, watcher } }) => (watcher === null ? [] : [{ rule, ...watcher }]));
  const content = [...new Set(bounds.flatMap((bound) => bound.content))];
  const isBound = watchers.length > 0 || sizes.length > 0 || content.length > 0;
  const bound = isBound ? { ssh: { watchers, fileSize: sizes[0] ?? null, content } } : {};
  if (decision !== null) return { ...decision, ...bound, trace };
  const rule = access.rule ?? builtInRules.noAccess;
  return { action: 'allow', rule, reason: `Allowed by ${rule}.`, maxRows: null, ...bound, trace };
}

const usualHint = 'Do it in another way, or ask an administrator of the policy.';

/** A rule that wants a watcher lets things go on. */
const isDeciding = ({ rule }: Hit<SshGuardrailRule>) => rule.watcher === null;

function skipped({ rule }: SshGuardrailTest, trace: TraceStep[]): never[] {
  trace.push({ rule: rule.rule, matched: false, why: 'its time has not come' });
  return [];
}

/** What is typed may become something else than what is seen of it: history, completion, aliases, programs that read the keyboard. */
function advised(denial: Omit<DenyVerdict, 'trace'>, { facts }: SshStatement): Omit<DenyVerdict, 'trace'> {
  if (facts.kind !== 'input') return denial;
  return {
    ...denial,
    hint: `${denial.hint} Rules about what is typed are advisory: they see the line, not what the shell makes of it.`,
  };
}

function decideSshBuiltIns(
  statement: SshStatement,
  access: AccessDecision,
  trace: TraceStep[],
): Omit<DenyVerdict, 'trace'> | null {
  const { facts } = statement;
  const [opaque] = facts.opaque;
  const variable = facts.variables.find((name) => !access.isVariableAllowed(name));
  const checks: readonly (readonly [rule: string, why: string | null, hint: string])[] = [
    [builtInRules.noAccess, access.rule === null ? access.why : null, 'Ask an administrator of the policy for access.'],
    [
      builtInRules.opaque,
      // Whoever has a shell runs what is not understood anyway.
      opaque !== undefined && facts.kind !== 'input' && !access.isOpaqueAllowed
        ? `the effect of ${sshName(facts)} cannot be known before it runs: ${lowered(opaque)}`
        : null,
      'Write the command out, so that its effect can be known before it runs.',
    ],
    [
      builtInRules.variable,
      variable === undefined ? null : `the variable ${variable} may not be set on this connection`,
      'Leave it out (SendEnv and SetEnv of the client), or ask an administrator of the policy to name it in "ssh.env".',
    ],
  ];
  let denial: Omit<DenyVerdict, 'trace'> | null = null;
  for (const [rule, why, hint] of checks) {
    trace.push({ rule, matched: why !== null, why: why ?? 'does not apply' });
    if (why !== null) denial ??= { action: 'deny', rule, reason: sentence(why), hint };
  }
  return denial;
}
