import { WeirError } from '@weir/errors';
import { createAttemptWindows } from './attempt-windows.ts';

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

/** Makes the throttle. `now` is milliseconds. */
export function createLoginThrottle(
  now: () => number,
  limits: ThrottleLimits = { perUserAndAddress: 5, perAddress: 50, windowMs: 60_000 },
): LoginThrottle {
  const windows = createAttemptWindows(limits.windowMs, now);
  const count = (key: string, limit: number): void => {
    const waitMs = windows.attempt(key, limit);
    if (waitMs === 0) return;
    throw new WeirError('too_many_attempts', 'Too many failed sign-ins.', {
      why: `The limit of ${limit} within ${limits.windowMs / 1000} seconds is reached.`,
      fix: `Wait ${Math.ceil(waitMs / 1000)} seconds, then try again.`,
    });
  };
  return {
    attempt: (user, address) => {
      count(`${address} ${user}`, limits.perUserAndAddress);
      count(address, limits.perAddress);
    },
    succeeded: (user, address) => {
      windows.forget(`${address} ${user}`);
      windows.giveBack(address);
    },
  };
}
