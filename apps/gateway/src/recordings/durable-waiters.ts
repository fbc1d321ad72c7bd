import type { RecordingLog } from './recording-log.ts';

interface Waiter {
  readonly position: number;
  readonly callback: () => void;
}

/** Callbacks that wait for a position to become durable, called in order of position. */
export interface DurableWaiters {
  add(position: number, callback: () => void): void;
  /** Calls all up to `durable`. A callback that throws is logged and does not keep the others from running. */
  release(durable: number): void;
}

/** Adding in order of position is O(1). */
export function createDurableWaiters(log: RecordingLog): DurableWaiters {
  let waiting: Waiter[] = [];
  let head = 0;
  return {
    add(position, callback) {
      let at = waiting.length;
      while (at > head && (waiting[at - 1] as Waiter).position > position) at -= 1;
      if (at === waiting.length) waiting.push({ position, callback });
      else waiting.splice(at, 0, { position, callback });
    },
    release(durable) {
      while (head < waiting.length && (waiting[head] as Waiter).position <= durable) {
        const { callback } = waiting[head] as Waiter;
        head += 1;
        try {
          callback();
        } catch (error) {
          log.error('a callback of the journal failed', { error: String(error) });
        }
      }
      if (head === waiting.length) {
        waiting = [];
        head = 0;
      } else if (head > 1024) {
        waiting = waiting.slice(head);
        head = 0;
      }
    },
  };
}
