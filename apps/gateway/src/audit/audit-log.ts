import type { AuditEvent } from '@weir/api';
import { cutPage, type Page } from '../http/paging.ts';
import type { Log } from '../log/create-log.ts';
import type { AuditRepository, AuditRow, NewAuditEntry } from '../store/audit.ts';
import type { Keyset } from '../store/keyset.ts';

/** An event as capabilities report it. `action` is a stable word such as `login-failed`; `detail` holds no secrets and no statement text. */
export interface AuditReport {
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** Which events a list holds; `after` = those behind this id. */
export interface AuditFilter {
  readonly after?: string | undefined;
  readonly action?: string | undefined;
  readonly actor?: string | undefined;
}

/** The audit log. Events keep the order in which they were reported. */
export interface AuditLog {
  /** Resolves when the event is stored; rejects when it cannot be: what it reports must then not happen. */
  append(report: AuditReport): Promise<void>;
  /** For places that cannot wait: stored in the background, failures go to the log. */
  later(report: AuditReport): void;
  list(filter: AuditFilter, page: Keyset): Promise<Page<AuditEvent>>;
  /** Told of the actions of each batch that was stored. */
  onStored(listener: (actions: readonly string[]) => void): void;
  /** Resolves when everything reported so far is stored. */
  flush(): Promise<void>;
}

/** Entries stored at most by one transaction. */
const batchSize = 200;
/** Events that may wait in the background; beyond, they are counted and the count is stored. Strangers cause such events. */
const maxWaiting = 10_000;
/** Longest text of an event's field, characters. */
const maxTextLength = 2000;

/** Makes the log: one writer, which stores all waiting events in one transaction. */
export function createAuditLog(repository: AuditRepository, options: { now: () => number; log: Log }): AuditLog {
  const waiting: { entry: NewAuditEntry; done: () => void; failed: (error: unknown) => void }[] = [];
  const listeners: ((actions: readonly string[]) => void)[] = [];
  let writing: Promise<void> | undefined;
  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, batchSize);
      try {
        await repository.append(batch.map((item) => item.entry));
        for (const item of batch) item.done();
      } catch (error) {
        for (const item of batch) item.failed(error);
        continue;
      }
      const actions = batch.map(({ entry }) => entry.action);
      for (const listener of listeners) listener(actions);
    }
    writing = undefined;
  };
  const append = (report: AuditReport): Promise<void> =>
    new Promise((done, failed) => {
      waiting.push({ entry: entryOf(report, options.now()), done, failed });
      writing ??= Promise.resolve().then(writeAll);
    });
  let dropped = 0;
  const later = (report: AuditReport): void => {
    append(report).catch((error: unknown) => {
      options.log.error('an audit event could not be stored', error, {
        action: report.action,
        subject: report.subject,
      });
    });
  };
  const reportDropped = (): void => {
    if (dropped === 0) return;
    const detail = { count: dropped };
    dropped = 0;
    options.log.warn('audit events were dropped: the store is too slow for them', detail);
    later({ actor: 'gateway', action: 'audit-events-dropped', subject: 'audit', detail });
  };
  return {
    append,
    later: (report) => {
      if (waiting.length >= maxWaiting) {
        dropped += 1;
        return;
      }
      reportDropped();
      later(report);
    },
    list: async ({ after = '0', action, actor }, page) => {
      const [from = after] = page.after ?? [];
      const rows = await repository.list({ after: from, limit: page.limit + 1, action, actor });
      return cutPage(rows, page, ({ id }) => [id]).map(viewOf);
    },
    onStored: (listener) => {
      listeners.push(listener);
    },
    flush: async () => {
      reportDropped();
      while (writing !== undefined) await writing;
    },
  };
}

function entryOf(report: AuditReport, atMs: number): NewAuditEntry {
  const bounded = (text: string): string => text.replaceAll('\u0000', '').slice(0, maxTextLength);
  const detail = JSON.stringify(report.detail ?? {}, (_key, value: unknown) =>
    typeof value === 'string' ? bounded(value) : value,
  );
  return {
    at: new Date(atMs),
    actor: bounded(report.actor),
    action: report.action,
    subject: bounded(report.subject),
    detail,
  };
}

function viewOf(row: AuditRow): AuditEvent {
  return {
    id: row.id,
    at: row.at.toISOString(),
    actor: row.actor,
    action: row.action,
    subject: row.subject,
    detail: JSON.parse(row.detail) as Record<string, unknown>,
    hash: row.hash.toString('hex'),
  };
}
