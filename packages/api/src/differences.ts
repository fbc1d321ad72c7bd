import { isDeepStrictEqual } from 'node:util';

/** A field that differs; undefined = not set. */
export interface Difference {
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Fields in which two JSON values differ. Lists are compared whole; the order of keys does not count. */
export function differencesOf(before: unknown, after: unknown, field = ''): Difference[] {
  if (isObject(before) && isObject(after)) {
    return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) =>
      differencesOf(before[key], after[key], field === '' ? key : `${field}.${key}`),
    );
  }
  return isDeepStrictEqual(before, after) ? [] : [{ field, before, after }];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
