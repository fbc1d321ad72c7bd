import type { CellMask } from '../cell-mask.ts';
import { createKeyedDigest } from '../keyed-digest.ts';

/** Digits before and after the point that a numeric's modifier allows (numeric.c: precision in the high half, scale in the low 11 bits). */
function numericShape(typeModifier: number): { readonly whole: number; readonly scale: number } {
  if (typeModifier < 4) return { whole: 5, scale: 0 };
  const precision = ((typeModifier - 4) >> 16) & 0xffff;
  const scale = (((typeModifier - 4) & 0x7ff) ^ 1024) - 1024;
  return { whole: Math.min(5, precision - scale), scale: Math.max(0, scale) };
}

/** Binary numeric (numeric_send): digit count, weight, sign, scale, then digits of base 10,000. `value` is below 100,000,000. */
function writeNumeric(value: number, scale: number, target: Buffer, offset: number): number {
  const isWide = value >= 10_000;
  target.writeUInt16BE(isWide ? 2 : 1, offset);
  target.writeUInt16BE(isWide ? 1 : 0, offset + 2);
  target.writeUInt16BE(0, offset + 4);
  target.writeUInt16BE(scale, offset + 6);
  if (!isWide) return target.writeUInt16BE(value, offset + 8) - offset;
  target.writeUInt16BE(Math.floor(value / 10_000), offset + 8);
  return target.writeUInt16BE(value % 10_000, offset + 10) - offset;
}

/**
 * Fakes of numeric, float4 and float8: a whole number of five digits, or as many as the column's precision allows, whatever the size of the
 * original. Digests are of the bytes at hand, so text and binary form of a value have different fakes.
 * @returns null when the column has no room for a digit before the point.
 */
export function createFakeDecimalMask(
  family: 'numeric' | 'float4' | 'float8',
  typeModifier: number,
  format: 0 | 1,
  key: Buffer,
): CellMask | null {
  const { whole, scale } = family === 'numeric' ? numericShape(typeModifier) : { whole: 5, scale: 0 };
  if (whole < 1) return null;
  const digest = createKeyedDigest(key, `fake ${family} ${format}`);
  const least = 10 ** (whole - 1);
  const fraction = scale > 0 ? `.${'0'.repeat(scale)}` : '';
  return {
    maxLength: () => 16 + fraction.length,
    write(source, start, end, target, offset) {
      const value = least + (digest(source, start, end).readUInt32BE(0) % (9 * least));
      if (format === 0) return target.write(`${value}${fraction}`, offset, 'latin1');
      if (family === 'numeric') return writeNumeric(value, scale, target, offset);
      if (family === 'float4') return target.writeFloatBE(value, offset) - offset;
      return target.writeDoubleBE(value, offset) - offset;
    },
  };
}
