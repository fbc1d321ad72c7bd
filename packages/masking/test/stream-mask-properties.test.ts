import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutAt, streamMask, throughMask } from './support/stream.ts';

const values = [
  'bob@example.com',
  'jürgen.o-neill@müller.co.uk',
  '4111111111111111',
  '4111 1111 1111 1111',
  '3782-822463-10005',
  'DE89370400440532013000',
  'GB82 WEST 1234 5698 7654 32',
  '123-45-6789',
  '(415) 555-0132',
  '415-555-0132',
  '+49 30 901820',
];

const sequences = [
  '\x1b[m',
  '\x1b[1;31m',
  '\x1b[38;5;4111m',
  '\x1b[K',
  '\x1b]0;a title 1\x07',
  '\x1b]8;;http://example.com/1\x1b\\',
  '\x1bP1$r0m\x1b\\',
  '\x1b(B',
  '\x1b7',
  '\x0e',
  '\x0f',
  '\x1b[?25l',
  '\u009b1m',
  '\x1b[?2004h',
];
const jumps = [
  '\r',
  '\n',
  '\r\n',
  '\t',
  '\x1b[H',
  '\x1b[12;1H',
  '\x1b[2A',
  '\x1b[10G',
  '\x1b[8C',
  '\x1bM',
  '\b',
  '\b\b',
  '\x1b[D',
  '\x1b[2C',
  '\x1b[3b',
  '\x1b[2P',
  '\x1b[@',
  '\x1bNx',
];
const fragments = [
  '@',
  '.',
  '+',
  '-',
  ' ',
  '(',
  '4',
  '41',
  '11',
  '1111',
  'DE89',
  'de',
  '.co',
  'a@b',
  '123-',
  '45-',
  '6789',
  'x',
  '漢',
  'ü',
  '😀',
  'word',
  ',',
  '"',
  ':',
  '\x1b',
  '\x1b[',
  '\x1b[3',
  '\x1b]0;',
  '\x9b',
  '\xc2',
];

const anySequence = new RegExp(
  [...sequences].map((sequence) => sequence.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&')).join('|'),
  'gu',
);

const text = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...values) },
  { weight: 3, arbitrary: fc.constantFrom(...fragments) },
  { weight: 2, arbitrary: fc.constantFrom(...sequences) },
  { weight: 2, arbitrary: fc.constantFrom(...jumps) },
);
const bytes = fc.oneof(
  { weight: 12, arbitrary: text.map((piece) => Buffer.from(piece)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 6 }).map((piece) => Buffer.from(piece)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('\xff', '\0', '\xc2', '\xe6\xbc').map((piece) => Buffer.from(piece, 'latin1')),
  },
);
const long = fc
  .tuple(text, fc.integer({ min: 1, max: 9000 }))
  .map(([piece, length]) => Buffer.from(piece.repeat(Math.ceil(length / piece.length))));
const output = fc
  .array(fc.oneof({ weight: 60, arbitrary: bytes }, { weight: 1, arbitrary: long }), { maxLength: 40 })
  .map((pieces) => Buffer.concat(pieces));
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

describe('output of a program without a terminal', () => {
  test('comes out the same however it is cut', () => {
    fc.assert(
      fc.property(output, cuts, (whole, places) => {
        const wanted = throughMask(streamMask('exec'), [whole]);
        expect(throughMask(streamMask('exec'), cutAt(whole, places)).toString('latin1')).toBe(
          wanted.toString('latin1'),
        );
      }),
      { numRuns: 4000 },
    );
  });

  test('comes out the same byte by byte, and is counted the same', () => {
    fc.assert(
      fc.property(
        fc.array(bytes, { maxLength: 25 }).map((pieces) => Buffer.concat(pieces)),
        (whole) => {
          const atOnce = streamMask('exec');
          const wanted = throughMask(atOnce, [whole]);
          const single = streamMask('exec');
          expect(
            throughMask(
              single,
              [...whole].map((byte) => Buffer.from([byte])),
            ).toString('latin1'),
          ).toBe(wanted.toString('latin1'));
          expect(single.found).toEqual(atOnce.found);
          expect(single.binaryBytes).toBe(atOnce.binaryBytes);
        },
      ),
      { numRuns: 1500 },
    );
  });
});

const harmless = fc.oneof(
  fc.constantFrom(...sequences, ...jumps, 'word', ' ', '漢字', 'ü', '😀', '12', ':', '"', '[', '.', '\0', '\x07'),
  fc.string({ unit: fc.constantFrom('a', 'b', ' ', '.', '-', '7', 'é'), maxLength: 7 }),
);
const clean = fc.array(harmless, { maxLength: 60 }).map((pieces) => Buffer.from(pieces.join('|')));

describe.each(['exec', 'terminal'] as const)('%s', (mode) => {
  test('output without values is the same byte for byte', () => {
    fc.assert(
      fc.property(clean, cuts, fc.constantFrom(0, 7, 80), (whole, places, columns) => {
        expect(throughMask(streamMask(mode, columns), cutAt(whole, places)).equals(whole)).toBe(true);
      }),
      { numRuns: 1500 },
    );
  });

  test('a chunk without values and control bytes is not copied', () => {
    const chunk = Buffer.from('all is well here, as it was before: nothing to see.\n'.repeat(1000));
    expect(streamMask(mode, 80).push(chunk)).toBe(chunk);
  });

  /** A value with sequences anywhere inside. */
  const coloured = fc
    .tuple(
      fc.constantFrom(...values),
      fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(...sequences)), { maxLength: 4 }),
    )
    .map(([value, marks]) => {
      let result = value;
      for (const [place, mark] of marks) {
        const at = Math.floor(place * value.length);
        if (result.length === value.length || marks.length === 1)
          result = result.slice(0, at) + mark + result.slice(at);
      }
      return { value, shown: result };
    });
  const plainText = (out: string): string => {
    let result = out;
    for (const sequence of sequences) result = result.replaceAll(sequence, '');
    return result;
  };

  test('a value never leaves whole, and sequences are not changed', () => {
    fc.assert(
      fc.property(
        fc.array(coloured, { minLength: 1, maxLength: 6 }),
        fc.constantFrom('\r\n', ', ', '|', ': ', '\t'),
        cuts,
        fc.boolean(),
        (planted, between, places, isReleased) => {
          const whole = Buffer.from(between + planted.map(({ shown }) => shown).join(between) + between);
          const mask = streamMask(mode, 80);
          const out = Buffer.concat([
            ...cutAt(whole, places).flatMap((chunk) => [
              Buffer.from(mask.push(chunk)),
              isReleased && mode === 'terminal' ? Buffer.from(mask.release()) : Buffer.alloc(0),
            ]),
            mask.flush(),
          ]).toString();
          for (const { value } of planted) expect(plainText(out)).not.toContain(value);
          const found = (from: string) => from.match(anySequence) ?? [];
          expect(found(out)).toEqual(found(whole.toString()));
          if (mode === 'terminal') {
            const columns = (from: string) => [...plainText(from)].length;
            expect(columns(out)).toBe(columns(whole.toString()));
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
