import type { AccessRequestState } from '@weir/api';
import { type Selectable, sql } from 'kysely';
import { type GrantRow, insertGrant, type NewGrant } from './grants.ts';
import { isOlder, type Keyset } from './keyset.ts';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

/** A request for access as stored. */
export type AccessRequestRow = Selectable<StoreTables['access_requests']> & {
  /** The grant that it became. */
  readonly grant_id: string | null;
};
/** A request to store. */
export type NewAccessRequestRow = Omit<
  AccessRequestRow,
  'state' | 'decided_at' | 'decided_by' | 'decision_reason' | 'grant_id'
>;
/** A decision, with the person and the groups of its account now; null groups = it is disabled or gone. */
export type AccessDecisionRow = Selectable<StoreTables['access_decisions']> & {
  readonly groups: readonly string[] | null;
};
/** A decision to store. */
export type NewAccessDecision = Omit<Selectable<StoreTables['access_decisions']>, 'request_id'>;
/** How a decision went. */
export type AccessDecisionOutcome =
  | {
      readonly outcome: 'counted';
      readonly row: AccessRequestRow;
      readonly decisions: readonly AccessDecisionRow[];
      readonly grant: GrantRow | null;
    }
  | { readonly outcome: 'closed'; readonly row: AccessRequestRow | undefined }
  | { readonly outcome: 'repeated'; readonly row: AccessRequestRow };

/** Requests for access. Deciders take turns: each holds the request's row. */
export interface AccessRequestRepository {
  insert(request: NewAccessRequestRow): Promise<void>;
  /** Stores a request that policy approves at once, together with its grant. */
  insertApproved(request: NewAccessRequestRow, grant: NewGrant): Promise<GrantRow>;
  find(id: string): Promise<AccessRequestRow | undefined>;
  /** Newest first; of the person and those whose approvers are among the groups, or all. */
  list(
    filter: {
      readonly visibleTo?: { readonly userId: string; readonly groups: readonly string[] };
      readonly state?: AccessRequestState | undefined;
    },
    page: Keyset,
  ): Promise<AccessRequestRow[]>;
  /** Decisions by request, oldest first. */
  decisionsOf(ids: readonly string[]): Promise<AccessDecisionRow[]>;
  /** Adds a decision; `judge` says what all come to, the new one included, and an approval makes the grant in the same transaction. */
  decide(
    id: string,
    decision: NewAccessDecision,
    judge: (row: AccessRequestRow, decisions: readonly AccessDecisionRow[]) => 'pending' | 'approved' | 'denied',
    grantOf: (row: AccessRequestRow) => NewGrant,
  ): Promise<AccessDecisionOutcome>;
  /** Ends an open request. @returns false when it is not open. */
  end(id: string, state: 'cancelled' | 'outdated', at: Date): Promise<boolean>;
  /** Ends the requests whose time is over. */
  expireDue(now: Date): Promise<AccessRequestRow[]>;
  countPending(userId?: string): Promise<number>;
}

const grantId = sql<string | null>`(SELECT g.id FROM grants g WHERE g.request_id = access_requests.id)`;

/** Makes the repository. */
export function createAccessRequestRepository({ db }: Pick<Store, 'db'>): AccessRequestRepository {
  const rows = () => db.selectFrom('access_requests').selectAll().select(grantId.as('grant_id'));
  return {
    insert: async (request) => {
      await db.insertInto('access_requests').values(valuesOf(request)).execute();
    },
    insertApproved: (request, grant) =>
      db.transaction().execute(async (tx) => {
        const decided = { state: 'approved', decided_at: request.created_at, decided_by: 'policy' } as const;
        await tx
          .insertInto('access_requests')
          .values({ ...valuesOf(request), ...decided })
          .execute();
        return insertGrant(tx, grant);
      }),
    find: (id) => rows().where('id', '=', id).executeTakeFirst(),
    list: ({ visibleTo, state }, page) => {
      let query = rows();
      if (state !== undefined) query = query.where('state', '=', state);
      if (visibleTo !== undefined) {
        const { userId, groups } = visibleTo;
        query = query.where((where) =>
          where.or([where('user_id', '=', userId), sql<boolean>`approvers && ${[...groups]}::text[]`]),
        );
      }
      query = query.where(isOlder('created_at', page)).orderBy('created_at', 'desc').orderBy('id', 'desc');
      return query.limit(page.limit).execute();
    },
    decisionsOf: (ids) => decisionsOf({ db }, ids),
    decide: (id, decision, judge, grantOf) => decideInTurn({ db }, id, decision, judge, grantOf),
    end: async (id, state, at) => {
      const result = await db
        .updateTable('access_requests')
        .set({ state, decided_at: at })
        .where('id', '=', id)
        .where('state', '=', 'pending')
        .executeTakeFirst();
      return result.numUpdatedRows === 1n;
    },
    expireDue: (now) =>
      db
        .updateTable('access_requests')
        .set({ state: 'expired' })
        .where('state', '=', 'pending')
        .where('expires_at', '<=', now)
        .returningAll()
        .returning(sql<null>`NULL`.as('grant_id'))
        .execute(),
    countPending: async (userId) => {
      let query = db.selectFrom('access_requests').where('state', '=', 'pending');
      if (userId !== undefined) query = query.where('user_id', '=', userId);
      const row = await query.select((select) => select.fn.countAll<string>().as('n')).executeTakeFirstOrThrow();
      return Number(row.n);
    },
  };
}

function valuesOf({ never, ...request }: NewAccessRequestRow) {
  return { ...request, never: never === null ? null : JSON.stringify(never), state: 'pending' as const };
}

async function decideInTurn(
  { db }: Pick<Store, 'db'>,
  id: string,
  decision: NewAccessDecision,
  judge: Parameters<AccessRequestRepository['decide']>[2],
  grantOf: Parameters<AccessRequestRepository['decide']>[3],
): Promise<AccessDecisionOutcome> {
  return db.transaction().execute(async (tx): Promise<AccessDecisionOutcome> => {
    const row = await tx
      .selectFrom('access_requests')
      .selectAll()
      .select(sql<null>`NULL`.as('grant_id'))
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined || row.state !== 'pending' || row.expires_at <= decision.at)
      return { outcome: 'closed', row };
    const inserted = await tx
      .insertInto('access_decisions')
      .values({ ...decision, request_id: id })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    if (inserted.numInsertedOrUpdatedRows !== 1n) return { outcome: 'repeated', row };
    const decisions = await decisionsOf({ db: tx }, [id]);
    const state = judge(row, decisions);
    if (state === 'pending') return { outcome: 'counted', row, decisions, grant: null };
    const ended = await tx
      .updateTable('access_requests')
      .set({ state, decided_by: decision.name, decision_reason: decision.reason, decided_at: decision.at })
      .where('id', '=', id)
      .returningAll()
      .returning(sql<null>`NULL`.as('grant_id'))
      .executeTakeFirstOrThrow();
    const grant = state === 'approved' ? await insertGrant(tx, grantOf(ended)) : null;
    return { outcome: 'counted', row: { ...ended, grant_id: grant?.id ?? null }, decisions, grant };
  });
}

/** `person_id` is the person behind the account now, so that accounts that were linked since count once. */
function decisionsOf({ db }: Pick<Store, 'db'>, ids: readonly string[]): Promise<AccessDecisionRow[]> {
  if (ids.length === 0) return Promise.resolve([]);
  return db
    .selectFrom('access_decisions')
    .leftJoin('users', (join) =>
      join.onRef('users.id', '=', 'access_decisions.user_id').on('users.disabled', '=', false),
    )
    .select(['request_id', 'access_decisions.user_id', 'access_decisions.name', 'decision', 'reason', 'at'])
    .select(sql<string>`coalesce(users.person_id, access_decisions.person_id)`.as('person_id'))
    .select(
      sql<string[] | null>`CASE WHEN users.id IS NULL THEN NULL ELSE ARRAY(
        SELECT g.name FROM effective_groups g WHERE g.user_id = users.id) END`.as('groups'),
    )
    .where('request_id', 'in', ids)
    .orderBy('at')
    .orderBy('access_decisions.user_id')
    .execute();
}
