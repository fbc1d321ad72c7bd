import { didYouMean, nearestWord } from '../did-you-mean.ts';
import type { Finding } from '../finding.ts';
import { createGlob } from '../glob.ts';
import type { PlacedDocument } from '../parse.ts';
import type { AccessRequestSpec } from '../schema/access-request.ts';
import type { PolicyDocument } from '../schema/document.ts';
import type { ValuePath } from '../source.ts';
import { warning } from './warning.ts';

interface GroupUse {
  readonly group: string;
  readonly path: ValuePath;
  /** Approvers need no access of their own, so only a likely slip is worth a word. */
  readonly isApprover: boolean;
}

/** Groups that no access rule names: such a rule has no effect, mostly because of a slip in the name. */
export function findGroupWarnings(documents: readonly PlacedDocument[]): Finding[] {
  const known = documents.flatMap(({ document }) =>
    document.kind === 'Access' ? (document.spec.who.groups ?? []) : [],
  );
  return documents.flatMap((placed) =>
    usesOf(placed.document)
      .filter(({ group, isApprover }) => !isKnown(group, known) && (!isApprover || nearestWord(group, known)))
      .map(({ group, path }) => {
        const message = `No access rule names the group "${group}".${didYouMean(group, known)}`;
        return warning('unknown-group', message, placed, path);
      }),
  );
}

function isKnown(group: string, known: readonly string[]): boolean {
  const matches = createGlob(group, { ignoreCase: false });
  return known.some((name) => matches(name) || createGlob(name, { ignoreCase: false })(group));
}

function usesOf(document: PolicyDocument): GroupUse[] {
  if (document.kind === 'Access') return uses(document.spec.who.exceptGroups, ['spec', 'who', 'exceptGroups']);
  // What a job gets for groups may be of use at the gateway's own roles alone.
  if (document.kind === 'WorkloadTrust') return uses(document.spec.groups, ['spec', 'groups'], true);
  const { who } = document.spec;
  if (document.kind === 'AccessRequest') return usesOfRequest(document.spec);
  const named = [
    ...uses(who?.groups, ['spec', 'who', 'groups']),
    ...uses(who?.exceptGroups, ['spec', 'who', 'exceptGroups']),
  ];
  if (document.kind === 'Masking') {
    return [...named, ...uses(document.spec.exempt?.groups, ['spec', 'exempt', 'groups'])];
  }
  const approvers = uses(document.spec.approval?.approvers.groups, ['spec', 'approval', 'approvers', 'groups'], true);
  const watcher = document.kind === 'Guardrail' ? document.spec.watcher?.groups : undefined;
  return [...named, ...approvers, ...uses(watcher, ['spec', 'watcher', 'groups'], true)];
}

/** Those who ask, and who decide or review, need no access of their own. */
function usesOfRequest({ approvers, breakGlass }: AccessRequestSpec): GroupUse[] {
  return [
    ...uses(approvers?.groups, ['spec', 'approvers', 'groups'], true),
    ...uses(breakGlass?.review.by.groups, ['spec', 'breakGlass', 'review', 'by', 'groups'], true),
  ];
}

function uses(groups: readonly string[] | undefined, path: ValuePath, isApprover = false): GroupUse[] {
  return (groups ?? []).map((group, index) => ({ group, path: [...path, index], isApprover }));
}
