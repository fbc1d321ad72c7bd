import type { ContentType } from '@weir/policy';
import fc from 'fast-check';
import { parsePhoneNumberFromString } from 'libphonenumber-js';
import { describe, expect, test } from 'vitest';
import { detect } from '../src/index.ts';
import { key, maskBytes, maskOf, maskText } from './support/mask-cell.ts';

describe('partial', () => {
  const table: readonly (readonly [ContentType | null, string, string])[] = [
    ['email', 'alice@example.com', 'a***@example.com'],
    ['email', 'al@x.co', 'a***@x.co'],
    ['email', 'o.brien+shop@mail.example.co.uk', 'o***@mail.example.co.uk'],
    ['email', 'a@example.com', '***'],
    ['email', 'alice', '***'],
    ['email', 'alice@', '***'],
    ['email', '@example.com', '***'],
    ['email', 'alice@localhost', '***'],
    ['email', 'alice@example.c', '***'],
    ['email', 'alice@example..com', '***'],
    ['email', 'alice@.com', '***'],
    ['email', 'alice@x.com bob@y.com', '***'],
    ['email', 'alice@bob@example.com', '***'],
    ['email', '"al ice"@example.com', '***'],
    ['email', 'Alice <alice@example.com>', '***'],
    ['email', 'élise@example.com', '***'],
    ['email', 'alice@exämple.com', '***'],
    ['email', '', '***'],
    ['phone', '+1 (415) 555-0132', '***0132'],
    ['phone', '4155550132', '***0132'],
    ['phone', '555-0132', '***32'],
    ['phone', '+49 30 1234567', '***4567'],
    ['phone', '12345', '***'],
    ['phone', 'call me', '***'],
    ['phone', '+1 415 555 0132 ext 5', '***'],
    ['phone', '1234567890123456', '***'],
    ['us-ssn', '123-45-6789', '***-**-6789'],
    ['us-ssn', '123456789', '***-**-6789'],
    ['us-ssn', '123-45-678', '***'],
    ['us-ssn', '1234567890', '***'],
    ['card', '4111 1111 1111 1234', '************1234'],
    ['card', '4111-1111-1111-1234', '************1234'],
    ['card', '378282246310005', '************0005'],
    ['card', '411111111111', '***'],
    ['card', '41111111111111111111', '***'],
    ['card', '4111 1111 1111 111x', '***'],
    ['iban', 'DE89 3704 0044 0532 0130 00', 'DE***3000'],
    ['iban', 'GB82WEST12345698765432', 'GB***5432'],
    ['iban', 'gb82west12345698765432', 'gb***5432'],
    ['iban', 'DE89', '***'],
    ['iban', '8937040044053201300000', '***'],
    ['iban', 'DEX93704004405320130', '***'],
    ['address', '12 Elm Street, Fairview', '***'],
    ['name', 'Alice Smith', '***'],
    ['number', '52000', '***'],
    ['text', 'anything', '***'],
    [null, 'anything', '***'],
  ];
  test.each(table)('%s %s', (contentType, value, wanted) => {
    expect(maskText(value, { transform: 'partial', contentType })).toBe(wanted);
    expect(maskText(value, { transform: 'partial', contentType, format: 1 })).toBe(wanted);
  });

  test.each(['email', 'phone', 'us-ssn', 'card', 'iban'] as const)(
    '%s of an expression is redacted whole',
    (contentType) => {
      for (const value of [
        'alice@example.com',
        '4155550132',
        '123456789',
        '4111111111111234',
        'GB82WEST12345698765432',
      ]) {
        expect(maskText(value, { transform: 'partial', contentType, direct: false })).toBe('***');
      }
    },
  );

  test('random bytes are redacted whole or keep at most their last four and no error is thrown', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.constantFrom<ContentType>('phone', 'us-ssn', 'card', 'iban', 'email'),
        (bytes, contentType) => {
          const masked = maskBytes(maskOf({ transform: 'partial', contentType }), Buffer.from(bytes));
          expect(masked?.toString('latin1')).toMatch(
            /^(\*\*\*|\*\*\*\d{2,4}|\*\*\*-\*\*-\d{4}|\*{12}\d{4}|[a-z]{2}\*\*\*\w{4}|\w\*\*\*@[\w.-]+)$/i,
          );
        },
      ),
    );
  });
});

describe('lengths of varchar(n) and char(n)', () => {
  test.each([
    ['redact', 1043, 2, 'bob@example.com', '**'],
    ['redact', 1042, 1, 'b', '*'],
    ['redact', 1042, 6, 'bob   ', '***   '],
    ['partial', 1043, 11, 'bo@x.io', 'b***@x.io'],
    ['partial', 1043, 8, 'bo@x.iox', '***'],
    ['partial', 1042, 20, 'alice@example.com   ', 'a***@example.com    '],
    ['partial', 1042, 16, '4111111111111234', '***             '],
    ['hash', 1043, 9, 'bob', '***'],
  ] as const)('%s type %i length %i: %s', (transform, typeOid, length, value, wanted) => {
    const column = { transform, contentType: 'email', typeOid, typeModifier: length + 4 } as const;
    expect(maskText(value, column)).toBe(wanted);
  });
  test('a short column gets a short token', () => {
    const full = maskText('bob', { transform: 'hash' }) ?? '';
    expect(maskText('bob', { transform: 'hash', typeOid: 1043, typeModifier: 16 })).toBe(full.slice(0, 12));
    expect(maskText('bob', { transform: 'hash', typeOid: 1042, typeModifier: 16 })).toBe(full.slice(0, 12));
    expect(maskText('bob', { transform: 'hash', typeOid: 1042, typeModifier: 24 })).toBe(`${full}  `);
  });
  test('blanks at the end of char(n) do not change its token', () => {
    expect(maskText('bob   ', { transform: 'hash', typeOid: 1042 })).toBe(
      maskText('bob', { transform: 'hash', typeOid: 1042 }),
    );
  });
});

describe('hash', () => {
  test('is a function of key and value that shows nothing of the value', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 4, maxLength: 40 }), fc.string({ minLength: 4 }), (value, other) => {
        const token = maskText(value, { transform: 'hash' });
        expect(token).toMatch(/^h_[0-9a-f]{16}$/);
        expect(maskText(value, { transform: 'hash', format: 1 })).toBe(token);
        expect(maskText(value, { transform: 'hash', key: Buffer.from('another secret of 32 bytes ......') })).not.toBe(
          token,
        );
        if (other !== value) expect(maskText(other, { transform: 'hash' })).not.toBe(token);
      }),
    );
  });
  test('of an expression is redacted: one letter at a time could be looked up', () => {
    expect(maskText('b', { transform: 'hash', direct: false })).toBe('***');
  });
  test('a short key is refused', () => {
    expect(() => maskOf({ transform: 'hash', key: Buffer.alloc(15) })).toThrow(RangeError);
    expect(() => maskOf({ transform: 'redact', key: Buffer.alloc(0) })).not.toThrow();
  });
});

describe('redact and null', () => {
  test('show nothing of any value', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (value) => {
        expect(maskText(value, { transform: 'redact' })).toBe('***');
        expect(maskText(value, { transform: 'null' })).toBeNull();
      }),
    );
  });
});

describe('fake', () => {
  const fake = (contentType: ContentType | null, value: string): string =>
    maskText(value, { transform: 'fake', contentType }) ?? '';
  const value = fc.string({ minLength: 4, maxLength: 30 });

  test.each<[ContentType | null, RegExp]>([
    ['email', /^[a-z]+\.[a-z]+\d{1,4}@example\.(com|net|org)$/],
    ['phone', /^\+1-\d{3}-555-01\d\d$/],
    ['us-ssn', /^9\d\d-(0[1-9]|[1-4]\d)-\d{4}$/],
    ['card', /^400000\d{10}$/],
    ['iban', /^DE\d\d0\d{17}$/],
    ['name', /^[A-Z][a-z]+ [A-Z][a-z]+$/],
    ['address', /^\d+ [A-Z][a-z]+ Street, [A-Z][a-z]+$/],
    ['number', /^\d{5}$/],
    ['text', /^[a-z]+ [a-z]+ [a-z]+$/],
    [null, /^[a-z]+ [a-z]+ [a-z]+$/],
  ])('%s looks like one, is the same every time, and needs no escapes', (contentType, shape) => {
    fc.assert(
      fc.property(value, (input) => {
        const output = fake(contentType, input);
        expect(output).toMatch(shape);
        expect(fake(contentType, input)).toBe(output);
        expect(maskText(input, { transform: 'fake', contentType, format: 1 })).toBe(output);
        expect(maskText(JSON.stringify(input), { transform: 'fake', contentType, typeOid: 114 })).toMatch(
          /^"[^"\\]+"$/,
        );
      }),
    );
  });

  test('cards pass Luhn, IBANs pass modulo 97, phones are possible numbers', () => {
    fc.assert(
      fc.property(value, (input) => {
        for (const contentType of ['card', 'iban'] as const) {
          const output = Buffer.from(fake(contentType, input));
          expect(detect(output, 0, output.length, [contentType])).toEqual([
            { type: contentType, start: 0, end: output.length },
          ]);
        }
        expect(parsePhoneNumberFromString(fake('phone', input))?.isPossible()).toBe(true);
      }),
    );
  });

  test('a value that does not fit is redacted', () => {
    expect(
      maskText('4111111111111111', { transform: 'fake', contentType: 'card', typeOid: 1043, typeModifier: 16 }),
    ).toBe('***');
  });

  test.each([
    [21, 'number', /^[1-9]\d{3}$/],
    [23, 'number', /^[1-9]\d{4}$/],
    [23, 'us-ssn', /^9\d{8}$/],
    [20, 'card', /^400000\d{10}$/],
    [20, 'phone', /^1\d{3}55501\d\d$/],
    [1700, 'number', /^[1-9]\d{4}$/],
    [1082, null, /^(19|20)\d\d-\d\d-\d\d$/],
  ] as const)('type %i as %s', (typeOid, contentType, shape) => {
    const input = typeOid === 1082 ? '1983-07-14' : '12345';
    expect(maskText(input, { transform: 'fake', contentType, typeOid })).toMatch(shape);
  });

  test('numeric respects precision and scale', () => {
    const typeModifier = (5 << 16) + 2 + 4;
    expect(maskText('123.45', { transform: 'fake', typeOid: 1700, typeModifier })).toMatch(/^[1-9]\d\d\.00$/);
    expect(maskText('0.45', { transform: 'fake', typeOid: 1700, typeModifier: (2 << 16) + 2 + 4 })).toBe('0');
  });

  test.each(['infinity', '14/07/1983', '0044-03-15 BC', ''])('a date that is no ISO date is redacted: %s', (input) => {
    expect(maskText(input, { transform: 'fake', typeOid: 1082 })).toBe('1970-01-01');
  });
});

test.each([
  [23, Buffer.alloc(3)],
  [20, Buffer.alloc(0)],
  [2950, Buffer.from('not a uuid')],
  [17, Buffer.from('\\377')],
  [17, Buffer.from('\\xzz')],
])('malformed cells of type %i become NULL', (typeOid, cell) => {
  const format = typeOid === 23 || typeOid === 20 ? 1 : 0;
  expect(maskBytes(maskOf({ transform: 'hash', typeOid, format }), cell)).toBeNull();
});

test('unknown types become NULL whatever is asked', () => {
  for (const transform of ['redact', 'hash', 'fake', 'partial'] as const) {
    expect(maskText('gloomy', { transform, contentType: 'email', typeOid: 16_400 })).toBeNull();
  }
});

test('the key is not held as it was given', () => {
  const given = Buffer.from(key);
  const mask = maskOf({ transform: 'hash', key: given });
  const before = maskBytes(mask, Buffer.from('bob'));
  given.fill(0);
  expect(maskBytes(mask, Buffer.from('bob'))).toEqual(before);
});
