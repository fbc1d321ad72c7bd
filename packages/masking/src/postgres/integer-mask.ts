import type { ContentType } from '@weir/policy';
import type { CellMask } from '../cell-mask.ts';
import { fakeValue } from '../content/fake-values.ts';
import { createKeyedDigest } from '../keyed-digest.ts';

/** Width of an integer type in bytes. */
export type IntegerWidth = 2 | 4 | 8;

/** Turns a keyed digest into the integer that is shown; at most 2^53 - 1 and within the type. */
type IntegerOfDigest = (digest: Buffer) => number;

/** Hashed integers: 15, 31 or 48 bits of the digest. int2 has so few values that different inputs often meet. */
function hashedInteger(width: IntegerWidth): IntegerOfDigest {
  if (width === 2) return (digest) => digest.readUInt16BE(0) & 0x7fff;
  if (width === 4) return (digest) => digest.readUInt32BE(0) & 0x7fffffff;
  return (digest) => digest.readUIntBE(0, 6);
}

/** Fakes: the digits of a fake card, phone or SSN where the type can hold them, otherwise a number of one fixed length. */
function fakeInteger(width: IntegerWidth, contentType: ContentType | null): IntegerOfDigest {
  if (width === 2) return (digest) => 1000 + (digest.readUInt16BE(0) % 9000);
  const isNumberLike = contentType === 'us-ssn' || (width === 8 && (contentType === 'card' || contentType === 'phone'));
  const faked = isNumberLike ? contentType : 'number';
  return (digest) => Number(fakeValue(faked, digest).replace(/\D/g, ''));
}

function readInteger(source: Buffer, start: number, width: IntegerWidth): string {
  if (width === 8) return String(source.readBigInt64BE(start));
  return String(width === 4 ? source.readInt32BE(start) : source.readInt16BE(start));
}

function writeInteger(value: number, target: Buffer, offset: number, width: IntegerWidth): number {
  if (width === 8) target.writeBigInt64BE(BigInt(value), offset);
  else if (width === 4) target.writeInt32BE(value, offset);
  else target.writeInt16BE(value, offset);
  return width;
}

export interface IntegerMaskOptions {
  readonly width: IntegerWidth;
  readonly format: 0 | 1;
  readonly key: Buffer;
  readonly transform: 'hash' | 'fake';
  readonly contentType: ContentType | null;
}

/** Hash or fake of int2, int4 and int8. The digest is of the decimal digits, so text and binary form of a value give the same result. */
export function createIntegerMask({ width, format, key, transform, contentType }: IntegerMaskOptions): CellMask {
  const digest = createKeyedDigest(key, transform === 'hash' ? 'hash integer' : `fake integer ${contentType}`);
  const shown = transform === 'hash' ? hashedInteger(width) : fakeInteger(width, contentType);
  const digits = Buffer.alloc(20);
  return {
    maxLength: () => 20,
    write(source, start, end, target, offset) {
      if (format === 0) return target.write(String(shown(digest(source, start, end))), offset, 'latin1');
      if (end - start !== width) return -1;
      const length = digits.write(readInteger(source, start, width), 'latin1');
      return writeInteger(shown(digest(digits, 0, length)), target, offset, width);
    },
  };
}
