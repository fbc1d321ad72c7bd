import { type RawEntry, type RecordEntry, toRecordEntry } from '@weir/recording';

/** Hears the entries of one session as the journal takes them, and that there are no more. */
export interface LiveListener {
  arrived(entry: RecordEntry): void;
  ended(): void;
}

/** What the journal takes, for those who follow a session while it happens. */
export interface LiveFeeds {
  /** The journal has taken an entry. Costs nothing when nobody follows its session. */
  arrived(session: string, entry: RawEntry): void;
  /** Returns a function that stops it. */
  follow(session: string, listener: LiveListener): () => void;
  /** Nothing more comes of any session. */
  endAll(): void;
}

/** Makes feeds without followers. A session's feed ends with its `session-closed`. */
export function createLiveFeeds(): LiveFeeds {
  const followed = new Map<string, Set<LiveListener>>();
  const end = (session: string): void => {
    const listeners = followed.get(session) ?? [];
    followed.delete(session);
    for (const listener of listeners) listener.ended();
  };
  return {
    arrived: (session, raw) => {
      const listeners = followed.get(session);
      if (listeners === undefined) return;
      const entry = toRecordEntry(session, raw);
      for (const listener of [...listeners]) listener.arrived(entry);
      if (entry.channel === 0 && entry.event.event === 'session-closed') end(session);
    },
    follow: (session, listener) => {
      const listeners = followed.get(session) ?? new Set();
      followed.set(session, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && followed.get(session) === listeners) followed.delete(session);
      };
    },
    endAll: () => {
      for (const session of [...followed.keys()]) end(session);
    },
  };
}
