import { type Kysely, sql } from 'kysely';

/** Pools of agents, and join tokens for several agents of one. An agent of before is the only one of a pool with its name. */
export const agentPools = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`ALTER TABLE agents ADD COLUMN pool text`.execute(db);
    await sql`UPDATE agents SET pool = name`.execute(db);
    await sql`ALTER TABLE agents ALTER COLUMN pool SET NOT NULL`.execute(db);
    await sql`ALTER TABLE join_tokens ADD COLUMN pool text, ADD COLUMN uses integer NOT NULL DEFAULT 1,
      ADD COLUMN used_count integer NOT NULL DEFAULT 0, ADD COLUMN revoked_at timestamptz,
      ALTER COLUMN agent DROP NOT NULL`.execute(db);
    await sql`UPDATE join_tokens SET pool = agent, used_count = CASE WHEN used_at IS NULL THEN 0 ELSE 1 END`.execute(
      db,
    );
    await sql`ALTER TABLE join_tokens ALTER COLUMN pool SET NOT NULL,
      ADD CHECK (agent IS NULL OR uses = 1), ADD CHECK (used_count <= uses)`.execute(db);
  },
};
