import type { Finding } from '../finding.ts';
import { isGlobCovering } from '../glob.ts';
import type { PlacedDocument } from '../parse.ts';
import type { MaskingDocument } from '../schema/document.ts';
import { warning } from './warning.ts';

/** Access rules that let statements through which are not understood, although a masking rule is about the same people. */
export function findOpaqueWarnings(documents: readonly PlacedDocument[]): Finding[] {
  const maskings = documents.map((placed) => placed.document).filter((document) => document.kind === 'Masking');
  return documents.flatMap((placed) => {
    const { document } = placed;
    if (document.kind !== 'Access' || document.spec.opaque !== 'allow') return [];
    const masking = maskings.find((candidate) => isAbout(candidate, document.spec.who.groups ?? []));
    if (masking === undefined) return [];
    const message =
      `"opaque: allow" lets through statements that are not understood, which can read what "${masking.name}" masks. ` +
      'Exempt these groups there, or leave "opaque" out.';
    return [warning('opaque-with-masks', message, placed, ['spec', 'opaque'])];
  });
}

function isAbout({ spec }: MaskingDocument, groups: readonly string[]): boolean {
  return groups.some((group) => {
    const isExempt = [...(spec.exempt?.groups ?? []), ...(spec.who?.exceptGroups ?? [])].some((pattern) =>
      isGlobCovering(pattern, group),
    );
    const named = spec.who?.groups;
    const isIncluded = named === undefined || named.some((pattern) => isGlobCovering(pattern, group));
    return isIncluded && !isExempt;
  });
}
