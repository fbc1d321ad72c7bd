import { type CellMask, needsMemory, valueText } from '@weir/masking';
import type { ColumnRef, MaskSpec } from '@weir/policy';

/** Values that are kept of one column; the oldest is forgotten first. */
const maxValues = 10_000;
/** Columns that are known as delivered. */
const maxColumns = 1_000;

/** What a session has been shown in place of protected values, so that it is known again when it comes back. */
export interface DeliveredMasks {
  /** Was a masked value of the column delivered? */
  hasColumn(column: ColumnRef): boolean;
  /** Was this very value (as `valueText` writes it) delivered in place of one of the column? */
  hasValue(column: ColumnRef, text: string): boolean;
  /** The column is delivered by `mask` from now on. @returns the mask to use in its place, which keeps what it writes where its shape alone does not tell */
  watch(column: ColumnRef, mask: CellMask, of: { spec: MaskSpec; typeOid: number; format: 0 | 1 }): CellMask;
}

/** Creates an empty memory. */
export function createDeliveredMasks(): DeliveredMasks {
  const columns = new Map<string, Set<string>>();
  const keyOf = ({ schema, table, column }: ColumnRef) => `${schema}\0${table}\0${column}`;
  const valuesOf = (column: ColumnRef) => {
    const key = keyOf(column);
    let values = columns.get(key);
    if (values === undefined) {
      if (columns.size >= maxColumns) columns.clear();
      values = new Set();
      columns.set(key, values);
    }
    return values;
  };
  return {
    hasColumn: (column) => columns.has(keyOf(column)),
    hasValue: (column, text) => columns.get(keyOf(column))?.has(text) === true,
    watch(column, mask, { spec, typeOid, format }) {
      const values = valuesOf(column);
      if (!needsMemory({ spec, typeOid })) return mask;
      return {
        maxLength: (length) => mask.maxLength(length),
        write(source, start, end, target, offset) {
          const written = mask.write(source, start, end, target, offset);
          if (written >= 0) keep(values, valueText(typeOid, format, target.subarray(offset, offset + written)));
          return written;
        },
      };
    },
  };
}

function keep(values: Set<string>, text: string | null): void {
  if (text === null || values.has(text)) return;
  if (values.size >= maxValues) {
    const [oldest] = values;
    if (oldest !== undefined) values.delete(oldest);
  }
  values.add(text);
}
