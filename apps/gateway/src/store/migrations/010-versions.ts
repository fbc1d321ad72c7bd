import { type Kysely, sql } from 'kysely';

/** Versions of connections, and who made the last one. */
export const versions = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`ALTER TABLE connections ADD COLUMN version integer NOT NULL DEFAULT 1, ADD COLUMN updated_by text,
      ADD COLUMN changed_fields text[] NOT NULL DEFAULT '{}'`.execute(db);
  },
};
