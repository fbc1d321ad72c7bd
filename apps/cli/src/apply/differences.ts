import type { Difference } from '@weir/api';

/** `field: before -> after`, each cut to what fits a line. */
export function formatDifference({ field, before, after }: Difference): string {
  return `${field}: ${short(before)} -> ${short(after)}`;
}

function short(value: unknown): string {
  const text = value === undefined ? '(not set)' : JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
