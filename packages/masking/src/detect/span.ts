import type { ContentType } from '@weir/policy';

/** Content types that have a detector. Names, addresses, plain numbers and text have none: they need column rules. */
export const detectableTypes = ['email', 'phone', 'us-ssn', 'card', 'iban'] as const satisfies readonly ContentType[];
export type DetectableType = (typeof detectableTypes)[number];

/** A found value: bytes `[start, end)` of the scanned buffer. */
export interface Span {
  readonly type: DetectableType;
  readonly start: number;
  readonly end: number;
}
