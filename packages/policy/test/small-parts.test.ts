import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { didYouMean, nearestWord } from '../src/did-you-mean.ts';
import { tryDuration } from '../src/duration.ts';
import { reasonOf, sentence } from '../src/evaluate/wording.ts';
import { canonicalJson, fingerprint } from '../src/fingerprint.ts';

describe('durations', () => {
  it.each([
    ['1s', 1000],
    ['30s', 30_000],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['8d', undefined],
    ['0s', undefined],
    ['-1s', undefined],
    ['1.5h', undefined],
    ['10', undefined],
    ['10 m', undefined],
    ['10M', undefined],
    ['m', undefined],
    ['', undefined],
    ['9999999s', undefined],
  ])('%j is %j ms', (text, expected) => {
    expect(tryDuration(text)).toBe(expected);
  });
});

describe('nearest words', () => {
  const known = ['select', 'delete', 'update', 'where', 'limit', 'set'];
  it.each([
    ['delte', 'delete'],
    ['DELETE', 'delete'],
    ['wehre', 'where'],
    ['limits', 'limit'],
    ['sel', 'set'],
    ['truncate', undefined],
    ['xy', undefined],
    ['', undefined],
  ])('%j is near %j', (word, expected) => {
    expect(nearestWord(word, known)).toBe(expected);
  });

  it('makes a question of it, or nothing', () => {
    expect(didYouMean('delte', known)).toBe(' Did you mean "delete"?');
    expect(didYouMean('nothing', known)).toBe('');
  });
});

describe('fingerprints', () => {
  it('do not depend on the order of keys', () => {
    expect(fingerprint({ a: 1, b: { c: [1, 2], d: null } })).toBe(fingerprint({ b: { d: null, c: [1, 2] }, a: 1 }));
  });

  it('depend on the order of lists, on values and on their types', () => {
    const values = [[1, 2], [2, 1], ['1', 2], { 0: 1, 1: 2 }, null, '', 'null', {}, [], 0, false];
    expect(new Set(values.map(fingerprint)).size).toBe(values.length);
  });

  it('are the SHA-256 of the canonical text', () => {
    expect(canonicalJson({ b: [true, undefined], a: 'ü', c: undefined })).toBe('{"a":"ü","b":[true,null]}');
    expect(fingerprint({})).toBe('44136fa355b3678a1146ad16f7e8649e');
  });

  it('outlive a trip through JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(fingerprint(JSON.parse(JSON.stringify(value)))).toBe(fingerprint(value));
      }),
    );
  });
});

describe('sentences', () => {
  it.each([
    ['delete has no filter', 'Delete has no filter.'],
    ['Ends well.', 'Ends well.'],
    ['Ends twice.. ', 'Ends twice.'],
    ['really?', 'Really?'],
    ['stop!', 'Stop!'],
  ])('%j becomes %j', (text, expected) => {
    expect(sentence(text)).toBe(expected);
  });

  it("puts the author's words after what was found", () => {
    expect(reasonOf('DELETE on t has no WHERE clause', 'it would empty the table.')).toBe(
      'DELETE on t has no WHERE clause: it would empty the table.',
    );
    expect(reasonOf('DELETE on t has no WHERE clause', null)).toBe('DELETE on t has no WHERE clause.');
  });
});
