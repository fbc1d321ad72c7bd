const firstMs = 200;
const lastMs = 15_000;
/** A link that stood this long was good: the next failure starts over. */
const stableMs = 30_000;

/** Waiting times between attempts: exponential from 0.2 s to 15 s, with half of it random so that agents do not return in step. */
export class Backoff {
  private readonly random: () => number;
  private failures = 0;

  /** @param random 0 <= x < 1 */
  constructor(random: () => number) {
    this.random = random;
  }

  /** Failures since the last stable link. */
  get attempt(): number {
    return this.failures;
  }

  /** Milliseconds to wait now. @param stoodMs how long the link stood that has just ended; 0 = it was never up */
  next(stoodMs: number): number {
    if (stoodMs >= stableMs) this.failures = 0;
    const ceiling = Math.min(lastMs, firstMs * 2 ** Math.min(this.failures + 1, 20));
    this.failures++;
    return Math.max(firstMs, Math.round(ceiling / 2 + (ceiling / 2) * this.random()));
  }
}
