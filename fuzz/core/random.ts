/** A source of numbers that gives the same sequence for the same seed (mulberry32). */
export interface Random {
  /** A whole number from 0 to `below` - 1; 0 when `below` is not above 1. */
  below(below: number): number;
  /** Any of these. @throws of none */
  pick<T>(values: readonly T[]): T;
  /** True once in `times`. */
  once(times: number): boolean;
}

/** Makes one. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (bound: number) => Math.floor(next() * Math.max(1, bound));
  return {
    below,
    pick(values) {
      if (values.length === 0) throw new RangeError('nothing to pick from');
      return values[below(values.length)] as (typeof values)[number];
    },
    once: (times) => below(times) === 0,
  };
}
