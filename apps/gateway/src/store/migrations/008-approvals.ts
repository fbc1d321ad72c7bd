import { type Kysely, sql } from 'kysely';

const statements = [
  `CREATE TABLE notification_cursor (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), after_event bigint NOT NULL)`,
  // What happened before there were notifications is not told.
  `INSERT INTO notification_cursor (after_event) SELECT coalesce(max(id), 0) FROM audit_events`,
  `CREATE TABLE notification_deliveries (
    id bigserial PRIMARY KEY, channel text NOT NULL, event_id bigint NOT NULL, notice jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'sent', 'dead')), attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL, last_error text, created_at timestamptz NOT NULL, settled_at timestamptz,
    UNIQUE (channel, event_id))`,
  `CREATE INDEX notification_deliveries_due ON notification_deliveries (channel, next_at) WHERE state = 'pending'`,
  `CREATE INDEX notification_deliveries_settled ON notification_deliveries (settled_at) WHERE settled_at IS NOT NULL`,
];

/** Notifications that wait, were sent, or could not be sent. */
export const approvals = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
