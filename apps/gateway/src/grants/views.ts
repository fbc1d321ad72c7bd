import type { AccessRequest, Grant } from '@weir/api';
import type { WeirError } from '@weir/errors';
import type { AccessDecisionRow, AccessRequestRow } from '../store/access-requests.ts';
import type { GrantRow } from '../store/grants.ts';

/** A request as the API shows it. `refusal`: why the viewer may not decide it. */
export function accessRequestView(
  row: AccessRequestRow,
  decisions: readonly AccessDecisionRow[],
  refusal: WeirError | undefined,
): AccessRequest {
  const { id, connection, principal, seconds, reason, ticket, rule, approvers, require, people, state } = row;
  const isOpen = state === 'pending';
  return {
    ...{ id, connection, principal, seconds, reason, ticket, rule, approvers, require, people, state },
    grant: row.grant_id,
    decisions: decisions.map((one) => ({
      by: one.name,
      decision: one.decision,
      reason: one.reason,
      at: one.at.toISOString(),
    })),
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    decidedAt: row.decided_at?.toISOString() ?? null,
    decidedBy: row.decided_by,
    decisionReason: row.decision_reason,
    mayDecide: isOpen && refusal === undefined,
    whyNot: isOpen && refusal !== undefined ? `${refusal.message} ${refusal.why ?? ''}`.trim() : null,
  };
}

/** A grant as the API shows it. `isInForce`: does it open something now? */
export function grantView(row: GrantRow, nowMs: number, isInForce: boolean): Grant {
  const { id, kind, connection, principal, rule, reason, ticket } = row;
  const isOver = row.until_at.getTime() <= nowMs;
  return {
    ...{ id, kind, connection, principal, rule, reason, ticket },
    request: row.request_id,
    from: row.from_at.toISOString(),
    until: row.until_at.toISOString(),
    state: row.revoked_at !== null ? 'revoked' : isOver ? 'ended' : isInForce ? 'active' : 'void',
    revoked:
      row.revoked_at === null
        ? null
        : { by: row.revoked_by ?? '', at: row.revoked_at.toISOString(), reason: row.revoke_reason ?? '' },
    review: reviewOf(row, nowMs),
  };
}

function reviewOf(row: GrantRow, nowMs: number): Grant['review'] {
  if (row.review_due_at === null) return null;
  const isOverdue = row.review_due_at.getTime() <= nowMs;
  return {
    by: row.review_by ?? [],
    dueAt: row.review_due_at.toISOString(),
    state: row.reviewed_at !== null ? 'done' : isOverdue ? 'overdue' : 'open',
    verdict: row.review_verdict,
    reviewedBy: row.reviewed_by,
    reviewedAt: row.reviewed_at?.toISOString() ?? null,
    comment: row.review_comment,
  };
}
