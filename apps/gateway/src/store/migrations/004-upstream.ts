import { type Kysely, sql } from 'kysely';

const statements = [
  `CREATE TABLE identities (
    id text PRIMARY KEY, provider text NOT NULL, issuer text NOT NULL, subject text NOT NULL,
    user_id text NOT NULL REFERENCES users ON DELETE CASCADE, groups text[] NOT NULL, email text,
    upstream_sessions text[] NOT NULL, refresh_token bytea,
    created_at timestamptz NOT NULL DEFAULT now(), last_sign_in_at timestamptz NOT NULL,
    checked_at timestamptz NOT NULL, next_check_at timestamptz, confirmed_until timestamptz NOT NULL,
    UNIQUE (provider, subject))`,
  'CREATE INDEX identities_by_user ON identities (user_id)',
  'CREATE INDEX identities_by_end ON identities (confirmed_until)',
  `CREATE TABLE upstream_attempts (
    hash bytea PRIMARY KEY, provider text NOT NULL, browser bytea NOT NULL, content bytea NOT NULL,
    expires_at timestamptz NOT NULL)`,
  'CREATE TABLE upstream_seen (hash bytea PRIMARY KEY, expires_at timestamptz NOT NULL)',
  // What a provider said long ago gives nothing, also when nobody came to take it away.
  `CREATE OR REPLACE VIEW effective_groups (user_id, name) AS
    SELECT id, unnest(groups) FROM users
    UNION
    SELECT m.user_id, g.name FROM directory_members m JOIN directory_groups g ON g.id = m.group_id
    UNION
    SELECT user_id, unnest(groups) FROM identities WHERE confirmed_until > now()`,
];

/** Sign-in by upstream providers: who an account is there, sign-ins under way, and what was used once. */
export const upstream = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
