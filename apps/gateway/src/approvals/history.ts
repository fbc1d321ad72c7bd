import type { RequestDetails } from '@weir/api';
import type { RequestRow } from '../store/approvals.ts';
import type { ApprovalParts } from './approvals.ts';

/** Requests that are shown. */
const maxRequests = 10;
/** How far the totals of sessions look back. */
const days = 30;

/** What the account that asked did lately: requests before this one without their statements, and totals of sessions. */
export async function historyOf(
  { approvals, sessions, now }: Pick<ApprovalParts, 'approvals' | 'sessions' | 'now'>,
  row: RequestRow,
): Promise<RequestDetails['history']> {
  const [requests, totals] = await Promise.all([
    approvals.list({ visibleTo: { userId: row.user_id, groups: [] } }, { limit: maxRequests + 1, after: null }),
    sessions.totalsOf(row.user_id, new Date(now() - days * 86_400_000)),
  ]);
  return {
    requests: requests
      .filter(({ id }) => id !== row.id)
      .slice(0, maxRequests)
      .map(({ id, connection, kind, tables, rule, state, created_at, decided_by }) => ({
        ...{ id, connection, kind, tables, rule, state, createdAt: created_at.toISOString(), decidedBy: decided_by },
      })),
    days,
    ...totals,
  };
}
