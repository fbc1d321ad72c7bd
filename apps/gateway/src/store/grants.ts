import type { ListGrantsQuery } from '@weir/api';
import { type Kysely, type Selectable, sql } from 'kysely';
import { isOlder, type Keyset } from './keyset.ts';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

/** A grant as stored. */
export type GrantRow = Selectable<StoreTables['grants']>;
/** A grant to store. */
export type NewGrant = Pick<
  GrantRow,
  | 'id'
  | 'request_id'
  | 'kind'
  | 'user_id'
  | 'principal'
  | 'principal_kind'
  | 'connection'
  | 'rule'
  | 'reason'
  | 'ticket'
  | 'target'
  | 'behind'
  | 'watchers'
  | 'from_at'
  | 'until_at'
  | 'review_by'
  | 'review_due_at'
>;
/** What a review came to. */
export interface GrantReview {
  readonly by: string;
  readonly at: Date;
  readonly verdict: 'justified' | 'not-justified';
  readonly comment: string;
}

/** Grants, running and ended. Every change of state is one UPDATE with the state that it starts from. */
export interface GrantRepository {
  insert(grant: NewGrant): Promise<GrantRow>;
  find(id: string): Promise<GrantRow | undefined>;
  /** Newest first; of the person and those that one of the groups watches over, or all. */
  list(
    filter: {
      readonly visibleTo?: { readonly userId: string; readonly groups: readonly string[] };
      readonly state?: ListGrantsQuery['state'];
      readonly now: Date;
    },
    page: Keyset,
  ): Promise<GrantRow[]>;
  /** Neither ended nor revoked. */
  listRunning(now: Date): Promise<GrantRow[]>;
  /** @returns undefined when it has ended or was revoked before. */
  revoke(id: string, by: string, reason: string, at: Date): Promise<GrantRow | undefined>;
  /** Marks running grants that end until `soon`, each once; those that are no longer than `shortestMs` are left out. */
  noteEnding(now: Date, soon: Date, shortestMs: number): Promise<GrantRow[]>;
  /** Marks grants whose time is over, each once. */
  noteEnded(now: Date): Promise<GrantRow[]>;
  /** @returns undefined when it was reviewed before or needs no review. */
  review(id: string, review: GrantReview): Promise<GrantRow | undefined>;
  /** Marks reviews that are overdue, each once. */
  noteOverdue(now: Date): Promise<GrantRow[]>;
  /** Reviews that are not done; with a rule, of its grants alone. */
  countReviews(now: Date, rule?: string): Promise<{ open: number; overdue: number }>;
}

/** Stores a grant, also inside a transaction. */
export function insertGrant(db: Kysely<StoreTables>, grant: NewGrant): Promise<GrantRow> {
  return db.insertInto('grants').values(grant).returningAll().executeTakeFirstOrThrow();
}

/** Makes the repository. */
export function createGrantRepository({ db }: Pick<Store, 'db'>): GrantRepository {
  return {
    insert: (grant) => insertGrant(db, grant),
    find: (id) => db.selectFrom('grants').selectAll().where('id', '=', id).executeTakeFirst(),
    list: ({ visibleTo, state, now }, page) => {
      let query = db.selectFrom('grants').selectAll();
      if (state === 'active') query = query.where('revoked_at', 'is', null).where('until_at', '>', now);
      if (state === 'ended') query = query.where('revoked_at', 'is', null).where('until_at', '<=', now);
      if (state === 'revoked') query = query.where('revoked_at', 'is not', null);
      if (state === 'to-review') query = query.where('review_due_at', 'is not', null).where('reviewed_at', 'is', null);
      if (visibleTo !== undefined) {
        const { userId, groups } = visibleTo;
        query = query.where((where) =>
          where.or([where('user_id', '=', userId), sql<boolean>`watchers && ${[...groups]}::text[]`]),
        );
      }
      query = query.where(isOlder('from_at', page)).orderBy('from_at', 'desc').orderBy('id', 'desc');
      return query.limit(page.limit).execute();
    },
    listRunning: (now) =>
      db.selectFrom('grants').selectAll().where('revoked_at', 'is', null).where('until_at', '>', now).execute(),
    revoke: (id, by, reason, at) =>
      db
        .updateTable('grants')
        .set({ revoked_at: at, revoked_by: by, revoke_reason: reason, end_noted_at: at })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .where('until_at', '>', at)
        .returningAll()
        .executeTakeFirst(),
    noteEnding: (now, soon, shortestMs) =>
      db
        .updateTable('grants')
        .set({ ending_noted_at: now })
        .where('ending_noted_at', 'is', null)
        .where('revoked_at', 'is', null)
        .where('until_at', '>', now)
        .where('until_at', '<=', soon)
        .where(sql<boolean>`until_at - from_at > ${shortestMs} * interval '1 millisecond'`)
        .returningAll()
        .execute(),
    noteEnded: (now) =>
      db
        .updateTable('grants')
        .set({ end_noted_at: now })
        .where('end_noted_at', 'is', null)
        .where('until_at', '<=', now)
        .returningAll()
        .execute(),
    ...reviewsOf(db),
  };
}

function reviewsOf(db: Kysely<StoreTables>): Pick<GrantRepository, 'review' | 'noteOverdue' | 'countReviews'> {
  return {
    review: (id, { by, at, verdict, comment }) =>
      db
        .updateTable('grants')
        .set({ reviewed_at: at, reviewed_by: by, review_verdict: verdict, review_comment: comment })
        .where('id', '=', id)
        .where('review_due_at', 'is not', null)
        .where('reviewed_at', 'is', null)
        .returningAll()
        .executeTakeFirst(),
    noteOverdue: (now) =>
      db
        .updateTable('grants')
        .set({ overdue_noted_at: now })
        .where('overdue_noted_at', 'is', null)
        .where('reviewed_at', 'is', null)
        .where('review_due_at', '<=', now)
        .returningAll()
        .execute(),
    countReviews: async (now, rule) => {
      let query = db.selectFrom('grants').where('review_due_at', 'is not', null).where('reviewed_at', 'is', null);
      if (rule !== undefined) query = query.where('rule', '=', rule);
      const row = await query
        .select((select) => select.fn.countAll<string>().as('open'))
        .select(sql<string>`count(*) FILTER (WHERE review_due_at <= ${now})`.as('overdue'))
        .executeTakeFirstOrThrow();
      return { open: Number(row.open), overdue: Number(row.overdue) };
    },
  };
}
