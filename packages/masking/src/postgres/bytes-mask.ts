import type { CellMask } from '../cell-mask.ts';
import { createKeyedDigest } from '../keyed-digest.ts';

function shapeUuid(digest: Buffer): Buffer {
  const uuid = digest.subarray(0, 16);
  // Version 8 (custom) and the RFC 9562 variant.
  uuid[6] = ((uuid[6] as number) & 0x0f) | 0x80;
  uuid[8] = ((uuid[8] as number) & 0x3f) | 0x80;
  return uuid;
}

/** Hash and fake of uuid: a version 8 uuid (RFC 9562, 5.8) of the keyed digest; text and binary form of a value give the same one. */
export function createUuidMask(format: 0 | 1, key: Buffer): CellMask {
  const digest = createKeyedDigest(key, 'hash uuid');
  return {
    maxLength: () => 36,
    write(source, start, end, target, offset) {
      if (format === 1) return shapeUuid(digest(source, start, end)).copy(target, offset);
      const bytes = Buffer.from(source.toString('latin1', start, end).replaceAll('-', ''), 'hex');
      if (bytes.length !== 16) return -1;
      const hex = shapeUuid(digest(bytes, 0, 16)).toString('hex');
      const text = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
      return target.write(text, offset, 'latin1');
    },
  };
}

/** Hash of bytea: 16 bytes of the keyed digest. Text must be in the hexadecimal form (bytea_output = hex), otherwise it becomes SQL NULL. */
export function createByteaHashMask(format: 0 | 1, key: Buffer): CellMask {
  const digest = createKeyedDigest(key, 'hash bytea');
  return {
    maxLength: () => 34,
    write(source, start, end, target, offset) {
      if (format === 1) return digest(source, start, end).copy(target, offset, 0, 16);
      if (source[start] !== 0x5c || source[start + 1] !== 0x78) return -1;
      const bytes = Buffer.from(source.toString('latin1', start + 2, end), 'hex');
      if (bytes.length * 2 !== end - start - 2) return -1;
      return target.write(`\\x${digest(bytes, 0, bytes.length).toString('hex', 0, 16)}`, offset, 'latin1');
    },
  };
}
