import { type Kysely, sql } from 'kysely';

const statements = [
  `ALTER TABLE users
    ALTER COLUMN password_hash DROP NOT NULL,
    ADD COLUMN display_name text,
    ADD COLUMN email text,
    ADD COLUMN email_verified boolean NOT NULL DEFAULT false,
    ADD COLUMN person_id text,
    ADD COLUMN source text NOT NULL DEFAULT 'local',
    ADD COLUMN last_sign_in_at timestamptz,
    ADD COLUMN external_id text,
    ADD COLUMN directory_name text,
    ADD COLUMN directory_profile jsonb,
    ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now()`,
  'UPDATE users SET person_id = id',
  'ALTER TABLE users ALTER COLUMN person_id SET NOT NULL',
  'CREATE INDEX users_by_person ON users (person_id)',
  // Directories compare user names without case (RFC 7643 section 4.1.1).
  'CREATE UNIQUE INDEX users_directory_name ON users (lower(directory_name)) WHERE directory_name IS NOT NULL',
  'CREATE UNIQUE INDEX users_external_id ON users (external_id) WHERE external_id IS NOT NULL',
  'ALTER TABLE tokens ADD COLUMN mfa_at timestamptz',
  `CREATE TABLE passkeys (
    id text PRIMARY KEY, user_id text NOT NULL REFERENCES users ON DELETE CASCADE, name text NOT NULL,
    public_key bytea NOT NULL, counter bigint NOT NULL, transports text[] NOT NULL, backed_up boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(), last_used_at timestamptz)`,
  'CREATE INDEX passkeys_by_user ON passkeys (user_id)',
  `CREATE TABLE passkey_challenges (
    hash bytea PRIMARY KEY, purpose text NOT NULL, user_id text REFERENCES users ON DELETE CASCADE,
    subject text, expires_at timestamptz NOT NULL)`,
  `CREATE TABLE directory_groups (
    id text PRIMARY KEY, name text NOT NULL UNIQUE, display_name text NOT NULL, external_id text,
    created_at timestamptz NOT NULL DEFAULT now(), changed_at timestamptz NOT NULL DEFAULT now())`,
  `CREATE TABLE directory_members (
    group_id text NOT NULL REFERENCES directory_groups ON DELETE CASCADE,
    user_id text NOT NULL REFERENCES users ON DELETE CASCADE, PRIMARY KEY (group_id, user_id))`,
  'CREATE INDEX directory_members_by_user ON directory_members (user_id)',
  `CREATE TABLE directory_tokens (
    id text PRIMARY KEY, hash bytea NOT NULL UNIQUE, name text NOT NULL, created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz NOT NULL,
    last_used_at timestamptz, revoked_at timestamptz)`,
  // Where all groups of an account come together. A later migration that knows another source replaces the view.
  `CREATE VIEW effective_groups (user_id, name) AS
    SELECT id, unnest(groups) FROM users
    UNION
    SELECT m.user_id, g.name FROM directory_members m JOIN directory_groups g ON g.id = m.group_id`,
];

/** People: what is known of an account, links between accounts of one person, passkeys, and what a directory provisions. */
export const accounts = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
