import { type Kysely, sql } from 'kysely';

const statements = [
  `ALTER TABLE users
    ADD COLUMN kind text NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'service', 'ai-agent')),
    ADD COLUMN owner_id text REFERENCES users ON DELETE SET NULL`,
  'CREATE INDEX users_by_owner ON users (owner_id) WHERE owner_id IS NOT NULL',
  `CREATE TABLE service_keys (
    id text PRIMARY KEY, hash bytea NOT NULL UNIQUE, user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    label text NOT NULL, groups text[], connections text[], created_by text NOT NULL, created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL, last_used_at timestamptz, last_used_from text, revoked_at timestamptz)`,
  'CREATE INDEX service_keys_by_user ON service_keys (user_id)',
  `CREATE TABLE delegations (
    id text PRIMARY KEY, person_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    service_id text NOT NULL REFERENCES users ON DELETE CASCADE, created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL, revoked_at timestamptz)`,
  'CREATE INDEX delegations_by_service ON delegations (service_id)',
  'CREATE INDEX delegations_by_person ON delegations (person_id)',
  `ALTER TABLE oauth_grants
    ADD COLUMN key_id text REFERENCES service_keys ON DELETE CASCADE,
    ADD COLUMN trust_rule text, ADD COLUMN trust_hash text,
    ADD COLUMN delegation_id text REFERENCES delegations ON DELETE CASCADE`,
  // Tokens of issuers that were exchanged: each is good for one exchange.
  'CREATE TABLE workload_tokens_used (hash bytea PRIMARY KEY, expires_at timestamptz NOT NULL)',
];

/** Accounts of services and AI agents, their keys, the rules that jobs signed in by, and people who let others act for them. */
export const machines = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
