import { type Kysely, sql } from 'kysely';

/** When an agent last asked for a certificate after the end of its last one. */
export const agentRecovery = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`ALTER TABLE agents ADD COLUMN recovery_sent_at timestamptz`.execute(db);
  },
};
