import type { Delivery, ListDeliveriesQuery } from '@weir/api';
import type { AuditLog } from '../audit/audit-log.ts';
import { cutPage, type Page } from '../http/paging.ts';
import type { Log } from '../log/create-log.ts';
import type { ApprovalRepository } from '../store/approvals.ts';
import type { AuditRepository } from '../store/audit.ts';
import type { Keyset } from '../store/keyset.ts';
import type { DeliveryRow, NotificationRepository } from '../store/notifications.ts';
import { maxAttempts, pauseAfter } from './backoff.ts';
import type { Channel } from './channel.ts';
import { type Notice, noticeOf, toldActions } from './notice.ts';
import type { DeliveryResult } from './post-json.ts';

/** Messages to people about what the audit log says. The log is read behind a stored cursor, so that a restart loses none. */
export interface Notifications {
  /** Tells what happened since the last run, then follows the log. */
  start(): Promise<void>;
  list(query: ListDeliveriesQuery, page: Keyset): Promise<Page<Delivery>>;
  /** Gives up tries that are under way; they are made again after the restart. */
  stop(): Promise<void>;
}

/** What notifications stand on. */
export interface NotificationParts {
  readonly notifications: NotificationRepository;
  readonly events: Pick<AuditRepository, 'list'>;
  readonly approvals: Pick<ApprovalRepository, 'find'>;
  readonly audit: Pick<AuditLog, 'onStored' | 'later'>;
  readonly channels: readonly Channel[];
  readonly publicUrl: string | undefined;
  readonly log: Log;
  readonly now: () => number;
  /** 0..1 */
  readonly random?: () => number;
}

/** Events read at a time. */
const pageSize = 200;
/** Longest sleep between two looks. */
const maxSleepMs = 30_000;
/** A claimed message is free again when its holder died. Longer than the longest try. */
const claimMs = 120_000;
/** How long settled messages are kept. */
const keepMs = 30 * 86_400_000;

/** Makes the use-cases. */
export function createNotifications(parts: NotificationParts): Notifications {
  const { notifications, channels, audit, now } = parts;
  let stopSending = (): void => undefined;
  const stopped = new Promise<DeliveryResult>((resolve) => {
    stopSending = () => resolve({ state: 'retry', why: 'the gateway stopped' });
  });
  const loops = channels.map((channel) => createLoop(parts.log, () => sendDue(parts, channel, stopped)));
  const reader = createLoop(parts.log, async () => {
    if (await readEvents(parts)) for (const loop of loops) loop.wake();
    return maxSleepMs;
  });
  return {
    start: async () => {
      await notifications.forgetSettled(new Date(now() - keepMs));
      await notifications.abandonOthers(
        channels.map(({ name }) => name),
        new Date(now()),
      );
      // Without a channel the cursor moves, too: one that is added later is not flooded with what is over.
      audit.onStored((actions) => {
        if (actions.some((action) => toldActions.includes(action))) reader.wake();
      });
      reader.wake();
      for (const loop of loops) loop.wake();
    },
    list: async ({ state }, page) => {
      const rows = await notifications.list({ state }, { ...page, limit: page.limit + 1 });
      return cutPage(rows, page, ({ id }) => [id]).map(viewOf);
    },
    stop: async () => {
      stopSending();
      await Promise.all([reader, ...loops].map((loop) => loop.stop()));
    },
  };
}

/** Turns new events into messages. @returns whether there are any. */
async function readEvents({
  notifications,
  events,
  approvals,
  channels,
  publicUrl,
  now,
}: NotificationParts): Promise<boolean> {
  let hasNew = false;
  for (;;) {
    const from = await notifications.cursor();
    const rows = await events.list({ after: from, limit: pageSize });
    const last = rows.at(-1);
    if (last === undefined) return hasNew;
    const deliveries = [];
    for (const row of rows) {
      if (!toldActions.includes(row.action)) continue;
      const notice = noticeOf(row, await requestOf(approvals, row.subject), publicUrl);
      if (notice === null) continue;
      for (const channel of channels.filter(({ hears }) => hears(notice.event))) {
        deliveries.push({ channel: channel.name, eventId: row.id, notice: JSON.stringify(notice) });
      }
    }
    await notifications.enqueue(deliveries, from, last.id, new Date(now()));
    hasNew ||= deliveries.length > 0;
  }
}

async function requestOf(approvals: NotificationParts['approvals'], subject: string) {
  return subject.startsWith('req_') ? approvals.find(subject) : undefined;
}

/** Sends what is due, one after the other. @returns milliseconds until the next look. */
async function sendDue(parts: NotificationParts, channel: Channel, stopped: Promise<DeliveryResult>): Promise<number> {
  const { notifications, now } = parts;
  for (;;) {
    const row = await notifications.claim(channel.name, new Date(now()), new Date(now() + claimMs));
    if (row === undefined) break;
    if (await sendOne(parts, channel, row, stopped)) break;
  }
  const next = await notifications.nextDue(channel.name);
  return next === undefined ? maxSleepMs : Math.min(Math.max(0, next.getTime() - now()) + 1, maxSleepMs);
}

/** @returns true when the gateway stops: the try then counts as one that failed, and the message goes out after the restart. */
async function sendOne(
  parts: NotificationParts,
  channel: Channel,
  row: DeliveryRow,
  stopped: Promise<DeliveryResult>,
): Promise<boolean> {
  const { notifications, audit, log, now, random = Math.random } = parts;
  const result = await Promise.race([channel.send(row.notice as Notice), stopped]);
  const isStopped = result === (await Promise.race([stopped, undefined]));
  if (result.state === 'sent') await notifications.settle(row.id, 'sent', null, new Date(now()));
  else if (result.state === 'retry' && (row.attempts < maxAttempts || isStopped)) {
    const pauseMs = Math.max(pauseAfter(row.attempts, random()), result.afterMs ?? 0);
    await notifications.postpone(row.id, new Date(now() + (isStopped ? 0 : pauseMs)), result.why);
  } else {
    await notifications.settle(row.id, 'dead', result.why, new Date(now()));
    const { why } = result;
    log.warn('a notification could not be delivered', { channel: channel.name, event: row.event_id, why });
    const detail = { event: row.event_id, attempts: row.attempts, why };
    audit.later({ actor: 'gateway', action: 'notification-undeliverable', subject: channel.name, detail });
  }
  return isStopped;
}

interface Loop {
  wake(): void;
  stop(): Promise<void>;
}

/** Runs the work when woken and after the pause that it asked for; never twice at once. */
function createLoop(log: Log, work: () => Promise<number>): Loop {
  let running: Promise<void> | undefined;
  let isWoken = false;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  const run = async (): Promise<void> => {
    let pauseMs = 1000;
    do {
      isWoken = false;
      try {
        pauseMs = await work();
      } catch (error) {
        log.error('notifications could not be worked on', error);
        pauseMs = 1000;
        break;
      }
    } while (isWoken && !isStopped);
    running = undefined;
    if (isStopped) return;
    timer = setTimeout(wake, pauseMs);
    timer.unref();
  };
  const wake = (): void => {
    isWoken = true;
    if (isStopped || running !== undefined) return;
    clearTimeout(timer);
    running = run();
  };
  return {
    wake,
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

function viewOf(row: DeliveryRow): Delivery {
  const { event, title } = row.notice as Notice;
  return {
    id: row.id,
    channel: row.channel,
    event,
    title,
    state: row.state,
    attempts: row.attempts,
    error: row.last_error,
    createdAt: row.created_at.toISOString(),
    nextAt: row.state === 'pending' ? row.next_at.toISOString() : null,
    settledAt: row.settled_at?.toISOString() ?? null,
  };
}
