import { type Kysely, sql } from 'kysely';

/** The gateway's CAs with their keys under envelope encryption, and which of them has signed an agent's certificate (null: the first). */
export const authorities = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`CREATE TABLE authorities (
      id text PRIMARY KEY, certificate text NOT NULL, key_id text, wrapped_key bytea, content bytea,
      created_by text NOT NULL, created_at timestamptz NOT NULL, retires_at timestamptz, retired_at timestamptz,
      CHECK ((content IS NULL) = (retired_at IS NOT NULL)))`.execute(db);
    await sql`ALTER TABLE agents ADD COLUMN issuer text`.execute(db);
  },
};
