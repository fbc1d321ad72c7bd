import { type Kysely, sql } from 'kysely';

const statements = [
  'ALTER TABLE users ADD COLUMN emergency boolean NOT NULL DEFAULT false',
  // Tokens of directories are references in the configuration; nothing ever wrote these.
  'DROP TABLE directory_tokens',
];

/** Accounts for emergencies. */
export const emergency = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
