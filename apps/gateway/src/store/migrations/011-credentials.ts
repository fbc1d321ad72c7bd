import { type Kysely, sql } from 'kysely';

/** Passwords of targets under envelope encryption. */
export const credentials = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`CREATE TABLE credentials (
      connection text PRIMARY KEY REFERENCES connections (name) ON DELETE CASCADE,
      key_id text NOT NULL, wrapped_key bytea NOT NULL, content bytea NOT NULL,
      updated_by text NOT NULL, updated_at timestamptz NOT NULL)`.execute(db);
  },
};
