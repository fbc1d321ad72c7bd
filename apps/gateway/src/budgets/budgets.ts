import type { BudgetView } from '@weir/api';
import type { Plan } from '@weir/policy';
import type { BudgetAsk, BudgetGrant, BudgetReport } from '@weir/proto';
import type { AuditLog } from '../audit/audit-log.ts';
import type { ChannelBudgets, LiveSession } from '../dataplane/ports.ts';
import { type Caller, seesAll } from '../identity/caller.ts';
import type { Log } from '../log/create-log.ts';
import type { ApprovalRepository } from '../store/approvals.ts';
import type { BudgetRepository, BudgetState } from '../store/budgets.ts';
import { type BudgetHolder, createLedger, type OpenLease } from './ledger.ts';
import { leaseOfAll, type SharedAnswer } from './shared-lease.ts';

/** What budgets stand on. */
export interface BudgetParts {
  readonly budgets: BudgetRepository;
  readonly approvals: Pick<ApprovalRepository, 'find'>;
  /** The session as it is now, with its newest plan. */
  readonly liveSession: (id: string) => LiveSession | undefined;
  readonly audit: AuditLog;
  readonly log: Log;
  readonly now: () => number;
}

/** How much of protected tables people have received. */
export interface Budgets {
  /** The accounts of the windows that run now: own ones, all for admins and auditors. */
  list(caller: Caller): Promise<BudgetView[]>;
  /** The ledger as one channel's agent sees it. */
  open(sessionId: string): ChannelBudgets;
}

/** An ask waits this long for what other channels hold, ms. */
const waitMs = 2_500;

/** Makes the use-cases. */
export function createBudgets(parts: BudgetParts): Budgets {
  const { budgets, audit, log, now } = parts;
  const ledger = createLedger({ budgets, audit, now, waitMs });

  const ask = async (sessionId: string, { rule: name, requestId }: BudgetAsk): Promise<SharedAnswer> => {
    const session = parts.liveSession(sessionId);
    const rule = (session?.plan as Plan | undefined)?.budgets.find(({ rule }) => rule === name);
    if (session === undefined || rule === undefined) return failed('the plan of the session has no such budget');
    const { id: userId, name: principal, actingFor } = session.principal;
    const holders: BudgetHolder[] = [{ userId, principal, session: sessionId }];
    // Nobody gets more by letting others ask for him.
    if (actingFor !== undefined) {
      holders.push({ userId: actingFor.id, principal: actingFor.name, session: sessionId });
    }
    if (requestId !== null) {
      const request = await parts.approvals.find(requestId);
      // Retry requests are used up by the ask that found them approved; those that wait stay approved.
      const isApproved = request?.state === 'used' || (request?.state === 'approved' && request.mode === 'wait');
      if (!isApproved || request?.user_id !== userId || request.rule !== name)
        return failed('the request does not add to this budget');
      const accounts = holders.map((holder) => ledger.accountOf(holder, rule));
      const by = { rows: rule.rows ?? 0, bytes: rule.bytes ?? 0 };
      if (await budgets.extend(accounts, requestId, by)) {
        const detail = { request: requestId, session: sessionId, approvedBy: request.decided_by, ...by };
        await audit.append({ actor: principal, action: 'budget-extended', subject: name, detail });
      }
    }
    return leaseOfAll(ledger, holders, rule);
  };

  return {
    list: async (caller) =>
      (await budgets.listCurrent(new Date(now()), seesAll(caller) ? undefined : caller.id)).map(viewOf),
    open(sessionId) {
      const leases = new Map<number, readonly OpenLease[]>();
      let count = 0;
      let isClosed = false;
      const answered = (request: BudgetAsk, { grant, leases: granted }: SharedAnswer): BudgetGrant => {
        if (granted.length === 0) return { ...grant, ask: request.ask, lease: 0 };
        count += 1;
        leases.set(count, granted);
        if (isClosed) give(count, { rows: 0, bytes: 0 });
        return { ...grant, ask: request.ask, lease: count };
      };
      const give = (number: number, used: { readonly rows: number; readonly bytes: number }) => {
        const ending = leases.get(number) ?? [];
        leases.delete(number);
        for (const lease of ending) {
          ledger
            .settle(lease, used)
            .catch((error: unknown) =>
              log.error('a budget could not be brought up to date', error, { session: sessionId }),
            );
        }
      };
      return {
        ask(request, tell) {
          ask(sessionId, request)
            .catch((error: unknown) => {
              log.error('the ledger of budgets could not be asked', error, { session: sessionId });
              return failed('the gateway could not ask its ledger');
            })
            .then((answer) => tell(answered(request, answer)));
        },
        report: ({ lease, rows, bytes }: BudgetReport) => give(lease, { rows: amount(rows), bytes: amount(bytes) }),
        close() {
          isClosed = true;
          for (const lease of [...leases.values()].flat()) ledger.lose(lease);
          leases.clear();
        },
      };
    },
  };
}

const amount = (value: number) => (Number.isSafeInteger(value) && value >= 0 ? value : 0);

function failed(reason: string): SharedAnswer {
  const none = { rows: 0, bytes: 0, isLastOfRows: true, isLastOfBytes: true, isOver: false, resetsAtMs: 0 };
  return { leases: [], grant: { ...none, state: 'failed', reason } };
}

function viewOf(state: BudgetState): BudgetView {
  return {
    principal: state.principal,
    rule: state.rule,
    per: state.per,
    mode: state.mode,
    rows: { used: state.rowsUsed, max: state.maxRows },
    bytes: { used: state.bytesUsed, max: state.maxBytes },
    resetsAt: state.endsAt.toISOString(),
  };
}
