import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFairQueue } from '../src/analysis/fair-queue.ts';

/** Runs everything with one thread; each piece takes its own time. */
function order(works: readonly (readonly [string, number])[]): string[] {
  const queue = createFairQueue<number>(1, 1000);
  for (const [session, cost] of works) queue.add(session, cost);
  const out: string[] = [];
  for (let next = queue.take(); next !== undefined; next = queue.take()) {
    out.push(next.session);
    queue.done(next.session, next.work);
  }
  return out;
}

describe('fair queue', () => {
  test('sessions take turns', () => {
    expect(
      order([
        ['a', 1],
        ['a', 1],
        ['a', 1],
        ['b', 1],
        ['b', 1],
      ]),
    ).toEqual(['a', 'b', 'a', 'b', 'a']);
  });
  test('a session with slow work waits for those with quick work', () => {
    expect(
      order([
        ['slow', 100],
        ['slow', 100],
        ['quick', 1],
        ['quick', 1],
        ['quick', 1],
      ]),
    ).toEqual(['slow', 'quick', 'quick', 'quick', 'slow']);
  });
  test('the order within a session stays', () => {
    const queue = createFairQueue<number>(1, 10);
    for (const work of [1, 2, 3]) queue.add('a', work);
    const seen: number[] = [];
    for (let next = queue.take(); next !== undefined; next = queue.take()) {
      seen.push(next.work);
      queue.done('a', 1);
    }
    expect(seen).toEqual([1, 2, 3]);
  });
  test('a session runs as many at a time as allowed', () => {
    const queue = createFairQueue<number>(2, 10);
    for (const work of [1, 2, 3]) queue.add('a', work);
    expect([queue.take()?.work, queue.take()?.work, queue.take()?.work]).toEqual([1, 2, undefined]);
    queue.done('a', 1);
    expect(queue.take()?.work).toBe(3);
  });
  test('time that was not used is not saved up', () => {
    const queue = createFairQueue<number>(1, 100);
    queue.add('busy', 0);
    for (let turn = 0; turn < 10; turn += 1) {
      queue.take();
      queue.done('busy', 100);
      queue.add('busy', 0);
    }
    for (const work of [1, 2, 3]) queue.add('new', work);
    const first = [queue.take()?.session];
    queue.done(first[0] ?? '', 150);
    first.push(queue.take()?.session);
    expect(new Set(first)).toEqual(new Set(['new', 'busy']));
  });
  test('a full session is refused, another is not', () => {
    const queue = createFairQueue<number>(1, 2);
    expect([queue.add('a', 1), queue.add('a', 2), queue.add('a', 3), queue.add('b', 1)]).toEqual([
      true,
      true,
      false,
      true,
    ]);
    expect(queue.size).toBe(3);
    expect(queue.drain()).toHaveLength(3);
    expect(queue.size).toBe(0);
    expect(queue.take()).toBeUndefined();
  });
  test('nothing is lost or done twice', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 50 })), { maxLength: 60 }),
        (works) => {
          const done = order(works);
          expect(done.toSorted()).toEqual(works.map(([session]) => session).toSorted());
        },
      ),
    );
  });
});
