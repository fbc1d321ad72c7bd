/**
 * Writes a masked text for `source[start, end)` at `target[offset…]`. Like a CellMask, but -1 means "this value does not look like the
 * content type" (the caller redacts it whole). Writes nothing then.
 */
export interface TextWriter {
  maxLength(length: number): number;
  write(source: Buffer, start: number, end: number, target: Buffer, offset: number): number;
}
