import type { ConnectionSpec } from '@weir/api';
import { WeirError } from '@weir/errors';
import {
  type AccessRequestDocument,
  breakGlassRules,
  type GrantFacts,
  isAskable,
  longestOf,
  type PolicyDocument,
  rulesThatOpen,
} from '@weir/policy';
import type { Principal } from '@weir/proto';
import { factsOf } from '../access/access.ts';

/** What somebody wants. `seconds` absent = as long as the rule allows. */
export interface Wanted {
  readonly kind: GrantFacts['kind'];
  readonly seconds?: number | undefined;
  readonly reason: string;
  readonly ticket?: string | undefined;
  readonly rule?: string | undefined;
}

/**
 * The rules by which this can be given, by name. @throws WeirError not_permitted when no rule lets this account ask, or none for so long or without
 * a reason or ticket.
 */
export function fittingRules(
  documents: readonly PolicyDocument[],
  principal: Principal,
  connection: ConnectionSpec,
  wanted: Wanted,
): [AccessRequestDocument, ...AccessRequestDocument[]] {
  const facts = factsOf(connection);
  const opening = rulesThatOpen(documents, principal, facts);
  const breaking = new Set(breakGlassRules(documents, principal, facts).map(({ name }) => name));
  const rules = opening.filter((rule) => (wanted.kind === 'request' ? isAskable(rule) : breaking.has(rule.name)));
  const named = wanted.rule === undefined ? rules : rules.filter(({ name }) => name === wanted.rule);
  if (named.length === 0) throw noRule(connection.name, wanted, rules);
  const problems = named.map((rule) => problemOf(rule, wanted));
  const [first, ...others] = named.filter((_rule, at) => problems[at] === null);
  if (first !== undefined) return [first, ...others];
  throw new WeirError('not_permitted', `This cannot be asked for ${connection.name}.`, {
    why: problems.filter((problem) => problem !== null).join(' '),
    fix: 'Ask for what the rule allows.',
  });
}

function problemOf(rule: AccessRequestDocument, { kind, seconds, reason, ticket }: Wanted): string | null {
  const { spec } = rule;
  if ((seconds ?? 0) * 1000 > longestOf(rule, kind)) {
    return `The rule ${rule.name} allows ${kind === 'break-glass' ? spec.breakGlass?.longest : spec.longest} at most.`;
  }
  if (spec.reason === 'required' && reason === '') return `The rule ${rule.name} asks for a reason.`;
  if (kind === 'request' && spec.ticket === 'required' && ticket === undefined) {
    return `The rule ${rule.name} asks for a ticket.`;
  }
  return null;
}

function noRule(connection: string, { kind, rule }: Wanted, rules: readonly AccessRequestDocument[]): WeirError {
  if (rule !== undefined && rules.length > 0) {
    return new WeirError('not_permitted', `The rule ${rule} does not give you ${connection}.`, {
      why: `Rules that do: ${rules.map(({ name }) => name).join(', ')}.`,
    });
  }
  const what = kind === 'break-glass' ? 'take access in an emergency to' : 'ask for access to';
  return new WeirError('not_permitted', `No rule lets you ${what} ${connection}.`, {
    fix: 'Ask an administrator of the policy.',
  });
}
