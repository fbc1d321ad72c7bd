import type { PolicyDocument } from '@weir/policy';

/** Groups that any approval rule of the policy names. */
export function approverGroups(documents: readonly PolicyDocument[]): ReadonlySet<string> {
  return new Set(
    documents.flatMap((document) =>
      document.kind === 'AccessRequest'
        ? (document.spec.approvers?.groups ?? [])
        : document.kind === 'Guardrail' || document.kind === 'Budget'
          ? (document.spec.approval?.approvers.groups ?? [])
          : [],
    ),
  );
}
