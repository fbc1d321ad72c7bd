/** Tells rows from the rest of COPY data. A server sends one CopyData message per row ("Message Formats", CopyData). */
export interface CopyFrames {
  /** Is the next message, of that length (with the length itself), a row? Asked once per message. */
  isRow(length: number): boolean;
}

/** Lengths of what binary COPY has beside rows: a header (PostgreSQL sends it with the first row) and a trailer, a field count of -1 alone. */
const headerLength = 4 + 19;
const trailerLength = 4 + 2;

/** @param format 0 text or CSV, 1 binary. @param hasHeader the first message names the columns. */
export function createCopyFrames(format: number, hasHeader: boolean): CopyFrames {
  let isFirst = true;
  return {
    isRow(length) {
      const isHeader = isFirst && (format === 1 ? length === headerLength : hasHeader);
      isFirst = false;
      return !isHeader && !(format === 1 && length === trailerLength);
    },
  };
}
