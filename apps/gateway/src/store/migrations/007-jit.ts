import { type Kysely, sql } from 'kysely';

const statements = [
  `CREATE TABLE access_requests (
    id text PRIMARY KEY, user_id text NOT NULL, principal text NOT NULL, principal_kind text NOT NULL, connection text NOT NULL,
    rule text NOT NULL, seconds integer NOT NULL CHECK (seconds > 0), reason text NOT NULL, ticket text,
    approvers text[] NOT NULL, require text NOT NULL CHECK (require IN ('one-of', 'all-of')), people integer NOT NULL CHECK (people > 0),
    never jsonb, asked_under text NOT NULL, behind text[] NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'cancelled', 'outdated')),
    created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL, decided_at timestamptz, decided_by text, decision_reason text)`,
  `CREATE INDEX access_requests_pending ON access_requests (expires_at) WHERE state = 'pending'`,
  'CREATE INDEX access_requests_by_user ON access_requests (user_id, created_at DESC)',
  `CREATE TABLE access_decisions (
    request_id text NOT NULL REFERENCES access_requests, person_id text NOT NULL, user_id text NOT NULL, name text NOT NULL,
    decision text NOT NULL CHECK (decision IN ('approve', 'deny')), reason text NOT NULL, at timestamptz NOT NULL,
    PRIMARY KEY (request_id, person_id))`,
  `CREATE TABLE grants (
    id text PRIMARY KEY, request_id text UNIQUE REFERENCES access_requests, kind text NOT NULL CHECK (kind IN ('request', 'break-glass')),
    user_id text NOT NULL, principal text NOT NULL, principal_kind text NOT NULL, connection text NOT NULL, rule text NOT NULL,
    reason text NOT NULL, ticket text,
    target text NOT NULL, behind text[] NOT NULL, watchers text[] NOT NULL,
    from_at timestamptz NOT NULL, until_at timestamptz NOT NULL CHECK (until_at > from_at),
    revoked_at timestamptz, revoked_by text, revoke_reason text, end_noted_at timestamptz,
    review_by text[], review_due_at timestamptz, overdue_noted_at timestamptz,
    reviewed_at timestamptz, reviewed_by text, review_verdict text CHECK (review_verdict IN ('justified', 'not-justified')), review_comment text,
    CHECK ((kind = 'break-glass') = (review_due_at IS NOT NULL)))`,
  'CREATE INDEX grants_by_user ON grants (user_id, from_at DESC)',
  'CREATE INDEX grants_unnoted ON grants (until_at) WHERE end_noted_at IS NULL',
  'CREATE INDEX grants_to_review ON grants (review_due_at) WHERE review_due_at IS NOT NULL AND reviewed_at IS NULL',
];

/** Requests for access, decisions about them, and grants. */
export const jit = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
