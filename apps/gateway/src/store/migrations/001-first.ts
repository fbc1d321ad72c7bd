import { type Kysely, sql } from 'kysely';

const statements = [
  `CREATE TABLE users (
    id text PRIMARY KEY, name text NOT NULL UNIQUE, password_hash text NOT NULL,
    groups text[] NOT NULL, roles text[] NOT NULL, disabled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now())`,
  `CREATE TABLE tokens (
    hash bytea PRIMARY KEY, user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz NOT NULL)`,
  `CREATE INDEX tokens_user ON tokens (user_id)`,
  `CREATE TABLE connections (
    name text PRIMARY KEY, agent text NOT NULL, labels jsonb NOT NULL, target jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now())`,
  `CREATE TABLE policies (
    number serial PRIMARY KEY, version text NOT NULL UNIQUE, text text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(), applied_by text NOT NULL)`,
  `CREATE TABLE agents (
    id text PRIMARY KEY, name text NOT NULL, serial text NOT NULL, previous_serial text, previous_used_at timestamptz,
    renewals integer NOT NULL DEFAULT 0, certificate_expires_at timestamptz NOT NULL, version text NOT NULL,
    enrolled_at timestamptz NOT NULL DEFAULT now(), last_seen_at timestamptz, revoked_at timestamptz)`,
  `CREATE UNIQUE INDEX agents_live_name ON agents (name) WHERE revoked_at IS NULL`,
  `CREATE TABLE join_tokens (
    hash bytea PRIMARY KEY, agent text NOT NULL, created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz NOT NULL, used_at timestamptz)`,
  `CREATE TABLE sessions (
    id text PRIMARY KEY, connection text NOT NULL, user_id text NOT NULL, principal text NOT NULL, via text NOT NULL,
    state text NOT NULL CHECK (state IN ('active', 'ended')),
    opened_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz NOT NULL, ended_at timestamptz, end_reason text,
    channels integer NOT NULL DEFAULT 0, statements integer NOT NULL DEFAULT 0, denied integer NOT NULL DEFAULT 0,
    client_address text, recording text NOT NULL DEFAULT 'open' CHECK (recording IN ('open', 'sealed', 'broken')))`,
  `CREATE INDEX sessions_by_user ON sessions (user_id, opened_at DESC)`,
  `CREATE INDEX sessions_by_time ON sessions (opened_at DESC)`,
  `CREATE TABLE approval_requests (
    id text PRIMARY KEY, session_id text NOT NULL REFERENCES sessions, connection text NOT NULL,
    user_id text NOT NULL, principal text NOT NULL, content bytea NOT NULL, database text NOT NULL, role text NOT NULL,
    tables jsonb NOT NULL, kind text NOT NULL, rule text NOT NULL, reason text NOT NULL, approvers text[] NOT NULL,
    mode text NOT NULL CHECK (mode IN ('wait', 'retry')), binding text NOT NULL, timeout_ms integer NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'withdrawn', 'used')),
    created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL,
    decided_at timestamptz, decided_by text, decision_reason text,
    CHECK (decided_by IS NULL OR decided_by <> principal))`,
  `CREATE INDEX approval_requests_open ON approval_requests (expires_at) WHERE state IN ('pending', 'approved')`,
  `CREATE UNIQUE INDEX approval_requests_one_pending ON approval_requests (user_id, connection, binding)
    WHERE state = 'pending' AND mode = 'retry'`,
  `CREATE INDEX approval_requests_by_time ON approval_requests (created_at DESC)`,
  `CREATE TABLE audit_events (
    id bigint PRIMARY KEY, at timestamptz NOT NULL, actor text NOT NULL, action text NOT NULL, subject text NOT NULL,
    detail text NOT NULL, previous_hash bytea NOT NULL, hash bytea NOT NULL)`,
  `CREATE FUNCTION audit_events_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$`,
  `CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_events_append_only()`,
  `CREATE TABLE recording_anchors (
    session text PRIMARY KEY, entries integer NOT NULL, bytes bigint NOT NULL, head_hash text NOT NULL,
    sealed boolean NOT NULL, public_key text NOT NULL, file text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now())`,
];

/** Everything that the first version keeps. */
export const first = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
