import type { ColumnRef } from '@weir/policy';
import type { Literal } from './constants.ts';

/** Where a value comes from. Immutable; ColumnRef objects are interned by the catalog index, so sets compare by identity. */
export interface Provenance {
  readonly origins: ReadonlySet<ColumnRef>;
  /** The value is one column's value unchanged. */
  readonly direct: boolean;
  /** The origins could not be followed. */
  readonly opaque: boolean;
  readonly typeOid: number | null;
  /** Fields when the value is a row whose shape is known. */
  readonly row: readonly NamedProvenance[] | null;
  /** The value is, or has inside, a composite value: a function may spread it into columns. */
  readonly composite: boolean;
  /** Constants and parameters that the value may be, unchanged. Absent = none. */
  readonly literals?: readonly Literal[];
}
export interface NamedProvenance {
  readonly name: string;
  readonly value: Provenance;
  /** The value sums up one column over groups of at least so many rows with a value (see group-size.ts). Absent = not known. */
  readonly groupSize?: number;
}

const nothing: ReadonlySet<ColumnRef> = new Set<ColumnRef>();

/** A value that no column went into (constants, parameters, counts). */
export const clearValue: Provenance = {
  origins: nothing,
  direct: false,
  opaque: false,
  typeOid: null,
  row: null,
  composite: false,
};
/** A value of which nothing is known. */
export const opaqueValue: Provenance = { ...clearValue, opaque: true };

/** The value of one expression over several values: everything that went in may come out, nothing comes out unchanged. */
export function mixed(values: Iterable<Provenance>): Provenance {
  let first: Provenance | null = null;
  let origins: Set<ColumnRef> | null = null;
  let opaque = false;
  let composite = false;
  let literals: readonly Literal[] | undefined;
  for (const value of values) {
    if (value.literals !== undefined)
      literals = literals === undefined ? value.literals : [...literals, ...value.literals];
    opaque ||= value.opaque;
    composite ||= value.composite;
    if (value.origins.size === 0) continue;
    if (first === null) first = value;
    else {
      origins ??= new Set(first.origins);
      for (const origin of value.origins) origins.add(origin);
    }
  }
  const all = origins ?? first?.origins ?? nothing;
  if (all.size === 0 && !composite && literals === undefined) return opaque ? opaqueValue : clearValue;
  const value = { origins: all, direct: false, opaque, typeOid: null, row: null, composite };
  return literals === undefined ? value : { ...value, literals };
}

/** A row value with these fields (a whole-row reference, ROW(...)). */
export function rowValue(fields: readonly NamedProvenance[], complete: boolean): Provenance {
  const whole = mixed(fields.map((field) => field.value));
  return { ...whole, opaque: whole.opaque || !complete, row: complete ? fields : null, composite: true };
}

/** What an operation makes of a value: no constant any more. */
export function computed(value: Provenance): Provenance {
  if (value.literals === undefined) return value;
  const { literals: _literals, ...rest } = value;
  return rest;
}

/** The same value with more origins; still direct when it was and nothing new came in. */
export function withOrigins(value: Provenance, more: Iterable<ColumnRef>, keepDirect: boolean): Provenance {
  const origins = new Set(value.origins);
  for (const origin of more) origins.add(origin);
  const direct = value.direct && (keepDirect || origins.size === value.origins.size);
  return { ...value, origins, direct, typeOid: direct ? value.typeOid : null };
}

/** Whether two values have the same origins and opacity (the fixpoint test of recursive queries). */
export function sameReach(a: Provenance, b: Provenance): boolean {
  if (a.opaque !== b.opaque || a.origins.size !== b.origins.size) return false;
  for (const origin of a.origins) if (!b.origins.has(origin)) return false;
  return true;
}
