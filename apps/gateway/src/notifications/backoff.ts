/** Tries of one message before it is given up; with the pauses below that is about an hour and a half. */
export const maxAttempts = 12;
const firstPauseMs = 1000;
const maxPauseMs = 900_000;

/** Pause before the next try: doubled each time, and half of it by chance, so that channels that failed together do not come back together. `random` is 0..1. */
export function pauseAfter(attempts: number, random: number): number {
  const full = Math.min(firstPauseMs * 2 ** (attempts - 1), maxPauseMs);
  return Math.round(full / 2 + (full / 2) * random);
}
