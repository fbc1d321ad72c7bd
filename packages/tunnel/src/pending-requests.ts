import { WeirError } from '@weir/errors';
import type { Clock } from './clock.ts';

interface Pending<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: WeirError) => void;
  readonly cancelTimer: () => void;
}

/** Requests over a stream that are answered by number. */
export class PendingRequests<T> {
  private readonly pending = new Map<bigint, Pending<T>>();
  private readonly clock: Clock;
  private lastId = 0n;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Sends a request with a new number. @returns its answer; rejects with agent_unavailable after `timeoutMs`. */
  ask(timeoutMs: number, what: string, send: (id: bigint) => void): Promise<T> {
    const id = ++this.lastId;
    return new Promise<T>((resolve, reject) => {
      const cancelTimer = this.clock.after(timeoutMs, () => {
        this.pending.delete(id);
        reject(new WeirError('agent_unavailable', `The agent did not confirm ${what} within ${timeoutMs} ms.`));
      });
      this.pending.set(id, { resolve, reject, cancelTimer });
      send(id);
    });
  }

  /** Passes an answer on; one that comes too late or was never asked for is dropped. */
  answer(id: bigint, value: T): void {
    this.take(id)?.resolve(value);
  }

  rejectAll(error: WeirError): void {
    for (const id of [...this.pending.keys()]) this.take(id)?.reject(error);
  }

  private take(id: bigint): Pending<T> | undefined {
    const entry = this.pending.get(id);
    this.pending.delete(id);
    entry?.cancelTimer();
    return entry;
  }
}
