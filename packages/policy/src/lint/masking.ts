import type { Finding } from '../finding.ts';
import { canonicalJson } from '../fingerprint.ts';
import { isGlobCovering, isPathCovering } from '../glob.ts';
import type { PlacedDocument } from '../parse.ts';
import type { MaskingDocument } from '../schema/document.ts';
import type { MaskingSpec } from '../schema/masking.ts';
import { transforms } from '../verdict.ts';
import { warning } from './warning.ts';

type PlacedMasking = PlacedDocument & { readonly document: MaskingDocument };

/** Masking rules that another one makes useless, and rules that mask nobody. */
export function findMaskingWarnings(documents: readonly PlacedDocument[]): Finding[] {
  const maskings = documents.filter((placed): placed is PlacedMasking => placed.document.kind === 'Masking');
  const findings: Finding[] = [];
  for (const [index, placed] of maskings.entries()) {
    const { spec } = placed.document;
    if (isNobodyMasked(spec)) {
      const message = 'This rule masks nothing: everybody whom it is about is exempt.';
      findings.push(warning('masking-never-applies', message, placed, ['spec', 'exempt']));
      continue;
    }
    const stronger = maskings.find((other, otherIndex) => {
      if (other === placed || !isShadowing(other.document.spec, spec)) return false;
      // Of two rules that say the same, the second is the useless one.
      return otherIndex < index || !isShadowing(spec, other.document.spec);
    });
    if (stronger === undefined) continue;
    const what = spec.output === undefined ? 'columns' : 'output';
    const message = `This rule changes nothing: "${stronger.document.name}" masks the same ${what} at least as strictly for everybody.`;
    findings.push(warning('masking-shadowed', message, placed, ['spec', what]));
  }
  return findings;
}

function isNobodyMasked(spec: MaskingSpec): boolean {
  const exempt = [...(spec.exempt?.groups ?? []), ...(spec.exempt?.principals ?? [])];
  if (spec.exempt?.principals?.some((pattern) => isGlobCovering(pattern, '*'))) return true;
  const groups = spec.who?.principals === undefined ? spec.who?.groups : undefined;
  return groups?.every((group) => exempt.some((pattern) => isGlobCovering(pattern, group))) === true;
}

/** Does `strong` leave nothing for `weak` to do? True only when it is certain. */
function isShadowing(strong: MaskingSpec, weak: MaskingSpec): boolean {
  return isScopeCovering(strong, weak) && isProtectionCovering(strong, weak) && isPlaceCovering(strong, weak);
}

/** The same columns, or the same output. */
function isPlaceCovering(strong: MaskingSpec, weak: MaskingSpec): boolean {
  if (weak.output !== undefined) return weak.output.every((stream) => strong.output?.includes(stream) ?? false);
  return weak.columns?.every((column) => strong.columns?.some((wide) => isPathCovering(wide, column))) ?? false;
}

function isScopeCovering(strong: MaskingSpec, weak: MaskingSpec): boolean {
  const isSame = (left: unknown, right: unknown) => canonicalJson(left) === canonicalJson(right);
  return (
    (strong.who === undefined || isSame(strong.who, weak.who)) &&
    (strong.connections === undefined || isSame(strong.connections, weak.connections)) &&
    (strong.exempt === undefined || isSame(strong.exempt, weak.exempt)) &&
    (strong.when === undefined || strong.when === weak.when)
  );
}

/** Does the strong rule say nothing milder about influence, aggregates and masks that are written back? */
function isStanceCovering(strong: MaskingSpec, weak: MaskingSpec): boolean {
  const said = ({ influence, aggregates, writeBack }: MaskingSpec) =>
    canonicalJson([influence, aggregates ?? null, writeBack]);
  const plain = canonicalJson(['allow', weak.transform === undefined ? null : (strong.aggregates ?? null), 'deny']);
  return said(strong) === said(weak) || said(weak) === plain;
}

function isProtectionCovering(strong: MaskingSpec, weak: MaskingSpec): boolean {
  const detected = (weak.detect ?? []).every((type) => strong.detect?.includes(type) ?? false);
  if (!isStanceCovering(strong, weak)) return false;
  if (weak.transform === undefined) return strong.transform === undefined && detected;
  if (strong.transform === undefined || !detected) return false;
  return transforms.indexOf(strong.transform) <= transforms.indexOf(weak.transform);
}
