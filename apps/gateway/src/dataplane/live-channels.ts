import type { WeirError } from '@weir/errors';
import type { Relay } from './relay.ts';

/** Relays of the channels that are open now, by session. */
export interface LiveChannels {
  /** Numbers the next channel of a session, from 1 over the session's life. */
  nextNumber(sessionId: string): number;
  /** Numbers the next SSH connection of a session, likewise. */
  nextConnection(sessionId: string): number;
  add(sessionId: string, relay: Relay): void;
  remove(sessionId: string, relay: Relay): void;
  /** Holds all channels of a session, and those that are added while it is paused. */
  pause(sessionId: string, notice: string): void;
  resume(sessionId: string, notice: string): void;
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
  const connections = new Map<string, number>();
  const next = (of: Map<string, number>, sessionId: string) => {
    const number = (of.get(sessionId) ?? 0) + 1;
    of.set(sessionId, number);
    return number;
  };
  /** Notices of paused sessions. */
  const paused = new Map<string, string>();
  const cut = (sessionId: string, error: WeirError) => {
    const relays = [...(live.get(sessionId) ?? [])];
    for (const relay of relays) relay.cut(error);
    return relays.length;
  };
  return {
    nextNumber: (sessionId) => next(numbers, sessionId),
    nextConnection: (sessionId) => next(connections, sessionId),
    add(sessionId, relay) {
      const group = live.get(sessionId) ?? new Set();
      live.set(sessionId, group.add(relay));
      const notice = paused.get(sessionId);
      if (notice !== undefined) relay.pause(notice);
    },
    remove(sessionId, relay) {
      const group = live.get(sessionId);
      group?.delete(relay);
      if (group?.size === 0) live.delete(sessionId);
    },
    pause(sessionId, notice) {
      if (paused.has(sessionId)) return;
      paused.set(sessionId, notice);
      for (const relay of [...(live.get(sessionId) ?? [])]) relay.pause(notice);
    },
    resume(sessionId, notice) {
      if (!paused.delete(sessionId)) return;
      for (const relay of [...(live.get(sessionId) ?? [])]) relay.resume(notice);
    },
    cut,
    cutAll(error) {
      for (const sessionId of [...live.keys()]) cut(sessionId, error);
    },
    has: (sessionId) => live.has(sessionId),
    forget(sessionId) {
      numbers.delete(sessionId);
      connections.delete(sessionId);
      paused.delete(sessionId);
    },
  };
}
