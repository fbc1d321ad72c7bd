import type { ApprovalRequest, DecideRequest, ListRequestsQuery } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { AuditLog } from '../audit/audit-log.ts';
import { type Caller, seesAll } from '../identity/caller.ts';
import type { ApprovalRepository, RequestRow } from '../store/approvals.ts';
import type { ApprovalClock } from './approval-clock.ts';
import type { WaitingAsks } from './waiting-asks.ts';

/** Who decides: a signed-in person, or one whom a signed message of a channel names. */
export type Decider = Pick<Caller, 'id' | 'name' | 'groups' | 'roles'>;

/** What people do with approval requests. */
export interface Approvals {
  /** Own requests and those that the caller may decide; all for admins and auditors. */
  list(caller: Caller, query: ListRequestsQuery & { limit: number }): Promise<ApprovalRequest[]>;
  show(caller: Caller, id: string): Promise<ApprovalRequest>;
  /** @throws WeirError self_approval, not_permitted, conflict (decided, expired or withdrawn already), not_found. */
  decide(caller: Decider, id: string, request: DecideRequest): Promise<ApprovalRequest>;
  countPending(): Promise<number>;
}

/** What approvals stand on. */
export interface ApprovalParts {
  readonly approvals: ApprovalRepository;
  readonly waiting: WaitingAsks;
  readonly clock: ApprovalClock;
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** Makes the use-cases. */
export function createApprovals(parts: ApprovalParts): Approvals {
  const { approvals, audit, clock, now } = parts;
  return {
    list: async (caller, { state, limit }) => {
      await clock.expireDue();
      const visibleTo = seesAll(caller) ? {} : { visibleTo: { userId: caller.id, groups: caller.groups } };
      const rows = await approvals.list({ ...visibleTo, state, limit });
      await auditView(audit, caller, rows);
      return rows.map(viewOf);
    },
    show: async (caller, id) => {
      await clock.expireDue();
      const row = await visible(approvals, caller, id);
      await auditView(audit, caller, [row]);
      return viewOf(row);
    },
    decide: (caller, id, request) => decide(parts, caller, id, request),
    countPending: () => approvals.countPending(new Date(now())),
  };
}

async function decide(
  { approvals, audit, clock, waiting, now }: ApprovalParts,
  caller: Decider,
  id: string,
  { decision, reason = '' }: DecideRequest,
): Promise<ApprovalRequest> {
  await clock.expireDue();
  const row = await visible(approvals, caller, id);
  const refusal = refusalOf(caller, row);
  if (refusal !== undefined) {
    const detail = { decision, code: refusal.code };
    await audit.append({ actor: caller.name, action: 'decision-refused', subject: id, detail });
    throw refusal;
  }
  const at = new Date(now());
  const state = decision === 'approve' ? 'approved' : 'denied';
  // An approved retry stays good for as long again as the request was open.
  const validUntil = new Date(at.getTime() + row.timeout_ms);
  const decided = await approvals.decide(id, { state, by: caller.name, reason, at, validUntil });
  if (decided === undefined) throw await tooLate(approvals, id);
  try {
    await audit.append({
      actor: caller.name,
      action: state === 'approved' ? 'request-approved' : 'request-denied',
      subject: id,
      detail: { principal: row.principal, connection: row.connection, rule: row.rule, reason, session: row.session_id },
    });
  } finally {
    waiting.settle(id, { state, by: caller.name, reason });
  }
  await clock.reschedule();
  return viewOf(decided);
}

function refusalOf(caller: Decider, row: RequestRow): WeirError | undefined {
  if (row.user_id === caller.id || row.principal === caller.name) {
    return new WeirError('self_approval', 'Nobody decides his own request.', {
      why: `${row.id} was asked by ${row.principal}.`,
      fix: `Ask a member of ${row.approvers.join(' or ')}: weir requests approve ${row.id}`,
    });
  }
  if (caller.groups.some((group) => row.approvers.includes(group))) return undefined;
  return new WeirError('not_permitted', 'You may not decide this request.', {
    why: `The rule ${row.rule} names the approvers: ${row.approvers.join(', ')}.`,
    fix: 'Ask a member of one of these groups.',
  });
}

async function tooLate(approvals: ApprovalRepository, id: string): Promise<WeirError> {
  const row = await approvals.find(id);
  const by = row?.decided_by == null ? '' : ` by ${row.decided_by}`;
  return new WeirError('conflict', `The request ${id} is no longer open.`, {
    why: row === undefined ? 'It is gone.' : `It is ${row.state === 'pending' ? 'expired' : row.state}${by}.`,
    fix: `Look at it: weir requests show ${id}`,
  });
}

async function visible(approvals: ApprovalRepository, caller: Decider, id: string): Promise<RequestRow> {
  const row = await approvals.find(id);
  const isApprover = row?.approvers.some((group) => caller.groups.includes(group)) ?? false;
  if (row !== undefined && (row.user_id === caller.id || isApprover || seesAll(caller))) return row;
  throw new WeirError('not_found', `There is no request ${id}.`, { fix: 'Run: weir requests ls' });
}

/** Each look at what another person sent leaves a trace (one event per answer). */
async function auditView(audit: AuditLog, caller: Caller, rows: readonly RequestRow[]): Promise<void> {
  const others = rows.filter((row) => row.user_id !== caller.id).map((row) => row.id);
  const [first] = others;
  if (first === undefined) return;
  const subject = others.length === 1 ? first : `${others.length} requests`;
  await audit.append({ actor: caller.name, action: 'statement-viewed', subject, detail: { requests: others } });
}

function viewOf(row: RequestRow): ApprovalRequest {
  return {
    id: row.id,
    session: row.session_id,
    connection: row.connection,
    principal: row.principal,
    statement: row.statement,
    parameters: [...row.parameters],
    database: row.database,
    role: row.role,
    tables: row.tables,
    kind: row.kind,
    rule: row.rule,
    reason: row.reason,
    approvers: row.approvers,
    mode: row.mode,
    state: row.state,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    decidedAt: row.decided_at?.toISOString() ?? null,
    decidedBy: row.decided_by,
    decisionReason: row.decision_reason,
  };
}
