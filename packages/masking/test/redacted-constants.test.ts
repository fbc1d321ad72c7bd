import { describe, expect, test } from 'vitest';
import { maskBytes, maskOf } from './support/mask-cell.ts';

/** Type OID, modifier, text form, binary form in hexadecimal: the documented constants, byte for byte. */
const constants: readonly (readonly [name: string, typeOid: number, modifier: number, text: string, binary: string])[] =
  [
    ['bool', 16, -1, 'f', '00'],
    ['bytea', 17, -1, '\\x', ''],
    ['"char"', 18, -1, '*', '2a'],
    ['name', 19, -1, '***', '2a2a2a'],
    ['int8', 20, -1, '0', '0000000000000000'],
    ['int2', 21, -1, '0', '0000'],
    ['int4', 23, -1, '0', '00000000'],
    ['regproc', 24, -1, '0', '00000000'],
    ['text', 25, -1, '***', '2a2a2a'],
    ['oid', 26, -1, '0', '00000000'],
    ['tid', 27, -1, '(0,0)', '000000000000'],
    ['xid', 28, -1, '0', '00000000'],
    ['cid', 29, -1, '0', '00000000'],
    ['json', 114, -1, '"***"', '222a2a2a22'],
    ['xml', 142, -1, '<masked/>', '3c6d61736b65642f3e'],
    ['point', 600, -1, '(0,0)', '00000000000000000000000000000000'],
    ['lseg', 601, -1, '[(0,0),(0,0)]', '0000000000000000000000000000000000000000000000000000000000000000'],
    ['path', 602, -1, '((0,0))', '010000000100000000000000000000000000000000'],
    ['box', 603, -1, '(0,0),(0,0)', '0000000000000000000000000000000000000000000000000000000000000000'],
    ['polygon', 604, -1, '((0,0))', '0000000100000000000000000000000000000000'],
    ['line', 628, -1, '{1,0,0}', '3ff000000000000000000000000000000000000000000000'],
    ['cidr', 650, -1, '0.0.0.0/32', '0220010400000000'],
    ['float4', 700, -1, '0', '00000000'],
    ['float8', 701, -1, '0', '0000000000000000'],
    ['unknown', 705, -1, '***', '2a2a2a'],
    ['circle', 718, -1, '<(0,0),0>', '000000000000000000000000000000000000000000000000'],
    ['macaddr8', 774, -1, '00:00:00:00:00:00:00:00', '0000000000000000'],
    ['money', 790, -1, '$0.00', '0000000000000000'],
    ['macaddr', 829, -1, '00:00:00:00:00:00', '000000000000'],
    ['inet', 869, -1, '0.0.0.0', '0220000400000000'],
    ['bpchar', 1042, -1, '***', '2a2a2a'],
    ['char(2)', 1042, 6, '**', '2a2a'],
    ['char(5)', 1042, 9, '***  ', '2a2a2a2020'],
    ['varchar', 1043, -1, '***', '2a2a2a'],
    ['varchar(1)', 1043, 5, '*', '2a'],
    ['varchar(80)', 1043, 84, '***', '2a2a2a'],
    ['date', 1082, -1, '1970-01-01', 'ffffd533'],
    ['time', 1083, -1, '00:00:00', '0000000000000000'],
    ['timestamp', 1114, -1, '1970-01-01 00:00:00', 'fffca2fec4c82000'],
    ['timestamptz', 1184, -1, '1970-01-01 00:00:00+00', 'fffca2fec4c82000'],
    ['interval', 1186, -1, '00:00:00', '00000000000000000000000000000000'],
    ['timetz', 1266, -1, '00:00:00+00', '000000000000000000000000'],
    ['bit', 1560, -1, '0', '0000000100'],
    ['bit(9)', 1560, 9, '000000000', '000000090000'],
    ['varbit', 1562, -1, '', '00000000'],
    ['numeric', 1700, -1, '0', '0000000000000000'],
    ['numeric(10,2)', 1700, 655366, '0', '0000000000000000'],
    ['refcursor', 1790, -1, '***', '2a2a2a'],
    ['regclass', 2205, -1, '0', '00000000'],
    ['regtype', 2206, -1, '0', '00000000'],
    ['uuid', 2950, -1, '00000000-0000-0000-0000-000000000000', '00000000000000000000000000000000'],
    ['pg_lsn', 3220, -1, '0/0', '0000000000000000'],
    ['tsvector', 3614, -1, '', '00000000'],
    ['tsquery', 3615, -1, "'masked'", '000000010100006d61736b656400'],
    ['jsonb', 3802, -1, '"***"', '01222a2a2a22'],
    ['int4range', 3904, -1, 'empty', '01'],
    ['numrange', 3906, -1, 'empty', '01'],
    ['tsrange', 3908, -1, 'empty', '01'],
    ['tstzrange', 3910, -1, 'empty', '01'],
    ['daterange', 3912, -1, 'empty', '01'],
    ['int8range', 3926, -1, 'empty', '01'],
    ['jsonpath', 4072, -1, '$', '0124'],
    ['int4multirange', 4451, -1, '{}', '00000000'],
    ['datemultirange', 4535, -1, '{}', '00000000'],
    ['xid8', 5069, -1, '0', '0000000000000000'],
    ['bool[]', 1000, -1, '{}', '000000000000000000000010'],
    ['bytea[]', 1001, -1, '{}', '000000000000000000000011'],
    ['int2[]', 1005, -1, '{}', '000000000000000000000015'],
    ['int4[]', 1007, -1, '{}', '000000000000000000000017'],
    ['text[]', 1009, -1, '{}', '000000000000000000000019'],
    ['varchar[]', 1015, -1, '{}', '000000000000000000000413'],
    ['int8[]', 1016, -1, '{}', '000000000000000000000014'],
    ['float8[]', 1022, -1, '{}', '0000000000000000000002bd'],
    ['timestamp[]', 1115, -1, '{}', '00000000000000000000045a'],
    ['date[]', 1182, -1, '{}', '00000000000000000000043a'],
    ['timestamptz[]', 1185, -1, '{}', '0000000000000000000004a0'],
    ['numeric[]', 1231, -1, '{}', '0000000000000000000006a4'],
    ['uuid[]', 2951, -1, '{}', '000000000000000000000b86'],
    ['jsonb[]', 3807, -1, '{}', '000000000000000000000eda'],
    ['json[]', 199, -1, '{}', '000000000000000000000072'],
    ['inet[]', 1041, -1, '{}', '000000000000000000000365'],
    ['int4range[]', 3905, -1, '{}', '000000000000000000000f40'],
  ];

describe.each(constants)('%s (%i, %i)', (_name, typeOid, typeModifier, text, binary) => {
  test('is redacted to its constant in both formats', () => {
    const cell = Buffer.from('17');
    expect(maskBytes(maskOf({ transform: 'redact', typeOid, typeModifier }), cell)?.toString()).toBe(text);
    expect(maskBytes(maskOf({ transform: 'redact', typeOid, typeModifier, format: 1 }), cell)?.toString('hex')).toBe(
      binary,
    );
  });
  test('gets the same constant for derived values, whatever is asked', () => {
    for (const transform of ['hash', 'fake', 'partial'] as const) {
      const mask = maskOf({ transform, contentType: 'email', typeOid, typeModifier, direct: false });
      expect(maskBytes(mask, Buffer.from('17'))?.toString()).toBe(text);
    }
  });
});

test.each([
  ['record', 2249],
  ['aclitem', 1033],
  ['int2vector', 22],
  ['oidvector', 30],
  ['pg_node_tree', 194],
  ['pg_snapshot', 5038],
  ['record[]', 2287],
  ['an enum', 16_391],
  ['a composite', 98_765],
  ['no type', 0],
])('%s has no constant and becomes NULL', (_name, typeOid) => {
  for (const format of [0, 1] as const)
    expect(maskBytes(maskOf({ transform: 'redact', typeOid, format }), Buffer.from('17'))).toBeNull();
});

test('very long bit strings become NULL, long char(n) is not padded', () => {
  expect(maskBytes(maskOf({ transform: 'redact', typeOid: 1560, typeModifier: 5000 }), Buffer.from('1'))).toBeNull();
  const mask = maskOf({ transform: 'redact', typeOid: 1042, typeModifier: 10_000_004 });
  expect(maskBytes(mask, Buffer.from('17'))?.toString()).toBe('***');
});
