import { type Kysely, sql } from 'kysely';

const statements = [
  // Null: asked before this version, so nobody can say what it was asked under.
  'ALTER TABLE approval_requests ADD COLUMN asked_under text, ADD COLUMN people integer NOT NULL DEFAULT 1 CHECK (people > 0)',
  "ALTER TABLE approval_requests ADD COLUMN require text NOT NULL DEFAULT 'one-of' CHECK (require IN ('one-of', 'all-of'))",
  "ALTER TABLE approval_requests ADD COLUMN estimate jsonb, ADD COLUMN behind text[] NOT NULL DEFAULT '{}'",
  `CREATE TABLE approval_decisions (
    request_id text NOT NULL REFERENCES approval_requests, person_id text NOT NULL, user_id text NOT NULL, name text NOT NULL,
    decision text NOT NULL CHECK (decision IN ('approve', 'deny')), reason text NOT NULL, at timestamptz NOT NULL,
    PRIMARY KEY (request_id, person_id))`,
  'CREATE INDEX approval_requests_by_user ON approval_requests (user_id, created_at DESC)',
];

/** Decisions as rows, one for each person, and what a request was asked under. */
export const decisions = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
