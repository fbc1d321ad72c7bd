/** Attempts by key, in windows of one length; a key's window begins with its first attempt. */
export interface AttemptWindows {
  /** Counts one, unless the key has had `limit` of them in its window. @returns 0; when it did not count, the milliseconds until the window ends */
  attempt(key: string, limit: number): number;
  /** Takes one back that was counted. */
  giveBack(key: string): void;
  /** The key begins again. */
  forget(key: string): void;
}

/** Keys remembered at most; beyond, the one that was used longest ago is forgotten. */
const maxKeys = 20_000;

/** Makes the windows. `now` is milliseconds. */
export function createAttemptWindows(windowMs: number, now: () => number): AttemptWindows {
  const entries = new Map<string, { count: number; readonly endsAtMs: number }>();
  return {
    attempt: (key, limit) => {
      const at = now();
      const known = entries.get(key);
      const entry = known !== undefined && known.endsAtMs > at ? known : { count: 0, endsAtMs: at + windowMs };
      if (entry.count >= limit) return entry.endsAtMs - at;
      entry.count += 1;
      entries.delete(key);
      entries.set(key, entry);
      const [oldest] = entries.keys();
      if (entries.size > maxKeys && oldest !== undefined) entries.delete(oldest);
      return 0;
    },
    giveBack: (key) => {
      const entry = entries.get(key);
      if (entry !== undefined) entry.count = Math.max(0, entry.count - 1);
    },
    forget: (key) => void entries.delete(key),
  };
}
