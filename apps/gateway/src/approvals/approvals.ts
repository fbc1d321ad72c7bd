import type { ApprovalRequest, DecideRequest, ListRequestsQuery, RequestDetails } from '@weir/api';
import { WeirError } from '@weir/errors';
import type { AuditLog } from '../audit/audit-log.ts';
import { cutPage, type Page } from '../http/paging.ts';
import { type Caller, seesAll } from '../identity/caller.ts';
import type { ApprovalRepository, RequestRow } from '../store/approvals.ts';
import type { Keyset } from '../store/keyset.ts';
import type { SessionRepository } from '../store/sessions.ts';
import type { ApprovalClock } from './approval-clock.ts';
import type { Circumstances, Standing } from './circumstances.ts';
import { decideRequest, peopleBehind, refusalOf } from './decide.ts';
import { historyOf } from './history.ts';
import { viewOf } from './request-view.ts';
import type { WaitingAsks } from './waiting-asks.ts';

/** Who decides: a signed-in person, or one whom a signed message of a channel names. `personId` absent = the account is linked to no other. */
export type Decider = Pick<Caller, 'id' | 'name' | 'kind' | 'groups' | 'roles'> & {
  readonly personId?: string | null | undefined;
};

/** What people do with approval requests. */
export interface Approvals {
  /** Own requests and those that the caller may decide; all for admins and auditors. */
  list(caller: Decider, query: ListRequestsQuery, page: Keyset): Promise<Page<ApprovalRequest>>;
  /** With the history of the person who asked, and whether the caller may decide. */
  show(caller: Decider, id: string): Promise<RequestDetails>;
  /** @throws WeirError self_approval, not_permitted, conflict (decided, expired, withdrawn or outdated, or decided by this person already), not_found. */
  decide(caller: Decider, id: string, request: DecideRequest): Promise<ApprovalRequest>;
  countPending(): Promise<number>;
}

/** What approvals stand on. */
export interface ApprovalParts {
  readonly approvals: ApprovalRepository;
  readonly sessions: Pick<SessionRepository, 'totalsOf'>;
  readonly circumstances: Circumstances;
  /** The account as it is now; undefined when it is gone or disabled. */
  readonly standingOf: (name: string) => Promise<Standing | undefined>;
  readonly waiting: WaitingAsks;
  readonly clock: ApprovalClock;
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** Makes the use-cases. */
export function createApprovals(parts: ApprovalParts): Approvals {
  const { approvals, audit, clock, now } = parts;
  return {
    list: async (caller, { state }, page) => {
      await clock.expireDue();
      const visibleTo = seesAll(caller) ? {} : { visibleTo: { userId: caller.id, groups: caller.groups } };
      const found = await approvals.list({ ...visibleTo, state }, { ...page, limit: page.limit + 1 });
      const shown = cutPage(found, page, (row) => [row.created_at.toISOString(), row.id]);
      const rows = shown.items;
      await auditView(audit, caller, rows);
      const decisions = await approvals.decisionsOf(rows.map(({ id }) => id));
      const of = (row: RequestRow) => decisions.filter((decision) => decision.request_id === row.id);
      return shown.map((row) => viewOf(row, of(row), caller));
    },
    show: async (caller, id) => {
      await clock.expireDue();
      const row = await visible(approvals, caller, id);
      await auditView(audit, caller, [row]);
      const [decisions, history, people] = await Promise.all([
        approvals.decisionsOf([id]),
        historyOf(parts, row),
        peopleBehind(parts, row),
      ]);
      const refusal = refusalOf(caller, row, people);
      const isOpen = row.state === 'pending';
      return {
        ...viewOf({ ...row, behind: [...people] }, decisions, caller),
        history,
        mayDecide: isOpen && refusal === undefined,
        whyNot: isOpen && refusal !== undefined ? `${refusal.message} ${refusal.why ?? ''}`.trim() : null,
      };
    },
    decide: async (caller, id, request) => {
      await clock.expireDue();
      const { row, decisions } = await decideRequest(parts, caller, await visible(approvals, caller, id), request);
      await clock.reschedule();
      return viewOf(row, decisions, caller);
    },
    countPending: () => approvals.countPending(new Date(now())),
  };
}

async function visible(approvals: ApprovalRepository, caller: Decider, id: string): Promise<RequestRow> {
  const row = await approvals.find(id);
  const isApprover = row?.approvers.some((group) => caller.groups.includes(group)) ?? false;
  if (row !== undefined && (row.user_id === caller.id || isApprover || seesAll(caller))) return row;
  throw new WeirError('not_found', `There is no request ${id}.`, { fix: 'Run: weir requests ls' });
}

/** Each look at what another person sent leaves a trace (one event per answer). */
async function auditView(audit: AuditLog, caller: Decider, rows: readonly RequestRow[]): Promise<void> {
  const others = rows.filter((row) => row.user_id !== caller.id).map((row) => row.id);
  const [first] = others;
  if (first === undefined) return;
  const subject = others.length === 1 ? first : `${others.length} requests`;
  await audit.append({ actor: caller.name, action: 'statement-viewed', subject, detail: { requests: others } });
}
