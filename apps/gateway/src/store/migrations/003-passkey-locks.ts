import { type Kysely, sql } from 'kysely';

/** Passkeys that were seen twice. */
export const passkeyLocks = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql.raw('ALTER TABLE passkeys ADD COLUMN locked_at timestamptz').execute(db);
  },
};
