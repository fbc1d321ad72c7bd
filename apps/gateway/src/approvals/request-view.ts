import type { ApprovalRequest } from '@weir/api';
import type { DecisionRow, RequestRow } from '../store/approvals.ts';
import type { Decider } from './approvals.ts';
import { personIdOf } from './decide.ts';

/** Who looks: the person who asked is not told what the planner estimates, with any account, because statistics of protected columns shine through. */
export type Viewer = Pick<Decider, 'id' | 'personId'>;

/** A request as the API shows it. */
export function viewOf(row: RequestRow, decisions: readonly DecisionRow[], viewer: Viewer): ApprovalRequest {
  return {
    id: row.id,
    session: row.session_id,
    connection: row.connection,
    principal: row.principal,
    actingFor: row.acting_for,
    statement: row.statement,
    parameters: [...row.parameters],
    database: row.database,
    role: row.role,
    tables: row.tables,
    kind: row.kind,
    rule: row.rule,
    reason: row.reason,
    approvers: row.approvers,
    require: row.require,
    people: row.people,
    estimate: isBehind(row, viewer) ? null : row.estimate,
    decisions: decisions.map(({ name, decision, reason, at }) => ({
      by: name,
      decision,
      reason,
      at: at.toISOString(),
    })),
    mode: row.mode,
    state: row.state,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    decidedAt: row.decided_at?.toISOString() ?? null,
    decidedBy: row.decided_by,
    decisionReason: row.decision_reason,
  };
}

const isBehind = ({ user_id, behind }: RequestRow, viewer: Viewer): boolean =>
  user_id === viewer.id || behind.includes(personIdOf(viewer)) || behind.includes(viewer.id);
