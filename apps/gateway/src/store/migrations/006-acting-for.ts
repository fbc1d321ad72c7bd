import { type Kysely, sql } from 'kysely';

const statements = [
  'ALTER TABLE sessions ADD COLUMN acting_for text',
  'ALTER TABLE approval_requests ADD COLUMN acting_for text',
];

/** Names of the people for whom sessions and requests are. */
export const actingFor = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
