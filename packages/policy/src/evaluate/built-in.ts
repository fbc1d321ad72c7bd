import { builtInRules } from '../schema/document.ts';
import type { ColumnRef, SqlFacts } from '../statement.ts';
import type { DenyVerdict, TraceStep } from '../verdict.ts';
import type { AccessDecision } from './access.ts';
import { type ColumnProtection, isKeptProtected } from './columns.ts';
import { findInfluence } from './influence.ts';
import { findUnsafeSetting } from './setting.ts';
import { columnName, commandName, sentence } from './wording.ts';

type Denial = Omit<DenyVerdict, 'trace'>;

/** Runs the rules that need no document, in a fixed order; adds one step per rule to the trace and returns the first denial. */
export function decideBuiltIns(
  facts: SqlFacts,
  access: AccessDecision,
  protectionOf: (column: ColumnRef) => ColumnProtection,
  trace: TraceStep[],
): Denial | null {
  const influence = findInfluence(facts, protectionOf);
  const checks: readonly (readonly [rule: string, why: string | null, hint: string])[] = [
    [
      builtInRules.unknown,
      isUnknown(facts) ? `the statement is not understood${firstReason(facts)}` : null,
      'Check its spelling, or write it in a form that PostgreSQL documents.',
    ],
    [builtInRules.noAccess, access.rule === null ? access.why : null, 'Ask an administrator of the policy for access.'],
    [
      builtInRules.opaque,
      facts.opaque.length > 0 && !access.isOpaqueAllowed
        ? `the effect of ${commandName(facts)} cannot be known before it runs${firstReason(facts)}`
        : null,
      'Rewrite the statement so that its effect can be known before it runs.',
    ],
    [
      builtInRules.setting,
      findUnsafeSetting(facts, access.isSettingAllowed),
      'Leave this setting as it is for this connection.',
    ],
    [
      builtInRules.copy,
      findUnprotectedCopy(facts, protectionOf),
      'Leave the protected column out, or store it in a column that is protected as well.',
    ],
    [
      builtInRules.influence,
      influence.denied,
      'Leave the protected column out of WHERE, JOIN, GROUP BY, ORDER BY and computations; its values could be guessed that way.',
    ],
  ];
  let denial: Denial | null = null;
  for (const [rule, why, hint] of checks) {
    trace.push({ rule, matched: why !== null, why: why ?? 'does not apply' });
    if (why !== null) denial ??= { action: 'deny', rule, reason: sentence(why), hint };
  }
  for (const why of influence.audited)
    trace.push({ rule: builtInRules.influence, matched: true, why: `observe only: ${why}` });
  return denial;
}

function isUnknown(facts: SqlFacts): boolean {
  return facts.kind === 'unknown' || facts.kinds.includes('unknown');
}

function firstReason(facts: SqlFacts): string {
  const [reason] = facts.opaque;
  return reason === undefined ? '' : `: ${reason}`;
}

function findUnprotectedCopy(facts: SqlFacts, protectionOf: (column: ColumnRef) => ColumnProtection): string | null {
  for (const { from, to } of facts.copies) {
    const source = protectionOf(from);
    if (source.mask === null && source.detect.length === 0) continue;
    if (to !== null && isKeptProtected(source, protectionOf(to))) continue;
    const target =
      to === null ? 'a place without protection' : `${columnName(to)}, which is protected less or not at all`;
    return `${commandName(facts)} would store the protected column ${columnName(from)} in ${target}`;
  }
  return null;
}
