import { type Kysely, sql } from 'kysely';

/** When it was told that a grant ends soon. */
export const jitEnding = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql.raw('ALTER TABLE grants ADD COLUMN ending_noted_at timestamptz').execute(db);
  },
};
