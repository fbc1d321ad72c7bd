import { redactedConstant } from './redacted-constant.ts';
import { typeFamily } from './type-family.ts';

const epochMs = Date.UTC(2000, 0, 1);
const dayMs = 86_400_000;

/** Does a cell of this type have the asked length in binary? */
function hasLength(bytes: Buffer, length: number): boolean {
  return bytes.length === length;
}

/**
 * A value of the wire as one text, the same for text and binary form: numbers without needless zeros, uuids in lower case, timestamps as ISO in UTC.
 * @returns null for a binary form that is not read.
 */
export function valueText(typeOid: number, format: 0 | 1, bytes: Buffer): string | null {
  if (format === 0) return plainText(typeOid, bytes.toString('utf8'));
  const text = binaryText(typeOid, bytes);
  if (text !== null) return plainText(typeOid, text);
  const constant = redactedConstant(typeOid, -1, 1);
  if (constant === null || !constant.equals(bytes)) return null;
  return redactedConstant(typeOid, -1, 0)?.toString('utf8') ?? null;
}

function binaryText(typeOid: number, bytes: Buffer): string | null {
  switch (typeFamily(typeOid)) {
    case 'text':
    case 'bpchar':
    case 'json':
    case 'xml':
      return bytes.toString('utf8');
    case 'jsonb':
      return bytes.toString('utf8', 1);
    case 'bytea':
      return `\\x${bytes.toString('hex')}`;
    case 'int2':
      return hasLength(bytes, 2) ? String(bytes.readInt16BE(0)) : null;
    case 'int4':
      return hasLength(bytes, 4) ? String(bytes.readInt32BE(0)) : null;
    case 'int8':
      return hasLength(bytes, 8) ? String(bytes.readBigInt64BE(0)) : null;
    case 'float4':
      return hasLength(bytes, 4) ? String(bytes.readFloatBE(0)) : null;
    case 'float8':
      return hasLength(bytes, 8) ? String(bytes.readDoubleBE(0)) : null;
    case 'numeric':
      return numericText(bytes);
    case 'uuid':
      return hasLength(bytes, 16) ? bytes.toString('hex') : null;
    case 'date':
      return hasLength(bytes, 4) ? (isoText(epochMs + bytes.readInt32BE(0) * dayMs)?.slice(0, 10) ?? null) : null;
    case 'timestamp':
    case 'timestamptz':
      return hasLength(bytes, 8) ? isoText(epochMs + Number(bytes.readBigInt64BE(0) / 1000n)) : null;
    default:
      return null;
  }
}

function isoText(ms: number): string | null {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : null;
}

/** numeric_send: digit count, weight, sign (0x4000 = negative), scale, digits of base 10,000. NaN and infinity are not read. */
function numericText(bytes: Buffer): string | null {
  if (bytes.length < 8) return null;
  const digits = bytes.readUInt16BE(0);
  const weight = bytes.readInt16BE(2);
  const sign = bytes.readUInt16BE(4);
  if (bytes.length !== 8 + digits * 2 || (sign !== 0 && sign !== 0x4000) || Math.abs(weight) > 64) return null;
  let value = 0;
  for (let i = 0; i < digits; i += 1) value += bytes.readUInt16BE(8 + i * 2) * 10_000 ** (weight - i);
  return String(sign === 0 ? value : -value);
}

/** One spelling for all texts that the server reads as the same value, as far as tools write them differently. */
export function plainText(typeOid: number, text: string): string {
  const family = typeFamily(typeOid);
  switch (family) {
    case 'bpchar':
      return text.trimEnd();
    case 'int2':
    case 'int4':
    case 'int8':
      return /^\s*[+-]?\d+\s*$/.test(text) ? String(BigInt(text.trim().replace(/^\+/, ''))) : text;
    case 'float4':
    case 'float8':
    case 'numeric':
      return text.trim() !== '' && Number.isFinite(Number(text)) ? String(Number(text)) : text;
    case 'uuid':
      return text.toLowerCase().replace(/[{}\s-]/g, '');
    case 'json':
    case 'jsonb':
    case 'xml':
      return text.trim();
    case 'bytea':
      return text.toLowerCase();
    case 'timestamp':
    case 'timestamptz':
      return instantText(text);
    default:
      return text;
  }
}

/** `1970-01-01 01:00:00+01` and its like as ISO in UTC; what JavaScript does not read stays as it is. */
function instantText(text: string): string {
  const found = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?))?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/i.exec(
    text.trim(),
  );
  if (found === null) return text;
  const [, day, time = '00:00', zone = 'Z'] = found;
  const ms = Date.parse(`${day}T${time}${/^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone}`);
  return Number.isNaN(ms) ? text : new Date(ms).toISOString();
}
