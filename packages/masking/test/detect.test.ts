import type { ContentType } from '@weir/policy';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createDetector, detect, detectableTypes } from '../src/index.ts';
import { maskText } from './support/mask-cell.ts';

const all: readonly ContentType[] = detectableTypes;

/** The found pieces as `type:text`. */
function found(text: string, types: readonly ContentType[] = all): string[] {
  const buffer = Buffer.from(`@1${text}1@`);
  return detect(buffer, 2, buffer.length - 2, types).map(
    ({ type, start, end }) => `${type}:${buffer.toString('utf8', start, end)}`,
  );
}

describe('what is found', () => {
  test.each([
    ['mail bob@example.com now', ['email:bob@example.com']],
    ['<bob@example.com>, "al.b+c@x.co.uk"', ['email:bob@example.com', 'email:al.b+c@x.co.uk']],
    ['bob@example.com.', ['email:bob@example.com']],
    ["'bob@example.com'", ['email:bob@example.com']],
    ["o'brien@example.com", ["email:o'brien@example.com"]],
    ['email=bob@example.com;x', ['email:bob@example.com']],
    ['bob@example.com42', ['email:bob@example.com']],
    ['bob@xn--bcher-kva.xn--p1ai', ['email:bob@xn--bcher-kva.xn--p1ai']],
    ['jürgen@müller.de', ['email:jürgen@müller.de']],
    ['a@b.co@c.de', ['email:a@b.co']],
    ['415-555-0132@example.com', ['email:415-555-0132@example.com']],
    ['4111111111111111@example.com', ['email:4111111111111111@example.com']],
    ['card 4111111111111111 end', ['card:4111111111111111']],
    ['4111 1111 1111 1111', ['card:4111 1111 1111 1111']],
    ['4111-1111-1111-1111', ['card:4111-1111-1111-1111']],
    ['43 4111 1111 1111 1111 7', ['card:4111 1111 1111 1111']],
    ['amex 3782 822463 10005', ['card:3782 822463 10005']],
    ['x4111111111111111y', ['card:4111111111111111']],
    ['DE89370400440532013000', ['iban:DE89370400440532013000']],
    ['iban: GB82 WEST 1234 5698 7654 32.', ['iban:GB82 WEST 1234 5698 7654 32']],
    ['de89 3704 0044 0532 0130 00', ['iban:de89 3704 0044 0532 0130 00']],
    ['NO9386011117947', ['iban:NO9386011117947']],
    ['ssn 123-45-6789.', ['us-ssn:123-45-6789']],
    ['7 123-45-6789', ['us-ssn:123-45-6789']],
    ['call 415-555-0132', ['phone:415-555-0132']],
    ['(415) 555-0132', ['phone:(415) 555-0132']],
    ['415.555.0132', ['phone:415.555.0132']],
    ['+1 415 555 2671', ['phone:+1 415 555 2671']],
    ['+49 30 901820', ['phone:+49 30 901820']],
    ['+442079460958, 5 pm', ['phone:+442079460958']],
    ['+14155552671 42 things', ['phone:+14155552671']],
  ])('%s', (text, wanted) => {
    expect(found(text)).toEqual(wanted);
  });

  test.each([
    'nothing to see',
    'a@b',
    '@example.com',
    'bob@',
    'bob@.com',
    'bob@10.0.0.1',
    '@@@@',
    'bob@example.c',
    '4111111111111112',
    '411111111111',
    '0000000000000000',
    '1700000000000',
    '41111111111111111111111',
    'DE89370400440532013001',
    'XX89370400440532013000',
    'DE8937040044053201300',
    '000-45-6789',
    '666-45-6789',
    '900-45-6789',
    '123-00-6789',
    '123-45-0000',
    '123-45-67890',
    '1123-45-6789',
    '123-456-789',
    '2024-01-31 12:30:45',
    '10.0.0.1',
    '555-0132',
    '4155550132',
    '+1',
    '+999 999 999 999',
    '1 + 12345678',
    '415) 555-0132',
    '',
  ])('not in: %s', (text) => {
    expect(found(text)).toEqual([]);
  });

  test('only the types that were asked for', () => {
    const text = 'bob@example.com 4111111111111111 DE89370400440532013000 123-45-6789 415-555-0132';
    for (const type of detectableTypes) expect(found(text, [type]).map((piece) => piece.split(':')[0])).toEqual([type]);
    expect(found(text, ['name', 'address', 'number', 'text'])).toEqual([]);
  });
});

const digits = (length: number): fc.Arbitrary<string> => fc.stringMatching(new RegExp(`^[0-9]{${length}}$`));
const word = fc.stringMatching(/^[a-z0-9]([a-z0-9._+-]{0,12}[a-z0-9])?$/);
const grouped = (text: string, separator: string): string => text.match(/.{1,4}/g)?.join(separator) ?? text;

const generated: Readonly<Record<string, fc.Arbitrary<string>>> = {
  email: fc
    .tuple(word, fc.stringMatching(/^[a-z0-9]{1,10}$/), fc.constantFrom('com', 'de', 'co.uk', 'museum'))
    .map(([local, domain, top]) => `${local}@${domain}.${top}`),
  card: fc
    .tuple(fc.string({ minLength: 4 }), fc.constantFrom('', ' ', '-'))
    .map(([seed, separator]) => grouped(maskText(seed, { transform: 'fake', contentType: 'card' }) ?? '', separator)),
  iban: fc
    .tuple(fc.string({ minLength: 4 }), fc.constantFrom('', ' '))
    .map(([seed, separator]) => grouped(maskText(seed, { transform: 'fake', contentType: 'iban' }) ?? '', separator)),
  'us-ssn': fc
    .tuple(
      fc.integer({ min: 1, max: 899 }).filter((area) => area !== 666),
      fc.integer({ min: 1, max: 99 }),
      fc.integer({ min: 1, max: 9999 }),
    )
    .map(
      ([area, group, serial]) =>
        `${String(area).padStart(3, '0')}-${String(group).padStart(2, '0')}-${String(serial).padStart(4, '0')}`,
    ),
  phone: fc.oneof(
    fc.tuple(digits(3), digits(3), digits(4)).map((parts) => parts.join('-')),
    fc
      .tuple(fc.constantFrom('+1 415 555 ', '+1415555', '+49 30 90', '+44 20 7946 '), digits(4))
      .map((parts) => parts.join(''))
      .filter((text) => text !== '' && !/\b90\d{4}$/.test(text)),
  ),
};

/** Text around a value that cannot be read as a part of it. */
const around = fc.string({
  unit: fc.constantFrom('a', 'ü', '漢', ' ', ',', ';', ':', '(', '"', '\n', '{', '<', '[', '=', '😀', '#'),
  maxLength: 40,
});

describe.each(Object.keys(generated))('generated values: %s', (type) => {
  test('are found wherever they stand', () => {
    fc.assert(
      fc.property(around, generated[type] as fc.Arbitrary<string>, around, (before, value, after) => {
        // Letters that touch an address belong to it; a bracket before a number may be its own.
        const text = `${before} ${value} ${after}`;
        const buffer = Buffer.from(text);
        const at = Buffer.byteLength(`${before} `);
        const spans = detect(buffer, 0, buffer.length, [type as ContentType]);
        expect(spans.some((span) => span.start <= at && span.end >= at + Buffer.byteLength(value))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('any bytes', () => {
  const hostile = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
      fc.constantFrom(
        ...['@', '.', '+', '-', ' ', '4', '41111', 'DE89', 'a@b.co', '123-45-6789', '\\', '"', '('].map((text) =>
          Buffer.from(text),
        ),
      ),
    ),
    { maxLength: 40 },
  );
  test('never throw; spans are in order, inside, and apart', () => {
    fc.assert(
      fc.property(hostile, fc.nat(5), (pieces, cut) => {
        const buffer = Buffer.concat(pieces);
        const start = Math.min(cut, buffer.length);
        const end = Math.max(start, buffer.length - cut);
        let last = start;
        for (const span of detect(buffer, start, end, all)) {
          expect(span.start).toBeGreaterThanOrEqual(last);
          expect(span.end).toBeGreaterThan(span.start);
          last = span.end;
        }
        expect(last).toBeLessThanOrEqual(end);
      }),
      { numRuns: 1000 },
    );
  });

  test.each(['@', 'a@', 'a.', '1', '1 ', '+1', '+1 1', '+1(2)', '123-45-6789@', 'a@b.', '4-', 'DE1', '(1'])(
    'a megabyte of %s is scanned to its end',
    (piece) => {
      const buffer = Buffer.from(`${piece.repeat(Math.ceil(1_000_000 / piece.length))} bob@example.com`);
      const last = createDetector(all)(buffer, 0, buffer.length).at(-1);
      expect(last?.type).toBe('email');
      expect(last?.end).toBe(buffer.length);
    },
  );
});
