import { type Kysely, sql } from 'kysely';

const statements = [
  // Raised when all sign-ins of an account end: what was begun before gives no new one.
  'ALTER TABLE users ADD COLUMN sign_in_epoch integer NOT NULL DEFAULT 0',
  `CREATE TABLE oauth_payloads (
    model text NOT NULL, id bytea NOT NULL, payload bytea NOT NULL, grant_hash bytea, uid_hash bytea, user_code_hash bytea,
    user_id text REFERENCES users ON DELETE CASCADE, consumed_at timestamptz, expires_at timestamptz NOT NULL,
    PRIMARY KEY (model, id))`,
  'CREATE INDEX oauth_payloads_by_grant ON oauth_payloads (grant_hash) WHERE grant_hash IS NOT NULL',
  'CREATE INDEX oauth_payloads_by_user ON oauth_payloads (user_id) WHERE user_id IS NOT NULL',
  'CREATE UNIQUE INDEX oauth_payloads_by_uid ON oauth_payloads (model, uid_hash) WHERE uid_hash IS NOT NULL',
  'CREATE UNIQUE INDEX oauth_payloads_by_user_code ON oauth_payloads (model, user_code_hash) WHERE user_code_hash IS NOT NULL',
  'CREATE INDEX oauth_payloads_by_end ON oauth_payloads (expires_at)',
  `CREATE TABLE oauth_grants (
    hash bytea PRIMARY KEY, user_id text NOT NULL REFERENCES users ON DELETE CASCADE, client_id text NOT NULL,
    amr text[] NOT NULL, auth_time timestamptz NOT NULL, mfa_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz NOT NULL, revoked_at timestamptz)`,
  'CREATE INDEX oauth_grants_by_user ON oauth_grants (user_id)',
  `CREATE TABLE oauth_keys (kid text PRIMARY KEY, key bytea NOT NULL, created_at timestamptz NOT NULL)`,
  `CREATE TABLE browser_sessions (
    hash bytea PRIMARY KEY, user_id text NOT NULL REFERENCES users ON DELETE CASCADE, amr text[] NOT NULL,
    auth_time timestamptz NOT NULL, mfa_at timestamptz, expires_at timestamptz NOT NULL)`,
  'CREATE INDEX browser_sessions_by_user ON browser_sessions (user_id)',
];

/** What the authorization server keeps: its codes, tokens and sessions, grants, signing keys, and sign-ins of browsers. */
export const oauth = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
