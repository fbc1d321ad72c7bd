import type { AuditLog } from '../audit/audit-log.ts';
import type { Log } from '../log/create-log.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { AccessRequestRepository } from '../store/access-requests.ts';
import type { GrantRepository } from '../store/grants.ts';
import type { GrantBook } from './grant-book.ts';

/** Ends requests and grants by the wall clock, and notices reviews that are overdue. */
export interface GrantClock {
  /** Reads the running grants, and starts. */
  start(): Promise<void>;
  /** Ends what is due now. */
  sweep(): Promise<void>;
  stop(): void;
}

/** How often the book is looked at. The wall clock can be set: sleeping until the end would miss that. */
const tickMs = 1000;
/** How long before its end a grant is told to end soon, where it is more than three times as long. */
const endingMs = 600_000;
/** How often the store is looked at, when the book says nothing. */
const storeEveryMs = 30_000;

/** Makes the clock. */
export function createGrantClock(parts: {
  readonly requests: Pick<AccessRequestRepository, 'expireDue'>;
  readonly grants: Pick<GrantRepository, 'noteEnding' | 'noteEnded' | 'noteOverdue'>;
  readonly book: GrantBook;
  readonly sessions: Pick<Sessions, 'refresh'>;
  readonly audit: AuditLog;
  readonly log: Log;
  readonly now: () => number;
}): GrantClock {
  const { requests, grants, book, sessions, audit, log, now } = parts;
  let timer: NodeJS.Timeout | undefined;
  let sweptAtMs = 0;
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    const nowMs = now();
    sweptAtMs = nowMs;
    const at = new Date(nowMs);
    const ended = new Set(book.takeEnded(nowMs));
    if (ended.size > 0) {
      const holds = (grantIds: ReadonlySet<string>) => [...grantIds].some((id) => ended.has(id));
      await sessions.refresh((_session, entry) => holds(entry.opening.grants), 'its grant has ended');
    }
    const tell = (action: string, subject: string, principal: string, connection: string): void =>
      audit.later({ actor: 'gateway', action, subject, detail: { principal, connection } });
    for (const row of await requests.expireDue(at)) tell('access-expired', row.id, row.principal, row.connection);
    for (const row of await grants.noteEnding(at, new Date(nowMs + endingMs), 3 * endingMs))
      tell('grant-ending', row.id, row.principal, row.connection);
    for (const row of await grants.noteEnded(at)) tell('grant-ended', row.id, row.principal, row.connection);
    for (const row of await grants.noteOverdue(at))
      tell('break-glass-review-overdue', row.id, row.principal, row.connection);
  };
  const sweep = (): Promise<void> => {
    running ??= run().finally(() => {
      running = undefined;
    });
    return running;
  };
  const tick = (): void => {
    if (!book.hasEnded(now()) && Math.abs(now() - sweptAtMs) < storeEveryMs) return;
    sweep().catch((error: unknown) => log.error('requests and grants could not be ended', error));
  };
  return {
    start: async () => {
      await book.load();
      await sweep();
      timer = setInterval(tick, tickMs);
      timer.unref();
    },
    sweep,
    stop: () => clearInterval(timer),
  };
}
