/** A source of reproducible values: the same seed and name give the same sequence on every machine. */
export interface Random {
  /** A whole number in [min, max]. */
  int(min: number, max: number): number;
  pick<T>(list: readonly T[]): T;
  /** True with the given probability (0 to 1). */
  chance(probability: number): boolean;
  /** `count` decimal digits. */
  digits(count: number): string;
  /** `count` lower-case hexadecimal digits. */
  hex(count: number): string;
}

/** Makes a source from a seed and the name of what it is for, so that one table's rows do not depend on another's. For test data only, never for secrets. */
export function createRandom(seed: number, name: string): Random {
  let state = mix(seed, name);
  // mulberry32: one 32-bit word of state, period 2^32.
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const int = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  const repeat = (count: number, one: () => string): string => {
    let text = '';
    for (let i = 0; i < count; i++) text += one();
    return text;
  };
  return {
    int,
    pick: (list) => list[int(0, list.length - 1)] as (typeof list)[number],
    chance: (probability) => next() < probability,
    digits: (count) => repeat(count, () => String(int(0, 9))),
    hex: (count) => repeat(count, () => int(0, 15).toString(16)),
  };
}

/** FNV-1a of the name, over the seed. */
function mix(seed: number, name: string): number {
  let hash = (0x811c9dc5 ^ seed) | 0;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash;
}
