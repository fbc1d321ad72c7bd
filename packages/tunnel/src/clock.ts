/** Time as the tunnel sees it; tests replace it. */
export interface Clock {
  /** Milliseconds, monotonic enough to measure silence and stable times. */
  now(): number;
  /** Runs `action` once after `ms`; the result cancels it. A waiting timer keeps the process alive. */
  after(ms: number, action: () => void): () => void;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, action) {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
};
