/** How much one key may take: `burst` at once, and what refills a second. */
export interface BucketSize {
  readonly burst: number;
  readonly perSecond: number;
}

/** How a request fared. */
export interface Taken {
  readonly isAllowed: boolean;
  /** Whole requests that are left. */
  readonly remaining: number;
  /** Seconds until one more is there; 0 when there is one. */
  readonly waitSeconds: number;
}

/** Token buckets, one for each key. */
export interface TokenBuckets {
  /** Takes one; a refused request takes nothing. */
  take(key: string): Taken;
  /** Keys that are remembered. */
  readonly size: number;
}

/** Keys remembered at most. A forgotten one has a full bucket again, so beyond this the one that was used longest ago is forgotten. */
export const maxBuckets = 50_000;

/** Makes the buckets. `now` is milliseconds of a clock that never goes back. */
export function createTokenBuckets({ burst, perSecond }: BucketSize, now: () => number): TokenBuckets {
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  return {
    take: (key) => {
      const atMs = now();
      const known = buckets.get(key);
      const refilled = known === undefined ? burst : known.tokens + ((atMs - known.atMs) / 1000) * perSecond;
      const tokens = Math.min(burst, refilled);
      const isAllowed = tokens >= 1;
      const left = isAllowed ? tokens - 1 : tokens;
      buckets.delete(key);
      buckets.set(key, { tokens: left, atMs });
      const [oldest] = buckets.keys();
      if (buckets.size > maxBuckets && oldest !== undefined) buckets.delete(oldest);
      return { isAllowed, remaining: Math.floor(left), waitSeconds: left >= 1 ? 0 : (1 - left) / perSecond };
    },
    get size() {
      return buckets.size;
    },
  };
}
