import type { HeldGrant } from '../access/access.ts';
import type { GrantRepository, GrantRow } from '../store/grants.ts';

/** Running grants in memory, so that policy can be asked without a wait. The one gateway of a store writes them all. */
export interface GrantBook {
  /** Reads the store; before, nobody holds anything. */
  load(): Promise<void>;
  held(userId: string, connection: string): readonly HeldGrant[];
  add(row: GrantRow): void;
  remove(id: string): void;
  /** Is there one whose time is over? */
  hasEnded(nowMs: number): boolean;
  /** Takes out what has ended. @returns its ids. */
  takeEnded(nowMs: number): string[];
}

/** Makes the book. */
export function createGrantBook(parts: {
  readonly grants: Pick<GrantRepository, 'listRunning'>;
  readonly now: () => number;
}): GrantBook {
  const rows = new Map<string, GrantRow>();
  // A grant can be revoked before it was added: it must not come back.
  const removed = new Set<string>();
  return {
    load: async () => {
      rows.clear();
      for (const row of await parts.grants.listRunning(new Date(parts.now()))) rows.set(row.id, row);
    },
    held: (userId, connection) =>
      [...rows.values()]
        .filter(
          (row) => row.user_id === userId && row.connection === connection && row.until_at.getTime() > parts.now(),
        )
        .map(heldOf),
    add: (row) => {
      if (!removed.has(row.id)) rows.set(row.id, row);
    },
    remove: (id) => {
      removed.add(id);
      rows.delete(id);
    },
    hasEnded: (nowMs) => [...rows.values()].some((row) => row.until_at.getTime() <= nowMs),
    takeEnded: (nowMs) => {
      const ended = [...rows.values()].filter((row) => row.until_at.getTime() <= nowMs).map(({ id }) => id);
      for (const id of ended) rows.delete(id);
      return ended;
    },
  };
}

/** A stored grant as access decisions read it. */
export function heldOf(row: GrantRow): HeldGrant {
  return {
    id: row.id,
    rule: row.rule,
    kind: row.kind,
    ticket: row.ticket,
    fromMs: row.from_at.getTime(),
    untilMs: row.until_at.getTime(),
    target: row.target,
  };
}
