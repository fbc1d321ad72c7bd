import { arrayElements, type TypeFamily, typeFamily } from './type-family.ts';

/** Longest bit(n) that is redacted to n zeros; a longer one becomes SQL NULL. */
const maxBits = 4096;

/** Microseconds and days from 1970-01-01, our redacted date, to PostgreSQL's epoch 2000-01-01. */
const unixEpochDays = -10957;
const unixEpochMicros = -946684800000000n;

const zeros = (length: number): Buffer => Buffer.alloc(length);
const int32 = (value: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeInt32BE(value);
  return out;
};
const int64 = (value: bigint): Buffer => {
  const out = Buffer.alloc(8);
  out.writeBigInt64BE(value);
  return out;
};

/** Text and binary form (the type's own `*_send` format) of each family's redacted value. The forms with a modifier are below. */
const constants: Partial<Record<TypeFamily, readonly [text: string, binary: Buffer]>> = {
  bool: ['f', zeros(1)],
  bytea: ['\\x', zeros(0)],
  char: ['*', Buffer.from('*')],
  int2: ['0', zeros(2)],
  int4: ['0', zeros(4)],
  int8: ['0', zeros(8)],
  oid: ['0', zeros(4)],
  reg: ['0', zeros(4)],
  xid8: ['0', zeros(8)],
  tid: ['(0,0)', zeros(6)],
  float4: ['0', zeros(4)],
  float8: ['0', zeros(8)],
  // Binary numeric: digit count, weight, sign and scale, all 0.
  numeric: ['0', zeros(8)],
  money: ['$0.00', zeros(8)],
  date: ['1970-01-01', int32(unixEpochDays)],
  time: ['00:00:00', zeros(8)],
  timetz: ['00:00:00+00', zeros(12)],
  timestamp: ['1970-01-01 00:00:00', int64(unixEpochMicros)],
  timestamptz: ['1970-01-01 00:00:00+00', int64(unixEpochMicros)],
  interval: ['00:00:00', zeros(16)],
  uuid: ['00000000-0000-0000-0000-000000000000', zeros(16)],
  json: ['"***"', Buffer.from('"***"')],
  jsonb: ['"***"', Buffer.from('\x01"***"')],
  jsonpath: ['$', Buffer.from('\x01$')],
  xml: ['<masked/>', Buffer.from('<masked/>')],
  // Address family (2 = IPv4), bits, is_cidr, length, address.
  inet: ['0.0.0.0', Buffer.from([2, 32, 0, 4, 0, 0, 0, 0])],
  cidr: ['0.0.0.0/32', Buffer.from([2, 32, 1, 4, 0, 0, 0, 0])],
  macaddr: ['00:00:00:00:00:00', zeros(6)],
  macaddr8: ['00:00:00:00:00:00:00:00', zeros(8)],
  varbit: ['', zeros(4)],
  point: ['(0,0)', zeros(16)],
  lseg: ['[(0,0),(0,0)]', zeros(32)],
  path: ['((0,0))', Buffer.concat([Buffer.from([1]), int32(1), zeros(16)])],
  box: ['(0,0),(0,0)', zeros(32)],
  polygon: ['((0,0))', Buffer.concat([int32(1), zeros(16)])],
  line: ['{1,0,0}', Buffer.concat([Buffer.from([0x3f, 0xf0]), zeros(22)])],
  circle: ['<(0,0),0>', zeros(24)],
  tsvector: ['', zeros(4)],
  // One item: an operand (1) without weight and prefix mark. The server refuses an empty query in binary form.
  tsquery: ["'masked'", Buffer.concat([int32(1), Buffer.from('\x01\x00\x00masked\x00')])],
  'pg-lsn': ['0/0', zeros(8)],
  range: ['empty', Buffer.from([1])],
  multirange: ['{}', zeros(4)],
};

/**
 * The redacted value of a type in the asked format: `***` for text, 0 for numbers, 1970-01-01 for dates, zeros for addresses and uuids,
 * the JSON string "***", the empty array or range. Length modifiers (varchar(n), char(n), bit(n)) are respected.
 * @returns null when the type has no legal constant that we know: the value becomes SQL NULL.
 */
export function redactedConstant(typeOid: number, typeModifier: number, format: 0 | 1): Buffer | null {
  const family = typeFamily(typeOid);
  if (family === 'text') return Buffer.from('***'.slice(0, characterLimit(typeOid, typeModifier) ?? 3));
  if (family === 'bpchar') {
    const limit = characterLimit(typeOid, typeModifier);
    return limit === null ? Buffer.from('***') : Buffer.from('***'.slice(0, limit).padEnd(limit));
  }
  if (family === 'bit') return redactedBits(typeModifier, format);
  if (family === 'array') {
    if (format === 0) return Buffer.from('{}');
    // No dimensions, no null flag, element type.
    return Buffer.concat([zeros(8), int32(arrayElements.get(typeOid) ?? 0)]);
  }
  const constant = constants[family];
  if (constant === undefined) return null;
  return format === 0 ? Buffer.from(constant[0]) : constant[1];
}

function redactedBits(typeModifier: number, format: 0 | 1): Buffer | null {
  const bits = typeModifier > 0 ? typeModifier : 1;
  if (bits > maxBits) return null;
  return format === 0 ? Buffer.from('0'.repeat(bits)) : Buffer.concat([int32(bits), zeros((bits + 7) >> 3)]);
}

/** Longest char(n) that is padded to n (the server's own limit is 10 MB of characters). */
const maxPadding = 1024;

/** @returns n of varchar(n) and char(n) (of char(n) only up to 1,024), 63 of name, else null. The modifier holds n + 4 (varchar.c). */
export function characterLimit(typeOid: number, typeModifier: number): number | null {
  if (typeOid === 19) return 63;
  if (typeModifier < 5) return null;
  if (typeOid === 1043) return typeModifier - 4;
  if (typeOid === 1042) return typeModifier - 4 <= maxPadding ? typeModifier - 4 : null;
  return null;
}
