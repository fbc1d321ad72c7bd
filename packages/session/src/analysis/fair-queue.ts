/** A waiting piece of work of one session. */
export interface Waiting<T> {
  readonly session: string;
  readonly work: T;
}

interface SessionQueue<T> {
  readonly works: T[];
  /** Work being done now. */
  running: number;
  /** Time charged so far, ms, on a clock that all sessions share. */
  charged: number;
}

/** Sessions take turns by the time that they have used, so a session with slow statements waits for the others and not they for it. */
export interface FairQueue<T> {
  /** False when the session has too much waiting already: refuse the work. */
  add(session: string, work: T): boolean;
  /** The next piece of work whose session may run now; undefined when there is none. */
  take(): Waiting<T> | undefined;
  /** A piece of work of the session has ended after this time. */
  done(session: string, milliseconds: number): void;
  /** Everything that waits, removed. */
  drain(): readonly T[];
  readonly size: number;
}

/** `maxRunning` pieces of one session at a time, `maxWaiting` waiting ones. */
export function createFairQueue<T>(maxRunning: number, maxWaiting: number): FairQueue<T> {
  const sessions = new Map<string, SessionQueue<T>>();
  let clock = 0;
  let size = 0;

  const next = (): [string, SessionQueue<T>] | undefined => {
    let best: [string, SessionQueue<T>] | undefined;
    for (const entry of sessions) {
      const [, queue] = entry;
      if (queue.works.length === 0 || queue.running >= maxRunning) continue;
      if (best === undefined || queue.charged < best[1].charged) best = entry;
    }
    return best;
  };

  return {
    get size() {
      return size;
    },
    add(session, work) {
      let queue = sessions.get(session);
      if (queue === undefined) {
        queue = { works: [], running: 0, charged: clock };
        sessions.set(session, queue);
      }
      if (queue.works.length >= maxWaiting) return false;
      // Time that a session did not use is not saved up.
      if (queue.works.length === 0 && queue.running === 0) queue.charged = Math.max(queue.charged, clock);
      queue.works.push(work);
      size += 1;
      return true;
    },
    take() {
      const best = next();
      if (best === undefined) return undefined;
      const [session, queue] = best;
      const work = queue.works.shift();
      if (work === undefined) return undefined;
      queue.running += 1;
      clock = Math.max(clock, queue.charged);
      size -= 1;
      return { session, work };
    },
    done(session, milliseconds) {
      const queue = sessions.get(session);
      if (queue === undefined) return;
      queue.running -= 1;
      queue.charged += milliseconds;
      for (const [key, idle] of sessions) {
        if (idle.running === 0 && idle.works.length === 0 && idle.charged <= clock) sessions.delete(key);
        else if (sessions.size < maxRemembered) break;
      }
    },
    drain() {
      const works = [...sessions.values()].flatMap((queue) => queue.works.splice(0));
      size = 0;
      return works;
    },
  };
}

/** Beyond this number of sessions idle ones are forgotten even when they are not the oldest. */
const maxRemembered = 4096;
