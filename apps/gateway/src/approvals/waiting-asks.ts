/** How a request ended, for the channel that waits for it. */
export interface Outcome {
  readonly state: 'approved' | 'denied' | 'expired';
  readonly by?: string;
  readonly reason?: string;
}

/** Channels that wait for a decision, by request. Each is told once. */
export interface WaitingAsks {
  wait(requestId: string, sessionId: string, tell: (outcome: Outcome) => void): void;
  settle(requestId: string, outcome: Outcome): void;
  /** Nobody waits any more. @returns false when it was settled already. */
  forget(requestId: string): boolean;
  /** Forgets all of a session. @returns their requests. */
  forgetSession(sessionId: string): string[];
}

/** Makes the map. */
export function createWaitingAsks(): WaitingAsks {
  const asks = new Map<string, { sessionId: string; tell: (outcome: Outcome) => void }>();
  return {
    wait: (requestId, sessionId, tell) => {
      asks.set(requestId, { sessionId, tell });
    },
    settle: (requestId, outcome) => {
      const ask = asks.get(requestId);
      asks.delete(requestId);
      ask?.tell(outcome);
    },
    forget: (requestId) => asks.delete(requestId),
    forgetSession: (sessionId) => {
      const ids = [...asks].filter(([, ask]) => ask.sessionId === sessionId).map(([id]) => id);
      for (const id of ids) asks.delete(id);
      return ids;
    },
  };
}
