import { type Kysely, sql } from 'kysely';

/** The SSH CAs and the listener's own host keys, with their private halves under envelope encryption. */
export const sshAuthorities = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`CREATE TABLE ssh_authorities (
      id text PRIMARY KEY, purpose text NOT NULL CHECK (purpose IN ('users', 'targets', 'hosts', 'listener')),
      public_key text NOT NULL, key_id text, wrapped_key bytea, content bytea,
      created_by text NOT NULL, created_at timestamptz NOT NULL, retires_at timestamptz, retired_at timestamptz,
      CHECK ((content IS NULL) = (retired_at IS NOT NULL)))`.execute(db);
  },
};
