import type { Store } from './open-store.ts';

/** What a shown nonce says of its holder. `first`: nothing was given yet. */
export type NonceVerdict = 'first' | 'known' | 'stale' | 'gone';

/** Nonces and locks of agents. Each change holds the agent's row, so that two holders of one identity take turns. */
export interface AgentNonceRepository {
  /** A holder shows the hash of its nonce (null = it has none). A known one becomes the only one that is accepted. */
  show(agentId: string, hash: Buffer | null): Promise<NonceVerdict>;
  /** Notes that a new nonce is about to be given. */
  give(agentId: string, hash: Buffer): Promise<void>;
  /** The agent has stored the nonce that was given: the one before is not accepted any more. */
  confirm(agentId: string, hash: Buffer): Promise<void>;
  /** @returns false when it is locked or revoked already. */
  lock(agentId: string, lock: { readonly at: Date; readonly reason: string; readonly by: string }): Promise<boolean>;
  /** Lets the agent in again and believes the next nonce that it shows. @returns false when it is not locked. */
  unlock(agentId: string): Promise<boolean>;
}

/** Makes the repository. */
export function createAgentNonceRepository({ db }: Pick<Store, 'db'>): AgentNonceRepository {
  return {
    show: (agentId, hash) =>
      db.transaction().execute(async (tx) => {
        const row = await tx
          .selectFrom('agents')
          .select(['nonce_hash', 'next_nonce_hash'])
          .where('id', '=', agentId)
          .where('revoked_at', 'is', null)
          .where('locked_at', 'is', null)
          .forUpdate()
          .executeTakeFirst();
        if (row === undefined) return 'gone';
        const accepted = [row.nonce_hash, row.next_nonce_hash].filter((known) => known !== null);
        const isFirst = row.nonce_hash === null;
        // Before the first one was confirmed, an agent that was killed shows none.
        const isKnown = hash === null ? isFirst : isFirst || accepted.some((known) => known.equals(hash));
        if (!isKnown) return 'stale';
        await tx
          .updateTable('agents')
          .set({ nonce_hash: hash, next_nonce_hash: null })
          .where('id', '=', agentId)
          .execute();
        return isFirst ? 'first' : 'known';
      }),
    give: async (agentId, hash) => {
      await db.updateTable('agents').set({ next_nonce_hash: hash }).where('id', '=', agentId).execute();
    },
    confirm: async (agentId, hash) => {
      await db
        .updateTable('agents')
        .set({ nonce_hash: hash, next_nonce_hash: null })
        .where('id', '=', agentId)
        .where('next_nonce_hash', '=', hash)
        .execute();
    },
    lock: async (agentId, { at, reason, by }) => {
      const result = await db
        .updateTable('agents')
        .set({ locked_at: at, lock_reason: reason, locked_by: by })
        .where('id', '=', agentId)
        .where('revoked_at', 'is', null)
        .where('locked_at', 'is', null)
        .executeTakeFirst();
      return result.numUpdatedRows === 1n;
    },
    unlock: async (agentId) => {
      const result = await db
        .updateTable('agents')
        .set({ locked_at: null, lock_reason: null, locked_by: null, nonce_hash: null, next_nonce_hash: null })
        .where('id', '=', agentId)
        .where('locked_at', 'is not', null)
        .executeTakeFirst();
      return result.numUpdatedRows === 1n;
    },
  };
}
