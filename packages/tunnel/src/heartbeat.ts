import type { Clock } from './clock.ts';

/** Intervals without a sign of life after which the peer is lost. */
const missedLimit = 3;

/** Watches one peer. */
export interface Heartbeat {
  /** Something arrived from the peer. */
  alive(): void;
  stop(): void;
}

/** Sends a beat every interval and counts intervals without a sign of life; a process that was itself suspended counts one, not many. */
export function startHeartbeat(clock: Clock, intervalMs: number, send: () => void, onSilent: () => void): Heartbeat {
  let missed = 0;
  let cancel: () => void;
  const tick = () => {
    if (missed >= missedLimit) {
      onSilent();
      return;
    }
    missed++;
    cancel = clock.after(intervalMs, tick);
    send();
  };
  cancel = clock.after(intervalMs, tick);
  return {
    alive() {
      missed = 0;
    },
    stop: () => cancel(),
  };
}
