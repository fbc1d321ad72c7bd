import { type Kysely, sql } from 'kysely';

/** Keys that sign people in at the SSH listener, and the sign-ins that its certificates belong to. */
export const sshKeys = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`CREATE TABLE ssh_keys (
      id text PRIMARY KEY, user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
      fingerprint text NOT NULL UNIQUE, public_key text NOT NULL, label text NOT NULL, counter bigint NOT NULL DEFAULT 0,
      created_by text NOT NULL, created_at timestamptz NOT NULL, last_used_at timestamptz, last_used_from text)`.execute(
      db,
    );
    await sql`CREATE INDEX ssh_keys_of_user ON ssh_keys (user_id)`.execute(db);
    await sql`CREATE TABLE ssh_certificates (
      serial text PRIMARY KEY, user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
      sign_in bytea NOT NULL, fingerprint text NOT NULL,
      issued_at timestamptz NOT NULL, expires_at timestamptz NOT NULL)`.execute(db);
    await sql`CREATE INDEX ssh_certificates_by_end ON ssh_certificates (expires_at)`.execute(db);
  },
};
