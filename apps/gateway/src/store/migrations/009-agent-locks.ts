import { type Kysely, sql } from 'kysely';

/** Locks of agents, and hashes of their nonces: of the one that was shown or confirmed last, and of the one that was given since. */
export const agentLocks = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`ALTER TABLE agents ADD COLUMN locked_at timestamptz, ADD COLUMN lock_reason text, ADD COLUMN locked_by text,
      ADD COLUMN nonce_hash bytea, ADD COLUMN next_nonce_hash bytea`.execute(db);
  },
};
