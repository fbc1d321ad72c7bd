import type { CellMask } from './cell-mask.ts';

/** Every value becomes SQL NULL. */
export const nullMask: CellMask = { maxLength: () => 0, write: () => -1 };

/** Every value becomes the same bytes. `constant` is kept, not copied. */
export function createConstantMask(constant: Buffer): CellMask {
  const length = constant.length;
  return {
    maxLength: () => length,
    write(_source, _start, _end, target, offset) {
      // A loop beats TypedArray.set for the few bytes of a constant.
      for (let i = 0; i < length; i += 1) target[offset + i] = constant[i] as number;
      return length;
    },
  };
}

/** Every value stays as it is (one copy). */
export const copyMask: CellMask = {
  maxLength: (length) => length,
  write(source, start, end, target, offset) {
    return source.copy(target, offset, start, end);
  },
};
