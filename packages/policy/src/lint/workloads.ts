import type { Finding } from '../finding.ts';
import type { PlacedDocument } from '../parse.ts';
import { warning } from './warning.ts';

/** Issuers of which a repository is not enough, and the claims that say which of its jobs are meant. */
const narrowing: readonly (readonly [RegExp, readonly string[]])[] = [
  [
    /^https:\/\/token\.actions\.githubusercontent\.com(\/|$)/,
    ['ref', 'environment', 'sub', 'job_workflow_ref', 'workflow_ref', 'ref_protected'],
  ],
  [/gitlab/, ['ref', 'ref_protected', 'environment', 'sub', 'ci_config_ref_uri', 'environment_protected']],
];

/** Trust in all jobs of a repository: whoever may push any branch of it gets the identity. */
export function findWorkloadWarnings(documents: readonly PlacedDocument[]): Finding[] {
  return documents.flatMap((placed) => {
    if (placed.document.kind !== 'WorkloadTrust') return [];
    const { issuer, claims } = placed.document.spec;
    const wanted = narrowing.find(([pattern]) => pattern.test(issuer))?.[1];
    if (wanted === undefined || wanted.some((claim) => Object.hasOwn(claims, claim))) return [];
    const message = `Jobs of every branch get this identity: name one of ${wanted.join(', ')}, too.`;
    return [warning('workload-any-branch', message, placed, ['spec', 'claims'])];
  });
}
