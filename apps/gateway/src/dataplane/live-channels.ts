import type { WeirError } from '@weir/errors';
import type { Relay } from './relay.ts';

/** Relays of the channels that are open now, by session. */
export interface LiveChannels {
  /** Numbers the next channel of a session, from 1 over the session's life. */
  nextNumber(sessionId: string): number;
  add(sessionId: string, relay: Relay): void;
  remove(sessionId: string, relay: Relay): void;
  /** Ends all channels of a session at once. @returns how many there were. */
  cut(sessionId: string, error: WeirError): number;
  cutAll(error: WeirError): void;
  has(sessionId: string): boolean;
  forget(sessionId: string): void;
}

/** Creates an empty table. */
export function createLiveChannels(): LiveChannels {
  const live = new Map<string, Set<Relay>>();
  const numbers = new Map<string, number>();
  const cut = (sessionId: string, error: WeirError) => {
    const relays = [...(live.get(sessionId) ?? [])];
    for (const relay of relays) relay.cut(error);
    return relays.length;
  };
  return {
    nextNumber(sessionId) {
      const number = (numbers.get(sessionId) ?? 0) + 1;
      numbers.set(sessionId, number);
      return number;
    },
    add(sessionId, relay) {
      const group = live.get(sessionId) ?? new Set();
      live.set(sessionId, group.add(relay));
    },
    remove(sessionId, relay) {
      const group = live.get(sessionId);
      group?.delete(relay);
      if (group?.size === 0) live.delete(sessionId);
    },
    cut,
    cutAll(error) {
      for (const sessionId of [...live.keys()]) cut(sessionId, error);
    },
    has: (sessionId) => live.has(sessionId),
    forget: (sessionId) => void numbers.delete(sessionId),
  };
}
