/** A column of a table of results. */
export interface Column {
  readonly key: string;
  readonly title: string;
  /** Digits behind the point; absent = text. */
  readonly digits?: number;
}

/** One row; null = not measured here. */
export type Row = Readonly<Record<string, string | number | null>>;

/** The result of one measurement. */
export interface Section {
  readonly name: string;
  readonly title: string;
  /** What was measured and how, in sentences. */
  readonly notes: readonly string[];
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

/** The value that a share of all values is not above (0.99: p99), by the nearest rank. NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** Middle value; of an even number, the mean of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}
