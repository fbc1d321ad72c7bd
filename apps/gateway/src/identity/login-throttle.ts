import { WeirError } from '@weir/errors';

/** Bounds of failed sign-ins within one window. */
export interface ThrottleLimits {
  readonly perUserAndAddress: number;
  readonly perAddress: number;
  readonly windowMs: number;
}

/** Slows down guessing. An attempt is counted before the password is checked, so many at the same time get no more guesses. */
export interface LoginThrottle {
  /** Counts an attempt. @throws WeirError too_many_attempts. */
  attempt(user: string, address: string): void;
  /** The attempt was a success: the user's count at this address starts again. */
  succeeded(user: string, address: string): void;
}

/** Counters kept at most; beyond, the oldest is forgotten. */
const maxEntries = 20_000;

/** Makes the throttle. `now` is milliseconds. */
export function createLoginThrottle(
  now: () => number,
  limits: ThrottleLimits = { perUserAndAddress: 5, perAddress: 50, windowMs: 60_000 },
): LoginThrottle {
  const entries = new Map<string, { count: number; endsAt: number }>();
  const count = (key: string, limit: number): void => {
    const at = now();
    const known = entries.get(key);
    const entry = known !== undefined && known.endsAt > at ? known : { count: 0, endsAt: at + limits.windowMs };
    if (entry.count >= limit) {
      const seconds = Math.ceil((entry.endsAt - at) / 1000);
      throw new WeirError('too_many_attempts', 'Too many failed sign-ins.', {
        why: `The limit of ${limit} within ${limits.windowMs / 1000} seconds is reached.`,
        fix: `Wait ${seconds} seconds, then try again.`,
      });
    }
    entry.count += 1;
    entries.delete(key);
    entries.set(key, entry);
    const [oldest] = entries.keys();
    if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest);
  };
  return {
    attempt: (user, address) => {
      count(`${address} ${user}`, limits.perUserAndAddress);
      count(address, limits.perAddress);
    },
    succeeded: (user, address) => {
      entries.delete(`${address} ${user}`);
      const ofAddress = entries.get(address);
      if (ofAddress !== undefined) ofAddress.count = Math.max(0, ofAddress.count - 1);
    },
  };
}
