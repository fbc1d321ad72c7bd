import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Backoff } from '../src/backoff.ts';

describe('waiting times between attempts', () => {
  it('grow from 0.2 s to 15 s', () => {
    const longest = new Backoff(() => 0.999_999);
    expect(Array.from({ length: 9 }, () => longest.next(0))).toEqual([
      400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000, 15_000,
    ]);
    const shortest = new Backoff(() => 0);
    expect(Array.from({ length: 8 }, () => shortest.next(0))).toEqual([200, 400, 800, 1600, 3200, 6400, 7500, 7500]);
  });

  it('stay within bounds for any luck', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { maxLength: 60 }), (luck) => {
        const backoff = new Backoff(() => luck.shift() ?? 0);
        for (let attempt = 0; attempt < 60; attempt++) {
          const wait = backoff.next(0);
          expect(wait).toBeGreaterThanOrEqual(200);
          expect(wait).toBeLessThanOrEqual(15_000);
        }
      }),
    );
  });

  it('start over after a link that stood', () => {
    const backoff = new Backoff(() => 0);
    for (let count = 0; count < 5; count++) backoff.next(0);
    expect(backoff.next(29_000)).toBe(6400);
    expect(backoff.next(30_000)).toBe(200);
    expect(backoff.attempt).toBe(1);
  });
});
