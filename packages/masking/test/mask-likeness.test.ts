import { type ContentType, contentTypes, type Transform, transforms } from '@weir/policy';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPostgresCellMask, maskLikeness, needsMemory, valueText } from '../src/index.ts';

const key = Buffer.alloc(32, 5);
const text = 25;

function masked(
  transform: Transform,
  contentType: ContentType | null,
  value: string,
  typeOid = text,
  typeModifier = -1,
) {
  const spec = { transform, contentType, rule: 'r' };
  const mask = createPostgresCellMask({ spec, direct: true, typeOid, typeModifier, format: 0, key });
  const source = Buffer.from(value);
  const target = Buffer.alloc(mask.maxLength(source.length) + 1);
  const written = mask.write(source, 0, source.length, target, 0);
  return { spec, shown: written < 0 ? null : target.toString('utf8', 0, written) };
}

const samples = [
  'bob@example.com',
  '+49 170 1234567',
  '123-45-6789',
  '4111 1111 1111 1111',
  'DE89370400440532013000',
  '',
  'x',
];

describe('what a mask shows', () => {
  const pairs = transforms.flatMap((transform) => [null, ...contentTypes].map((type) => [transform, type] as const));
  it.each(pairs)('%s of %s is known by its shape, or has to be remembered', (transform, contentType) => {
    for (const value of samples) {
      for (const [typeOid, typeModifier] of [
        [text, -1],
        [1043, 24],
        [1042, 24],
        [114, -1],
        [3802, -1],
      ] as const) {
        const { spec, shown } = masked(transform, contentType, value, typeOid, typeModifier);
        if (shown === null || needsMemory({ spec, typeOid })) continue;
        expect(maskLikeness({ spec, typeOid, typeModifier }, shown), `${value} ${typeOid}`).toBe('mask');
      }
    }
  });

  it.each([16, 17, 20, 21, 23, 700, 701, 1700, 1082, 1114, 1184, 2950, 869, 142, 1007, 3904])(
    'a redacted constant of type %d is at least a constant, bool aside',
    (typeOid) => {
      const { spec, shown } = masked('redact', null, 'x', typeOid);
      const likeness = maskLikeness({ spec, typeOid, typeModifier: -1 }, shown ?? '');
      expect(likeness).toBe(typeOid === 16 ? 'none' : typeOid === 142 ? 'mask' : 'constant');
    },
  );

  it('ordinary texts do not look like masks', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.constantFrom(...transforms),
        fc.constantFrom(null, ...contentTypes),
        (value, transform, type) => {
          fc.pre(!value.includes('*') && !value.startsWith('h_'));
          const spec = { transform, contentType: type, rule: 'r' };
          expect(maskLikeness({ spec, typeOid: text, typeModifier: -1 }, value)).toBe('none');
        },
      ),
    );
  });

  it.each([
    ['h_0123456789abcdef', 'hash', 'mask'],
    ['h_0123456789abcdeF', 'hash', 'none'],
    ['h_0123456789abcde', 'hash', 'none'],
    ['h_0123456789abcdef', 'redact', 'none'],
    ['*** ', 'redact', 'mask'],
    ['****', 'redact', 'none'],
    ['see ***', 'redact', 'none'],
  ] as const)('%s under %s: %s', (value, transform, expected) => {
    const spec = { transform, contentType: null, rule: 'r' };
    expect(maskLikeness({ spec, typeOid: text, typeModifier: -1 }, value)).toBe(expected);
  });

  it.each([
    [1184, '1970-01-01 01:00:00+01'],
    [1184, '1970-01-01T00:00:00.000Z'],
    [1184, '1969-12-31 19:00:00-05:00'],
    [1114, '1970-01-01'],
    [1114, '1970-01-01 00:00:00.000000'],
    [1700, '0.00'],
    [23, ' 0'],
    [701, '0e0'],
    [2950, '{00000000-0000-0000-0000-000000000000}'],
  ])('type %d in another spelling: %s', (typeOid, value) => {
    const spec = { transform: 'redact', contentType: null, rule: 'r' } as const;
    expect(maskLikeness({ spec, typeOid, typeModifier: -1 }, value)).toBe('constant');
  });
});

describe('the text of a value is the same for both formats', () => {
  const hex = (value: string) => Buffer.from(value.replaceAll(' ', ''), 'hex');
  it.each([
    [21, '-5', 'fffb'],
    [23, '125000', '0001e848'],
    [20, '9007199254740993', '0020000000000001'],
    [700, '1.5', '3fc00000'],
    [701, '-0.25', 'bfd0000000000000'],
    [1700, '12345.67', '0003 0001 0000 0002 0001 0929 1a2c'],
    [1700, '-3', '0001 0000 4000 0000 0003'],
    [1700, '0', '0000 0000 0000 0000'],
    [2950, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc999c0b4ef8bb6d6bb9bd380a11'],
    [1082, '1970-01-01', 'ffffd533'],
    [1114, '2000-01-01 00:00:01', '00000000000f4240'],
    [17, '\\x00ff', '00ff'],
    [25, 'ß', 'c39f'],
    [3802, '{"a":1}', '017b2261223a317d'],
  ])('type %d: %s', (typeOid, written, binary) => {
    const read = valueText(typeOid, 1, hex(binary));
    expect(read).not.toBeNull();
    expect(read).toBe(valueText(typeOid, 0, Buffer.from(written)));
  });

  it.each([
    [23, '00'],
    [1700, '00'],
    [1700, '0002 0000 0000 0000 0001'],
    [2950, '00'],
    [869, '0220000401020304'],
  ])('a form that is not read is none: type %d, %s', (typeOid, binary) => {
    expect(valueText(typeOid, 1, hex(binary))).toBeNull();
  });
});
