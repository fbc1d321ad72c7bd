import type { AuditLog } from '../audit/audit-log.ts';
import type { Log } from '../log/create-log.ts';
import type { ApprovalRepository } from '../store/approvals.ts';
import type { WaitingAsks } from './waiting-asks.ts';

/** Ends requests when their time is over. */
export interface ApprovalClock {
  /** Withdraws what waited in a gateway that crashed, then starts. */
  start(): Promise<void>;
  expireDue(): Promise<void>;
  /** Looks again when the next request ends: call after each change. */
  reschedule(): Promise<void>;
  stop(): void;
}

/** Longest sleep between two looks: wall clocks can be set, and other gateways add requests. */
const maxSleepMs = 30_000;

/** Makes the clock. */
export function createApprovalClock(parts: {
  readonly approvals: ApprovalRepository;
  readonly waiting: WaitingAsks;
  readonly audit: AuditLog;
  readonly log: Log;
  readonly now: () => number;
}): ApprovalClock {
  const { approvals, waiting, audit, log, now } = parts;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const expireDue = async (): Promise<void> => {
    for (const row of await approvals.expireDue(new Date(now()))) {
      waiting.settle(row.id, { state: 'expired' });
      audit.later({
        actor: 'gateway',
        action: 'request-expired',
        subject: row.id,
        detail: { principal: row.principal },
      });
    }
  };
  const reschedule = async (): Promise<void> => {
    const next = await approvals.nextExpiry();
    clearTimeout(timer);
    if (isStopped) return;
    const delayMs = next === undefined ? maxSleepMs : Math.min(Math.max(0, next.getTime() - now()) + 1, maxSleepMs);
    timer = setTimeout(tick, delayMs);
    timer.unref();
  };
  const tick = (): void => {
    expireDue()
      .then(reschedule)
      .catch((error: unknown) => {
        log.error('requests could not be expired', error);
        if (isStopped) return;
        timer = setTimeout(tick, 1000);
        timer.unref();
      });
  };
  return {
    start: async () => {
      const count = await approvals.withdrawWaiting();
      if (count > 0) log.info('requests of an interrupted gateway were withdrawn', { count });
      await expireDue();
      await reschedule();
    },
    expireDue,
    reschedule,
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
