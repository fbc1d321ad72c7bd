import { type Selectable, sql } from 'kysely';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

type StoredRow = Selectable<StoreTables['budget_usage']>;

/** One account: what one person used of one budget in one window. */
export interface BudgetKey {
  readonly userId: string;
  readonly rule: string;
  readonly per: 'hour' | 'day';
  readonly startsAt: Date;
}
/** What an account must be opened with. */
export interface BudgetAccount extends BudgetKey {
  readonly principal: string;
  readonly endsAt: Date;
  readonly maxRows: number | null;
  readonly maxBytes: number | null;
  readonly mode: 'enforce' | 'observe';
}
/** An account's state; `maxRows` and `maxBytes` with what approvals added, null = no bound. */
export interface BudgetState extends BudgetAccount {
  readonly rowsUsed: number;
  readonly bytesUsed: number;
  readonly rowsAdded: number;
  readonly bytesAdded: number;
  readonly exhaustedAt: Date | null;
}
/** What to add to the amounts used. */
export interface BudgetChange {
  readonly rows: number;
  readonly bytes: number;
}

/** The ledger of budgets. Every change is one transaction on one account. */
export interface BudgetRepository {
  /** Opens the account if need be and adds what `decide` says of its state. @returns the state before, and the change. */
  take(
    account: BudgetAccount,
    decide: (state: BudgetState) => BudgetChange,
  ): Promise<{ readonly before: BudgetState; readonly change: BudgetChange }>;
  /** Adds to what was used (less than nothing gives back). @returns the state after. */
  settle(key: BudgetKey, change: BudgetChange): Promise<BudgetState | undefined>;
  /** Adds to the allowances by an approved request, once. @returns false when it was used up before. */
  extend(accounts: readonly BudgetAccount[], requestId: string, by: BudgetChange): Promise<boolean>;
  /** Notes the moment. @returns false when it was noted before. */
  exhaust(key: BudgetKey, at: Date): Promise<boolean>;
  /** Accounts of the windows that run now: of one person or of all. */
  listCurrent(now: Date, userId?: string): Promise<BudgetState[]>;
  /** Drops accounts of windows that ended before. */
  forgetBefore(moment: Date): Promise<void>;
}

const ofKey = ({ userId, rule, per, startsAt }: BudgetKey) =>
  sql<boolean>`user_id = ${userId} AND rule = ${rule} AND per = ${per} AND starts_at = ${startsAt}`;

/** Opens an account, or brings its bounds up to date; its row is locked until the transaction ends. */
async function openAccount(db: Store['db'], account: BudgetAccount): Promise<BudgetState> {
  const bounds = { max_rows: account.maxRows, max_bytes: account.maxBytes, mode: account.mode };
  const row = await db
    .insertInto('budget_usage')
    .values({
      user_id: account.userId,
      principal: account.principal,
      rule: account.rule,
      per: account.per,
      starts_at: account.startsAt,
      ends_at: account.endsAt,
      ...bounds,
    })
    .onConflict((conflict) => conflict.columns(['user_id', 'rule', 'per', 'starts_at']).doUpdateSet(bounds))
    .returningAll()
    .executeTakeFirstOrThrow();
  return stateOf(row);
}

/** Adds to what was used; never less than nothing in all. */
async function add(db: Store['db'], key: BudgetKey, { rows, bytes }: BudgetChange): Promise<BudgetState | undefined> {
  const row = await db
    .updateTable('budget_usage')
    .set({
      rows_used: sql<number>`GREATEST(0, rows_used + ${rows}::bigint)`,
      bytes_used: sql<number>`GREATEST(0, bytes_used + ${bytes}::bigint)`,
    })
    .where(ofKey(key))
    .returningAll()
    .executeTakeFirst();
  return row && stateOf(row);
}

/** Makes the repository. */
export function createBudgetRepository({ db }: Pick<Store, 'db'>): BudgetRepository {
  return {
    take: (account, decide) =>
      db.transaction().execute(async (transaction) => {
        const before = await openAccount(transaction, account);
        const change = decide(before);
        if (change.rows !== 0 || change.bytes !== 0) await add(transaction, account, change);
        return { before, change };
      }),
    settle: (key, change) => add(db, key, change),
    extend: (accounts, requestId, by) =>
      db.transaction().execute(async (transaction) => {
        const { numInsertedOrUpdatedRows } = await transaction
          .insertInto('budget_additions')
          .values({ request_id: requestId, added_at: new Date() })
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirst();
        if (numInsertedOrUpdatedRows !== 1n) return false;
        for (const account of accounts) {
          await openAccount(transaction, account);
          await transaction
            .updateTable('budget_usage')
            .set({
              rows_added: sql<number>`rows_added + ${by.rows}::bigint`,
              bytes_added: sql<number>`bytes_added + ${by.bytes}::bigint`,
              exhausted_at: null,
            })
            .where(ofKey(account))
            .execute();
        }
        return true;
      }),
    exhaust: async (key, at) => {
      const { numUpdatedRows } = await db
        .updateTable('budget_usage')
        .set({ exhausted_at: at })
        .where(ofKey(key))
        .where('exhausted_at', 'is', null)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    listCurrent: async (now, userId) => {
      let query = db.selectFrom('budget_usage').selectAll().where('starts_at', '<=', now).where('ends_at', '>', now);
      if (userId !== undefined) query = query.where('user_id', '=', userId);
      return (await query.orderBy('principal').orderBy('rule').limit(1000).execute()).map(stateOf);
    },
    forgetBefore: async (moment) => {
      await db.deleteFrom('budget_usage').where('ends_at', '<', moment).execute();
    },
  };
}

function stateOf(row: StoredRow): BudgetState {
  const bounded = (max: string | null, more: string) => (max === null ? null : Number(max) + Number(more));
  return {
    userId: row.user_id,
    principal: row.principal,
    rule: row.rule,
    per: row.per,
    startsAt: row.starts_at,
    endsAt: row.ends_at,
    maxRows: bounded(row.max_rows, row.rows_added),
    maxBytes: bounded(row.max_bytes, row.bytes_added),
    mode: row.mode,
    rowsUsed: Number(row.rows_used),
    bytesUsed: Number(row.bytes_used),
    rowsAdded: Number(row.rows_added),
    bytesAdded: Number(row.bytes_added),
    exhaustedAt: row.exhausted_at,
  };
}
