import { setTimeout as delay } from 'node:timers/promises';
import type { RecordingAnchor } from '@weir/recording';
import type { AnchorStore } from './anchor-store.ts';
import type { RecordingLog } from './recording-log.ts';

/** Stores anchors, the newest one of each session, until the store took them. */
export interface AnchorQueue {
  /** Resolves when this anchor or a newer one of the session is stored; rejects when the queue is closed before. */
  store(anchor: RecordingAnchor): Promise<void>;
  /** Gives up what is not stored (recovery stores it at the next start). */
  close(): Promise<void>;
}

const firstDelayMs = 100;
const longestDelayMs = 5_000;

/** Waits longer after each failure, up to 5 s: a store that is away for a while loses nothing, the journal keeps the entries. */
export function createAnchorQueue(anchors: AnchorStore, log: RecordingLog): AnchorQueue {
  const closing = new AbortController();
  const newest = new Map<string, RecordingAnchor>();
  const running = new Map<string, Promise<void>>();
  const attempt = async (session: string, anchor: RecordingAnchor): Promise<boolean> => {
    try {
      await anchors.upsert(anchor);
      if (newest.get(session) === anchor) newest.delete(session);
      return true;
    } catch (error) {
      log.warn('an anchor could not be stored; trying again', { session, error: String(error) });
      return false;
    }
  };
  const run = async (session: string): Promise<void> => {
    let pause = firstDelayMs;
    for (let anchor = newest.get(session); anchor !== undefined; anchor = newest.get(session)) {
      if (await attempt(session, anchor)) {
        pause = firstDelayMs;
        continue;
      }
      await delay(pause, undefined, { signal: closing.signal, ref: false });
      pause = Math.min(pause * 2, longestDelayMs);
    }
  };
  return {
    store(anchor) {
      const { session } = anchor;
      newest.set(session, anchor);
      const existing = running.get(session);
      if (existing !== undefined) return existing;
      const started = run(session).finally(() => running.delete(session));
      running.set(session, started);
      return started;
    },
    async close() {
      closing.abort();
      await Promise.allSettled(running.values());
    },
  };
}
