import { createPathGlobs, type PathMatch } from '../glob.ts';
import type { MaskRule } from '../plan.ts';
import type { ColumnRef } from '../statement.ts';
import { type ContentType, contentTypes, type MaskSpec, transforms } from '../verdict.ts';

/** What the masking rules say of one column. */
export interface ColumnProtection {
  readonly mask: MaskSpec | null;
  /** Content types to look for in the value, in the order of `contentTypes`. */
  readonly detect: readonly ContentType[];
}

const unprotected: ColumnProtection = { mask: null, detect: [] };

/** Bound of the memo; a catalog with more columns begins it anew. */
const maxRemembered = 20_000;

/** Compiles masking rules (sorted by name) to a lookup with a memo. The strictest transform wins, among equals the first rule; detectors add up. */
export function createColumnProtection(rules: readonly MaskRule[]): (column: ColumnRef) => ColumnProtection {
  const compiled = rules.map((rule) => ({ rule, matches: createPathGlobs(rule.columns) }));
  const remembered = new Map<string, ColumnProtection>();
  return (column) => {
    if (compiled.length === 0) return unprotected;
    const key = `${column.schema}\0${column.table}\0${column.column}`;
    const known = remembered.get(key);
    if (known !== undefined) return known;
    if (remembered.size >= maxRemembered) remembered.clear();
    const found = protectionOf(compiled, column);
    remembered.set(key, found);
    return found;
  };
}

function protectionOf(
  compiled: readonly { readonly rule: MaskRule; readonly matches: PathMatch }[],
  column: ColumnRef,
): ColumnProtection {
  let mask: MaskSpec | null = null;
  const detect = new Set<ContentType>();
  for (const { rule, matches } of compiled) {
    if (!matches(column.schema, column.table, column.column)) continue;
    for (const type of rule.detect) detect.add(type);
    if (rule.transform === null) continue;
    if (mask !== null && strictness(mask) <= transforms.indexOf(rule.transform)) continue;
    mask = { transform: rule.transform, contentType: rule.contentType, rule: rule.rule };
  }
  if (mask === null && detect.size === 0) return unprotected;
  return { mask, detect: contentTypes.filter((type) => detect.has(type)) };
}

/** Would a value that moves from the one column to the other stay protected at least as well? */
export function isKeptProtected(from: ColumnProtection, to: ColumnProtection): boolean {
  if (from.mask !== null) return to.mask !== null && strictness(to.mask) <= strictness(from.mask);
  return to.mask !== null || from.detect.every((type) => to.detect.includes(type));
}

/** Place in the order of transforms; 0 is the strictest. */
function strictness(mask: MaskSpec): number {
  return transforms.indexOf(mask.transform);
}
