/** The first masked rows of a result, kept for the record within bounds of rows and bytes. */
export interface ResultSample {
  columns: readonly string[];
  rows: (string | null)[][];
  bytes: number;
  truncated: boolean;
}

/** Bounds of a sample. */
export interface SampleLimits {
  readonly maxRows: number;
  readonly maxBytes: number;
}

/** Creates an empty sample. */
export const createResultSample = (): ResultSample => ({ columns: [], rows: [], bytes: 0, truncated: false });

/** Adds one row as the client gets it: text cells as text, binary cells as \x hex. A row that does not fit is left out and the sample says so. */
export function addSampleRow(
  sample: ResultSample,
  cells: readonly (Buffer | null)[],
  formats: readonly number[],
  limits: SampleLimits,
): void {
  let size = 0;
  for (const cell of cells) size += cell === null ? 4 : cell.length;
  if (sample.rows.length >= limits.maxRows || sample.bytes + size > limits.maxBytes) {
    sample.truncated = true;
    return;
  }
  sample.bytes += size;
  sample.rows.push(
    cells.map((cell, i) =>
      cell === null ? null : formats[i] === 1 ? `\\x${cell.toString('hex')}` : cell.toString('utf8'),
    ),
  );
}
