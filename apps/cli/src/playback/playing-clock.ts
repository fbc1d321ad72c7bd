/** Time of a replay: it can stand still, and be left. */
export interface PlayingClock {
  /** Resolves when the replay has come `gapMs` further; false = it was left. */
  advance(gapMs: number): Promise<boolean>;
  togglePause(): void;
  quit(): void;
}

/** Starts at zero. `now` gives milliseconds of a clock that does not go back. */
export function createPlayingClock(now: () => number): PlayingClock {
  let dueMs = 0;
  let playedMs = 0;
  let runningSince: number | undefined = now();
  let hasQuit = false;
  let wake = (): void => undefined;
  const played = (): number => playedMs + (runningSince === undefined ? 0 : now() - runningSince);
  return {
    advance: async (gapMs) => {
      dueMs += gapMs;
      while (!hasQuit && (runningSince === undefined || played() < dueMs)) {
        await new Promise<void>((resolve) => {
          const timer = runningSince === undefined ? undefined : setTimeout(resolve, dueMs - played());
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      return !hasQuit;
    },
    togglePause: () => {
      playedMs = played();
      runningSince = runningSince === undefined ? now() : undefined;
      wake();
    },
    quit: () => {
      hasQuit = true;
      wake();
    },
  };
}
