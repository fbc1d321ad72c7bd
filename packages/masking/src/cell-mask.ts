/**
 * Masks one cell without allocating: reads `source[start, end)` and writes the masked value at `target[offset…]`.
 * The caller guarantees maxLength(end - start) free bytes at offset.
 */
export interface CellMask {
  /**
   * True: SQL NULL is masked as well, as an empty cell. A value that an expression made may be NULL or not by what a protected value is:
   * `CASE WHEN ssn LIKE '4%' THEN 1 END`.
   */
  readonly masksNull?: boolean;
  /** Upper bound of the masked length for an input of `length` bytes. */
  maxLength(length: number): number;
  /** @returns bytes written, or -1 when the masked value is SQL NULL. */
  write(source: Buffer, start: number, end: number, target: Buffer, offset: number): number;
}
