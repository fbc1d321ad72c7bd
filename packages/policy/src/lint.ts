import type { Finding } from './finding.ts';
import { findActingWarnings } from './lint/acting-for.ts';
import { findBudgetWarnings } from './lint/budgets.ts';
import { findGrantWarnings } from './lint/grants.ts';
import { findGroupWarnings } from './lint/groups.ts';
import { findDeadGuardrails } from './lint/guardrails.ts';
import { findMaskingWarnings } from './lint/masking.ts';
import { findOpaqueWarnings } from './lint/opaque.ts';
import { findSshWarnings } from './lint/ssh.ts';
import { findWorkloadWarnings } from './lint/workloads.ts';
import { type PolicySource, readPolicies } from './parse.ts';

/** Everything wrong (errors) or doubtful (warnings) in one source, in order of its lines. Warnings come only when there is no error. Never throws. */
export function lintPolicies(text: string, sourceName: string): Finding[] {
  return lintPolicySources([{ name: sourceName, text }]);
}

/** lintPolicies for several files that make one policy. */
export function lintPolicySources(sources: readonly PolicySource[]): Finding[] {
  const { documents, findings } = readPolicies(sources);
  const found =
    findings.length > 0
      ? [...findings]
      : [
          ...findDeadGuardrails(documents),
          ...findMaskingWarnings(documents),
          ...findOpaqueWarnings(documents),
          ...findGroupWarnings(documents),
          ...findBudgetWarnings(documents),
          ...findGrantWarnings(documents),
          ...findActingWarnings(documents),
          ...findWorkloadWarnings(documents),
          ...findSshWarnings(documents),
        ];
  const order = new Map(sources.map((source, index) => [source.name, index]));
  return found.sort(
    (left, right) =>
      (order.get(left.source) ?? 0) - (order.get(right.source) ?? 0) ||
      left.line - right.line ||
      left.column - right.column,
  );
}
