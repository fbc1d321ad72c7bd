import type { ContentType } from '@weir/policy';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createDetectMask, detectableTypes } from '../src/index.ts';
import { key, maskBytes } from './support/mask-cell.ts';

const types: readonly ContentType[] = detectableTypes;
const text = 25;
const json = 114;
const jsonb = 3802;

function masked(value: string | Buffer, typeOid: number, format: 0 | 1 = 0): string | null {
  return maskBytes(createDetectMask({ types, format, typeOid, key }), Buffer.from(value))?.toString() ?? null;
}

test.each([
  [text, 'nothing here', 'nothing here'],
  [text, '', ''],
  [text, 'write to bob@example.com!', 'write to [email]!'],
  [text, 'bob@example.com', '[email]'],
  [text, 'a@b.co,a@b.co', '[email],[email]'],
  [1043, 'card 4111 1111 1111 1111, ssn 123-45-6789', 'card [card], ssn [us-ssn]'],
  [1042, 'call (415) 555-0132   ', 'call [phone]   '],
  [142, '<m to="bob@example.com">DE89370400440532013000</m>', '<m to="[email]">[iban]</m>'],
  [1009, '{"x bob@example.com",al@x.io}', '{"x [email]",[email]}'],
  [json, '{"mail": "bob@example.com", "n": 5}', '{"mail": "[email]", "n": 5}'],
  [json, '{"card": 4111111111111111}', '{"card": "[card]"}'],
  [json, '[-4111111111111111,4111111111111111.5, 4111111111111111e3]', '["[card]","[card]", "[card]"]'],
  [json, '{"bob@example.com": "\\"4111111111111111\\""}', '{"[email]": "\\"[card]\\""}'],
  [json, '"hi\\nbob@example.com"', '"hi\\n[email]"'],
  [json, '"\\u00e9bob@example.com"', '"\\u00e9[email]"'],
  [json, '"\\\\bob@example.com"', '"\\\\[email]"'],
  [json, '"\\n@x.io"', '"\\n[email]"'],
  [json, '4111111111111111', '"[card]"'],
  [20, '4111111111111111', '4111111111111111'],
  [17, '\\x626f62', '\\x626f62'],
  [16_400, 'gloomy', 'gloomy'],
  [16_400, '(bob@example.com,7)', null],
  [2249, '(bob@example.com,7)', null],
  [199, '{"{\\"a\\": \\"bob@example.com\\"}"}', null],
  [199, '{"{\\"a\\": 1}"}', '{"{\\"a\\": 1}"}'],
  [1016, '{4111111111111111}', '{4111111111111111}'],
])('type %i: %s', (typeOid, value, wanted) => {
  expect(masked(value, typeOid)).toBe(wanted);
});

test('binary jsonb keeps its version byte', () => {
  expect(masked('\u0001{"m": "bob@example.com", "c": 4111111111111111}', jsonb, 1)).toBe(
    '\u0001{"m": "[email]", "c": "[card]"}',
  );
});

function binaryArray(elements: readonly (string | null)[]): Buffer {
  const head = Buffer.alloc(20);
  head.writeInt32BE(1, 0);
  head.writeInt32BE(text, 8);
  head.writeInt32BE(elements.length, 12);
  head.writeInt32BE(1, 16);
  const body = elements.flatMap((element) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(element === null ? -1 : Buffer.byteLength(element));
    return [length, Buffer.from(element ?? '')];
  });
  return Buffer.concat([head, ...body]);
}

describe('binary arrays', () => {
  test('without a find are copied', () => {
    const cell = binaryArray(['a', null, 'plain']);
    expect(masked(cell, 1009, 1)).toBe(cell.toString());
    expect(masked(Buffer.concat([Buffer.alloc(8), Buffer.from([0, 0, 0, text])]), 1009, 1)).not.toBeNull();
  });
  test('with a find become NULL, also when a length byte looks like a digit', () => {
    expect(masked(binaryArray(['a', 'bob@example.com']), 1009, 1)).toBeNull();
    // The length 48 is the digit 0 to a careless scanner.
    expect(masked(binaryArray([`4111111111111111${' '.repeat(32)}`]), 1009, 1)).toBeNull();
  });
  test.each([
    Buffer.alloc(3),
    Buffer.alloc(12, 0xff),
    binaryArray(['abc']).subarray(0, 25),
    Buffer.concat([binaryArray(['abc']), Buffer.from('x')]),
  ])('that are malformed become NULL', (cell) => {
    expect(masked(cell, 1009, 1)).toBeNull();
  });
});

describe('properties', () => {
  const secret = fc.constantFrom(
    'bob@example.com',
    '4111111111111111',
    'DE89370400440532013000',
    '123-45-6789',
    '415-555-0132',
    '+1 415 555 2671',
    'a@b.co',
  );
  const filler = fc.string({ unit: 'grapheme', maxLength: 12 });
  const leaf = fc.oneof(
    fc.tuple(filler, secret, filler).map(([before, value, after]) => `${before} ${value} ${after}`),
    filler,
    fc.integer(),
    fc.constant(4111111111111111),
    fc.constant(-4111111111111111),
  );
  const document = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.array(tie('node'), { maxLength: 4 }),
      fc.dictionary(filler, tie('node'), { maxKeys: 4 }),
    ),
  })).node;

  test('JSON stays JSON and holds no planted value', () => {
    fc.assert(
      fc.property(document, fc.boolean(), (value, isPretty) => {
        const output = masked(JSON.stringify(value, null, isPretty ? 2 : 0), json) ?? '';
        expect(() => JSON.parse(output)).not.toThrow();
        for (const planted of [
          'bob@example.com',
          '4111111111111111',
          'DE89370400440532013000',
          '123-45-6789',
          ' 415-555-0132',
          '+1 415 555 2671',
        ]) {
          expect(output).not.toContain(planted);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('random bytes of any type and format keep the bounds and never throw', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
      fc.constantFrom('\\n@x.io', 'a@b.co', '4111111111111111', '\\u', '"', '\\', '[').map((part) => Buffer.from(part)),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 30 }),
        fc.constantFrom(text, json, jsonb, 1009, 3807, 16_400, 2249, 20),
        fc.constantFrom<0 | 1>(0, 1),
        (pieces, typeOid, format) => {
          const cell = Buffer.concat(pieces);
          const output = maskBytes(createDetectMask({ types, format, typeOid, key }), cell);
          expect(output === null || output.length <= cell.length * 2 + 16).toBe(true);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('a clean text comes through byte for byte', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'é', ' ', '5', '-', '\u0000', '😀'), maxLength: 12 }),
        (value) => {
          expect(masked(value, text)).toBe(value);
        },
      ),
    );
  });
});
