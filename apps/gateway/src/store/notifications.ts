import { type Selectable, sql } from 'kysely';
import type { Keyset } from './keyset.ts';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

/** A delivery as stored. */
export type DeliveryRow = Selectable<StoreTables['notification_deliveries']>;
/** A message for one channel. `notice` is JSON text. */
export interface NewDelivery {
  readonly channel: string;
  readonly eventId: string;
  readonly notice: string;
}

/** The outbox of notifications. */
export interface NotificationRepository {
  /** Id of the last audit event that was looked at. */
  cursor(): Promise<string>;
  /** Stores messages and moves the cursor, both or neither. @returns false when another reader was faster. */
  enqueue(deliveries: readonly NewDelivery[], from: string, to: string, now: Date): Promise<boolean>;
  /** Takes the channel's next due message for itself until `until`. */
  claim(channel: string, now: Date, until: Date): Promise<DeliveryRow | undefined>;
  settle(id: string, state: 'sent' | 'dead', error: string | null, now: Date): Promise<void>;
  postpone(id: string, nextAt: Date, error: string): Promise<void>;
  nextDue(channel: string): Promise<Date | undefined>;
  /** Newest first. */
  list(filter: { state?: DeliveryRow['state'] | undefined }, page: Keyset): Promise<DeliveryRow[]>;
  /** Ends messages of channels that the configuration does not have any more. @returns their number. */
  abandonOthers(channels: readonly string[], now: Date): Promise<number>;
  /** Forgets what was settled before. */
  forgetSettled(before: Date): Promise<void>;
}

/** Makes the repository. */
export function createNotificationRepository({ db }: Pick<Store, 'db'>): NotificationRepository {
  return {
    cursor: async () =>
      (await db.selectFrom('notification_cursor').select('after_event').executeTakeFirstOrThrow()).after_event,
    enqueue: (deliveries, from, to, now) =>
      db.transaction().execute(async (tx) => {
        const moved = await tx
          .updateTable('notification_cursor')
          .set({ after_event: to })
          .where('after_event', '=', from)
          .executeTakeFirst();
        if (moved.numUpdatedRows !== 1n) return false;
        const times = { state: 'pending' as const, next_at: now, created_at: now };
        const rows = deliveries.map(({ channel, eventId, notice }) => ({
          channel,
          event_id: eventId,
          notice,
          ...times,
        }));
        if (rows.length > 0) await tx.insertInto('notification_deliveries').values(rows).execute();
        return true;
      }),
    claim: (channel, now, until) =>
      db
        .updateTable('notification_deliveries')
        .set({ next_at: until, attempts: sql`attempts + 1` })
        .where('id', '=', (where) =>
          where
            .selectFrom('notification_deliveries')
            .select('id')
            .where('channel', '=', channel)
            .where('state', '=', 'pending')
            .where('next_at', '<=', now)
            .orderBy('next_at')
            .orderBy('id')
            .limit(1)
            .forUpdate()
            .skipLocked(),
        )
        .returningAll()
        .executeTakeFirst(),
    ...createSettling({ db }),
    list: ({ state }, { limit, after }) => {
      let query = db.selectFrom('notification_deliveries').selectAll();
      if (state !== undefined) query = query.where('state', '=', state);
      const [id] = after ?? [];
      if (id !== undefined) query = query.where('id', '<', id);
      return query.orderBy('id', 'desc').limit(limit).execute();
    },
    forgetSettled: async (before) => {
      await db.deleteFrom('notification_deliveries').where('settled_at', '<', before).execute();
    },
  };
}

type SettlingPart = Pick<NotificationRepository, 'settle' | 'postpone' | 'nextDue' | 'abandonOthers'>;

function createSettling({ db }: Pick<Store, 'db'>): SettlingPart {
  return {
    settle: async (id, state, error, now) => {
      const change = { state, last_error: error, settled_at: now };
      await db.updateTable('notification_deliveries').set(change).where('id', '=', id).execute();
    },
    postpone: async (id, nextAt, error) => {
      const change = { next_at: nextAt, last_error: error };
      await db.updateTable('notification_deliveries').set(change).where('id', '=', id).execute();
    },
    nextDue: async (channel) => {
      const row = await db
        .selectFrom('notification_deliveries')
        .select((select) => select.fn.min('next_at').as('at'))
        .where('channel', '=', channel)
        .where('state', '=', 'pending')
        .executeTakeFirst();
      return row?.at ?? undefined;
    },
    abandonOthers: async (channels, now) => {
      let query = db
        .updateTable('notification_deliveries')
        .set({ state: 'dead', last_error: 'the channel was removed from the configuration', settled_at: now })
        .where('state', '=', 'pending');
      if (channels.length > 0) query = query.where('channel', 'not in', [...channels]);
      return Number((await query.executeTakeFirst()).numUpdatedRows);
    },
  };
}
