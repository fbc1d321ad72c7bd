import { type Selectable, sql } from 'kysely';
import { isOlder, type Keyset } from './keyset.ts';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

/** A session as stored. */
export type SessionRow = Selectable<StoreTables['sessions']>;

/** Which sessions a list holds; `userId` = only this person's. */
export interface SessionFilter {
  readonly userId?: string;
  readonly state?: 'active' | 'ended' | undefined;
  readonly connection?: string | undefined;
}

/** Counters that grow while a session lives. */
export interface SessionCounts {
  readonly channels: number;
  readonly statements: number;
  readonly denied: number;
  readonly clientAddress: string | null;
}

/** Rows of sessions, live and ended. */
export interface SessionRepository {
  insert(session: {
    id: string;
    connection: string;
    userId: string;
    principal: string;
    /** The person for whom the principal acts. */
    actingFor: { readonly id: string; readonly name: string } | null;
    via: 'native' | 'connect';
    openedAt: Date;
    expiresAt: Date;
    clientAddress: string;
  }): Promise<void>;
  find(id: string): Promise<SessionRow | undefined>;
  /** Newest first. */
  list(filter: SessionFilter, page: Keyset): Promise<SessionRow[]>;
  /** Sums over the sessions that a person opened since. */
  totalsOf(userId: string, since: Date): Promise<{ sessions: number; statements: number; denied: number }>;
  count(id: string, counts: SessionCounts): Promise<void>;
  /** @returns false when it had ended already. */
  end(id: string, reason: string, at: Date): Promise<boolean>;
  setRecording(id: string, state: 'sealed' | 'broken'): Promise<void>;
  /** Ends what a crashed gateway left active. @returns their ids. */
  endAll(reason: string, at: Date): Promise<string[]>;
}

/** Makes the repository. */
export function createSessionRepository({ db }: Pick<Store, 'db'>): SessionRepository {
  return {
    insert: async (session) => {
      await db
        .insertInto('sessions')
        .values({
          id: session.id,
          connection: session.connection,
          user_id: session.userId,
          principal: session.principal,
          acting_for: session.actingFor?.name ?? null,
          via: session.via,
          state: 'active',
          recording: 'open',
          opened_at: session.openedAt,
          expires_at: session.expiresAt,
          client_address: session.clientAddress,
        })
        .execute();
    },
    find: (id) => db.selectFrom('sessions').selectAll().where('id', '=', id).executeTakeFirst(),
    list: (filter, page) => {
      let query = db.selectFrom('sessions').selectAll();
      if (filter.userId !== undefined) query = query.where('user_id', '=', filter.userId);
      if (filter.state !== undefined) query = query.where('state', '=', filter.state);
      if (filter.connection !== undefined) query = query.where('connection', '=', filter.connection);
      return query
        .where(isOlder('opened_at', page))
        .orderBy('opened_at', 'desc')
        .orderBy('id', 'desc')
        .limit(page.limit)
        .execute();
    },
    totalsOf: async (userId, since) => {
      const row = await db
        .selectFrom('sessions')
        .select([
          sql<string>`count(*)`.as('sessions'),
          sql<string>`coalesce(sum(statements), 0)`.as('statements'),
          sql<string>`coalesce(sum(denied), 0)`.as('denied'),
        ])
        .where('user_id', '=', userId)
        .where('opened_at', '>=', since)
        .executeTakeFirstOrThrow();
      return { sessions: Number(row.sessions), statements: Number(row.statements), denied: Number(row.denied) };
    },
    count: async (id, { channels, statements, denied, clientAddress }) => {
      await db
        .updateTable('sessions')
        .set({ channels, statements, denied, client_address: clientAddress })
        .where('id', '=', id)
        .execute();
    },
    end: async (id, reason, at) => {
      const result = await db
        .updateTable('sessions')
        .set({ state: 'ended', end_reason: reason, ended_at: at })
        .where('id', '=', id)
        .where('state', '=', 'active')
        .executeTakeFirst();
      return result.numUpdatedRows === 1n;
    },
    setRecording: async (id, state) => {
      await db.updateTable('sessions').set({ recording: state }).where('id', '=', id).execute();
    },
    endAll: async (reason, at) => {
      const rows = await db
        .updateTable('sessions')
        .set({ state: 'ended', end_reason: reason, ended_at: at })
        .where('state', '=', 'active')
        .returning('id')
        .execute();
      return rows.map((row) => row.id);
    },
  };
}
