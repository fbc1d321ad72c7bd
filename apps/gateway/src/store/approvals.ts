import type { RequestState } from '@weir/api';
import { type Selectable, sql } from 'kysely';
import { isOlder, type Keyset } from './keyset.ts';
import type { Store } from './open-store.ts';
import type { ContentSeal } from './sealed-content.ts';
import type { StoreTables } from './tables.ts';

type StoredRow = Selectable<StoreTables['approval_requests']>;
/** A request as stored, its content opened. */
export type RequestRow = Omit<StoredRow, 'content'> & RequestContent;
/** What the person sent. */
export interface RequestContent {
  readonly statement: string;
  readonly parameters: readonly (string | null)[];
}
/** A request to store. */
export interface NewRequest extends RequestContent {
  readonly id: string;
  readonly sessionId: string;
  readonly connection: string;
  readonly userId: string;
  readonly principal: string;
  readonly database: string;
  readonly role: string;
  readonly tables: readonly string[];
  readonly kind: string;
  readonly rule: string;
  readonly reason: string;
  readonly approvers: readonly string[];
  readonly mode: 'wait' | 'retry';
  readonly binding: string;
  readonly timeoutMs: number;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** What it was asked under (approvals/circumstances.ts). */
  readonly askedUnder: string;
  /** Ids of the people behind the principal: the person, a service's owner, for whom it acts. */
  readonly behind: readonly string[];
  /** Name of the person for whom the principal acts. */
  readonly actingFor: string | null;
  readonly people: number;
  readonly require: 'one-of' | 'all-of';
  readonly estimate: { readonly rows: number | null; readonly why: string | null } | null;
}
/** What an approval is found by again. */
export interface BindingKey {
  readonly userId: string;
  readonly connection: string;
  readonly binding: string;
  readonly askedUnder: string;
}
/** A decision of one person. */
export type DecisionRow = Selectable<StoreTables['approval_decisions']> & {
  /** Of the account that decided, now; null = it is disabled or gone. */
  readonly groups: readonly string[] | null;
};
/** A decision to store. */
export interface NewDecision {
  readonly personId: string;
  readonly userId: string;
  readonly name: string;
  readonly decision: 'approve' | 'deny';
  readonly reason: string;
  readonly at: Date;
}
/** How a decision went: counted, with what all of them come to; or not, because the request is not open or the person has decided before. */
export type DecisionOutcome =
  | { readonly outcome: 'counted'; readonly row: RequestRow; readonly decisions: readonly DecisionRow[] }
  | { readonly outcome: 'closed'; readonly row: RequestRow | undefined }
  | { readonly outcome: 'repeated'; readonly row: RequestRow };
/** Which requests a list holds: those of the person or of one of the groups, or all. */
export interface RequestFilter {
  readonly visibleTo?: { readonly userId: string; readonly groups: readonly string[] };
  readonly state?: RequestState | undefined;
}

/** Approval requests. Every change of state is one UPDATE with the state that it starts from, so of two at the same time one wins. */
export interface ApprovalRepository {
  /** @returns false when the id is taken, or the same retry request is pending already. */
  insert(request: NewRequest): Promise<boolean>;
  find(id: string): Promise<RequestRow | undefined>;
  list(filter: RequestFilter, page: Keyset): Promise<RequestRow[]>;
  findPendingRetry(key: BindingKey, now: Date): Promise<RequestRow | undefined>;
  /**
   * Adds a decision while it holds the request, so that deciders take turns; `judge` says what all decisions come to, the new one included.
   */
  decide(
    id: string,
    decision: NewDecision,
    judge: (row: RequestRow, decisions: readonly DecisionRow[]) => 'pending' | 'approved' | 'denied',
  ): Promise<DecisionOutcome>;
  /** Decisions by request, oldest first. */
  decisionsOf(ids: readonly string[]): Promise<DecisionRow[]>;
  /** Ends open requests of the binding that were asked under other circumstances. @returns their ids. */
  withdrawOutdated(key: BindingKey): Promise<string[]>;
  /** Uses an approved retry request up, once; one whose decisions come to something else by now (`judge`) is withdrawn instead. */
  consume(
    key: BindingKey,
    now: Date,
    judge: (row: RequestRow, decisions: readonly DecisionRow[]) => 'pending' | 'approved' | 'denied',
  ): Promise<{ readonly row: RequestRow; readonly isGood: boolean } | undefined>;
  withdraw(id: string): Promise<boolean>;
  /** Pending requests, and approved ones that wait for a retry, whose time is over. */
  expireDue(now: Date): Promise<RequestRow[]>;
  /** Requests whose asking channel died with the last gateway. */
  withdrawWaiting(): Promise<number>;
  nextExpiry(): Promise<Date | undefined>;
  /** Has the session asked one of these groups for an approval? */
  isApproverIn(sessionId: string, groups: readonly string[]): Promise<boolean>;
  /** Open requests of everybody, or of one person. */
  countPending(now: Date, userId?: string): Promise<number>;
}

/** Makes the repository. */
export function createApprovalRepository({ db }: Pick<Store, 'db'>, seal: ContentSeal): ApprovalRepository {
  const opened = (row: StoredRow): RequestRow => {
    const { content, ...rest } = row;
    return { ...rest, ...(seal.open(content, row.id) as RequestContent) };
  };
  const optional = (row: StoredRow | undefined) => row && opened(row);
  return {
    insert: async (request) => {
      const result = await db
        .insertInto('approval_requests')
        .values(valuesOf(request, seal))
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      return result.numInsertedOrUpdatedRows === 1n;
    },
    find: async (id) =>
      optional(await db.selectFrom('approval_requests').selectAll().where('id', '=', id).executeTakeFirst()),
    isApproverIn: async (sessionId, groups) => {
      const row = await db
        .selectFrom('approval_requests')
        .select('id')
        .where('session_id', '=', sessionId)
        .where(sql<boolean>`approvers && ${[...groups]}::text[]`)
        .limit(1)
        .executeTakeFirst();
      return row !== undefined;
    },
    list: async ({ visibleTo, state }, page) => {
      let query = db.selectFrom('approval_requests').selectAll();
      if (state !== undefined) query = query.where('state', '=', state);
      if (visibleTo !== undefined) {
        const { userId, groups } = visibleTo;
        query = query.where((where) =>
          where.or([where('user_id', '=', userId), sql<boolean>`approvers && ${[...groups]}::text[]`]),
        );
      }
      query = query.where(isOlder('created_at', page)).orderBy('created_at', 'desc').orderBy('id', 'desc');
      return (await query.limit(page.limit).execute()).map(opened);
    },
    findPendingRetry: async (key, now) =>
      optional(
        await ofKey({ db }, key)
          .where('state', '=', 'pending')
          .where('asked_under', '=', key.askedUnder)
          .where('expires_at', '>', now)
          .executeTakeFirst(),
      ),
    decisionsOf: (ids) => decisionsOf({ db }, ids),
    ...createChanges({ db }, opened),
    ...createExpiry({ db }, opened),
  };
}

/** Retry requests of one binding. */
function ofKey({ db }: Pick<Store, 'db'>, key: BindingKey) {
  return db
    .selectFrom('approval_requests')
    .selectAll()
    .where('user_id', '=', key.userId)
    .where('connection', '=', key.connection)
    .where('binding', '=', key.binding)
    .where('mode', '=', 'retry');
}

type ChangePart = Pick<ApprovalRepository, 'decide' | 'consume' | 'withdraw' | 'withdrawOutdated'>;

function createChanges({ db }: Pick<Store, 'db'>, opened: (row: StoredRow) => RequestRow): ChangePart {
  return {
    decide: (id, decision, judge) => decideInTurn({ db }, opened, id, decision, judge),
    consume: (key, now, judge) => consumeInTurn({ db }, opened, key, now, judge),
    withdrawOutdated: async (key) => {
      const rows = await db
        .updateTable('approval_requests')
        .set({ state: 'withdrawn' })
        .where('user_id', '=', key.userId)
        .where('connection', '=', key.connection)
        .where('binding', '=', key.binding)
        .where('mode', '=', 'retry')
        .where('state', 'in', ['pending', 'approved'])
        .where(sql<boolean>`asked_under IS DISTINCT FROM ${key.askedUnder}`)
        .returning('id')
        .execute();
      return rows.map(({ id }) => id);
    },
    withdraw: async (id) => {
      const result = await db
        .updateTable('approval_requests')
        .set({ state: 'withdrawn' })
        .where('id', '=', id)
        .where('state', '=', 'pending')
        .executeTakeFirst();
      return result.numUpdatedRows === 1n;
    },
  };
}

async function consumeInTurn(
  { db }: Pick<Store, 'db'>,
  opened: (row: StoredRow) => RequestRow,
  key: BindingKey,
  now: Date,
  judge: Parameters<ApprovalRepository['consume']>[2],
): ReturnType<ApprovalRepository['consume']> {
  return db.transaction().execute(async (tx) => {
    const found = await ofKey({ db: tx }, key)
      .where('state', '=', 'approved')
      .where('asked_under', '=', key.askedUnder)
      .where('expires_at', '>', now)
      .orderBy('decided_at')
      .limit(1)
      .forUpdate()
      .skipLocked()
      .executeTakeFirst();
    if (found === undefined) return undefined;
    const isGood = judge(opened(found), await decisionsOf({ db: tx }, [found.id])) === 'approved';
    const row = await tx
      .updateTable('approval_requests')
      .set({ state: isGood ? 'used' : 'withdrawn' })
      .where('id', '=', found.id)
      .returningAll()
      .executeTakeFirstOrThrow();
    return { row: opened(row), isGood };
  });
}

async function decideInTurn(
  { db }: Pick<Store, 'db'>,
  opened: (row: StoredRow) => RequestRow,
  id: string,
  { personId, userId, name, decision, reason, at }: NewDecision,
  judge: Parameters<ApprovalRepository['decide']>[2],
): Promise<DecisionOutcome> {
  return db.transaction().execute(async (tx): Promise<DecisionOutcome> => {
    const locked = await tx
      .selectFrom('approval_requests')
      .selectAll()
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    const row = locked && opened(locked);
    if (row === undefined || row.state !== 'pending' || row.expires_at <= at) return { outcome: 'closed', row };
    const inserted = await tx
      .insertInto('approval_decisions')
      .values({ request_id: id, person_id: personId, user_id: userId, name, decision, reason, at })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    if (inserted.numInsertedOrUpdatedRows !== 1n) return { outcome: 'repeated', row };
    const decisions = await decisionsOf({ db: tx }, [id]);
    const state = judge(row, decisions);
    if (state === 'pending') return { outcome: 'counted', row, decisions };
    const ended = await tx
      .updateTable('approval_requests')
      // An approved retry stays good for as long again as the request was open.
      .set({
        state,
        decided_by: name,
        decision_reason: reason,
        decided_at: at,
        expires_at: new Date(at.getTime() + row.timeout_ms),
      })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
    return { outcome: 'counted', row: opened(ended), decisions };
  });
}

/** `person_id` is the person behind the account now, so that accounts that were linked since count once. */
function decisionsOf({ db }: Pick<Store, 'db'>, ids: readonly string[]): Promise<DecisionRow[]> {
  if (ids.length === 0) return Promise.resolve([]);
  return db
    .selectFrom('approval_decisions')
    .leftJoin('users', (join) =>
      join.onRef('users.id', '=', 'approval_decisions.user_id').on('users.disabled', '=', false),
    )
    .select(['request_id', 'approval_decisions.user_id', 'approval_decisions.name', 'decision', 'reason', 'at'])
    .select(sql<string>`coalesce(users.person_id, approval_decisions.person_id)`.as('person_id'))
    .select(
      sql<string[] | null>`CASE WHEN users.id IS NULL THEN NULL ELSE ARRAY(
        SELECT g.name FROM effective_groups g WHERE g.user_id = users.id) END`.as('groups'),
    )
    .where('request_id', 'in', ids)
    .orderBy('at')
    .orderBy('approval_decisions.user_id')
    .execute();
}

type ExpiryPart = Pick<ApprovalRepository, 'expireDue' | 'withdrawWaiting' | 'nextExpiry' | 'countPending'>;

function createExpiry({ db }: Pick<Store, 'db'>, opened: (row: StoredRow) => RequestRow): ExpiryPart {
  return {
    expireDue: async (now) => {
      const rows = await db
        .updateTable('approval_requests')
        .set({ state: 'expired' })
        .where((where) =>
          where.or([where('state', '=', 'pending'), where('state', '=', 'approved').and('mode', '=', 'retry')]),
        )
        .where('expires_at', '<=', now)
        .returningAll()
        .execute();
      return rows.map(opened);
    },
    withdrawWaiting: async () => {
      const result = await db
        .updateTable('approval_requests')
        .set({ state: 'withdrawn' })
        .where('state', '=', 'pending')
        .where('mode', '=', 'wait')
        .executeTakeFirst();
      return Number(result.numUpdatedRows);
    },
    nextExpiry: async () => {
      const row = await db
        .selectFrom('approval_requests')
        .select((select) => select.fn.min('expires_at').as('at'))
        .where((where) =>
          where.or([where('state', '=', 'pending'), where('state', '=', 'approved').and('mode', '=', 'retry')]),
        )
        .executeTakeFirst();
      return row?.at ?? undefined;
    },
    countPending: async (now, userId) => {
      let query = db.selectFrom('approval_requests');
      if (userId !== undefined) query = query.where('user_id', '=', userId);
      const row = await query
        .select((select) => select.fn.countAll<string>().as('n'))
        .where('state', '=', 'pending')
        .where('expires_at', '>', now)
        .executeTakeFirstOrThrow();
      return Number(row.n);
    },
  };
}

function valuesOf(request: NewRequest, seal: ContentSeal) {
  return {
    id: request.id,
    session_id: request.sessionId,
    connection: request.connection,
    user_id: request.userId,
    principal: request.principal,
    content: seal.seal({ statement: request.statement, parameters: request.parameters }, request.id),
    database: request.database,
    role: request.role,
    tables: JSON.stringify(request.tables),
    kind: request.kind,
    rule: request.rule,
    reason: request.reason,
    approvers: [...request.approvers],
    mode: request.mode,
    binding: request.binding,
    timeout_ms: request.timeoutMs,
    state: 'pending' as const,
    created_at: request.createdAt,
    expires_at: request.expiresAt,
    asked_under: request.askedUnder,
    behind: [...request.behind],
    acting_for: request.actingFor,
    people: request.people,
    require: request.require,
    estimate: request.estimate === null ? null : JSON.stringify(request.estimate),
  };
}
