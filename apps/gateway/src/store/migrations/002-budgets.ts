import { type Kysely, sql } from 'kysely';

const statements = [
  `CREATE TABLE budget_usage (
    user_id text NOT NULL, principal text NOT NULL, rule text NOT NULL, per text NOT NULL CHECK (per IN ('hour', 'day')),
    starts_at timestamptz NOT NULL, ends_at timestamptz NOT NULL,
    rows_used bigint NOT NULL DEFAULT 0, bytes_used bigint NOT NULL DEFAULT 0,
    rows_added bigint NOT NULL DEFAULT 0, bytes_added bigint NOT NULL DEFAULT 0,
    max_rows bigint, max_bytes bigint, mode text NOT NULL, exhausted_at timestamptz,
    PRIMARY KEY (user_id, rule, per, starts_at))`,
  `CREATE INDEX budget_usage_by_end ON budget_usage (ends_at)`,
  `CREATE TABLE budget_additions (request_id text PRIMARY KEY REFERENCES approval_requests, added_at timestamptz NOT NULL)`,
];

/** The ledger of budgets. */
export const budgets = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
