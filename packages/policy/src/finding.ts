import { WeirError } from '@weir/errors';

/** One thing that is wrong (`error`) or looks wrong (`warning`) in a policy source. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  /** Stable word for the sort of finding, e.g. `unknown-key`, `masking-shadowed`. */
  readonly code: FindingCode;
  /** One or two sentences for the author. */
  readonly message: string;
  /** File or other source. */
  readonly source: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** Name of the document, when it has one. */
  readonly document: string | null;
}

/** Sorts of findings. */
export type FindingCode =
  | 'syntax'
  | 'invalid'
  | 'unknown-key'
  | 'condition'
  | 'duplicate-name'
  | 'guardrail-never-matches'
  | 'masking-shadowed'
  | 'masking-never-applies'
  | 'unknown-group'
  | 'unknown-grant'
  | 'grant-opens-nothing'
  | 'acting-for-nobody'
  | 'workload-any-branch'
  | 'opaque-with-masks'
  | 'budget-without-bytes'
  | 'advisory-rule'
  | 'ssh-condition'
  | 'ssh-variables'
  | 'ssh-files-alone';

/** `FILE:LINE:COLUMN: severity: message`, as compilers write it. */
export function formatFinding(finding: Finding): string {
  return `${finding.source}:${finding.line}:${finding.column}: ${finding.severity}: ${finding.message}`;
}

/** The WeirError `policy_invalid` that lists all errors among the findings. */
export function policyInvalid(findings: readonly Finding[]): WeirError {
  const errors = findings.filter((finding) => finding.severity === 'error');
  const noun = errors.length === 1 ? 'one error' : `${errors.length} errors`;
  return new WeirError('policy_invalid', `The policy has ${noun}:\n${errors.map(formatFinding).join('\n')}`, {
    why: 'A policy with an error is refused as a whole, so that no rule is lost unseen.',
  });
}
