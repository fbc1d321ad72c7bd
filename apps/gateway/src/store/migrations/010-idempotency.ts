import { type Kysely, sql } from 'kysely';

const statements = [
  `CREATE TABLE idempotent_answers (
    hash bytea PRIMARY KEY, request bytea NOT NULL, state text NOT NULL CHECK (state IN ('running', 'done', 'unknown')),
    content bytea, expires_at timestamptz NOT NULL)`,
  'CREATE INDEX idempotent_answers_expiry ON idempotent_answers (expires_at)',
];

/** Answers to requests that carried an idempotency key. */
export const idempotency = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
