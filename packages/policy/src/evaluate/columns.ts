import { createPathGlobs, type PathMatch } from '../glob.ts';
import { type InfluenceScope, influenceScopes, type MaskRule } from '../plan.ts';
import { type Stance, stances } from '../schema/masking.ts';
import type { ColumnRef } from '../statement.ts';
import { type ContentType, contentTypes, type MaskSpec, transforms } from '../verdict.ts';

/** What the masking rules say of one column. */
export interface ColumnProtection {
  readonly mask: MaskSpec | null;
  /** Content types to look for in the value, in the order of `contentTypes`. */
  readonly detect: readonly ContentType[];
  /** The strictest stance on each way of influence. */
  readonly influence: Readonly<Record<InfluenceScope, RuledStance>>;
  /** Rows that a group must have for its sum or average to be clear; null = never. */
  readonly minGroupSize: number | null;
  /** On storing what looks like a mask of this column. */
  readonly writeBack: RuledStance;
}

/** A stance and the masking rule that takes it. */
export interface RuledStance {
  readonly stance: Stance;
  readonly rule: string;
}

const noStance: RuledStance = { stance: 'allow', rule: '' };
const unprotected: ColumnProtection = {
  mask: null,
  detect: [],
  influence: Object.fromEntries(influenceScopes.map((way) => [way, noStance])) as ColumnProtection['influence'],
  minGroupSize: null,
  writeBack: noStance,
};

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
  const named = compiled.filter(({ matches }) => matches(column.schema, column.table, column.column));
  if (named.length === 0) return unprotected;
  const detect = new Set<ContentType>();
  for (const { rule } of named) {
    for (const type of rule.detect) detect.add(type);
    if (rule.transform === null) continue;
    if (mask !== null && strictness(mask) <= transforms.indexOf(rule.transform)) continue;
    mask = { transform: rule.transform, contentType: rule.contentType, rule: rule.rule };
  }
  const rules = named.map(({ rule }) => rule);
  const masking = rules.filter(({ transform }) => transform !== null);
  const sizes = masking.map(({ minGroupSize }) => minGroupSize ?? Number.POSITIVE_INFINITY);
  const size = Math.max(...sizes);
  return {
    mask,
    detect: contentTypes.filter((type) => detect.has(type)),
    influence: Object.fromEntries(
      influenceScopes.map((way) => [way, strictestStance(rules, (rule) => rule.influence[way])]),
    ) as ColumnProtection['influence'],
    minGroupSize: Number.isFinite(size) ? size : null,
    writeBack: strictestStance(masking, (rule) => rule.writeBack),
  };
}

function strictestStance(rules: readonly MaskRule[], stanceOf: (rule: MaskRule) => Stance): RuledStance {
  let strictest = noStance;
  for (const rule of rules) {
    const stance = stanceOf(rule);
    if (stances.indexOf(stance) > stances.indexOf(strictest.stance)) strictest = { stance, rule: rule.rule };
  }
  return strictest;
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
