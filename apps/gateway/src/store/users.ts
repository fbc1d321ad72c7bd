import { type Selectable, sql } from 'kysely';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

/** A local account as stored. */
export type UserRow = Selectable<StoreTables['users']>;
/** What can be changed of an account. */
export interface UserChange {
  readonly password_hash?: string;
  readonly groups?: string[];
  readonly roles?: string[];
  readonly disabled?: boolean;
}

/** Accounts and the tokens that they hold. */
export interface UserRepository {
  findByName(name: string): Promise<UserRow | undefined>;
  list(): Promise<UserRow[]>;
  /** @returns false when the name exists. */
  insert(user: {
    id: string;
    name: string;
    password_hash: string;
    groups: string[];
    roles: string[];
  }): Promise<boolean>;
  update(name: string, change: UserChange): Promise<UserRow | undefined>;
  /** Stores a token's hash, and forgets expired ones. @returns false when the account was disabled or got another password since it was read. */
  insertToken(hash: Buffer, user: Pick<UserRow, 'id' | 'password_hash'>, expiresAt: Date): Promise<boolean>;
  /** The enabled owner of an unexpired token. */
  findByToken(hash: Buffer, now: Date): Promise<{ user: UserRow; expiresAt: Date } | undefined>;
  deleteToken(hash: Buffer): Promise<void>;
  deleteTokensOf(userId: string): Promise<void>;
}

/** Makes the repository. */
export function createUserRepository({ db }: Pick<Store, 'db'>): UserRepository {
  return {
    findByName: (name) => db.selectFrom('users').selectAll().where('name', '=', name).executeTakeFirst(),
    list: () => db.selectFrom('users').selectAll().orderBy('name').execute(),
    insert: async (user) => {
      const result = await db
        .insertInto('users')
        .values(user)
        .onConflict((conflict) => conflict.column('name').doNothing())
        .executeTakeFirst();
      return result.numInsertedOrUpdatedRows === 1n;
    },
    update: (name, change) =>
      db.updateTable('users').set(change).where('name', '=', name).returningAll().executeTakeFirst(),
    insertToken: async (hash, user, expiresAt) => {
      await db.deleteFrom('tokens').where('expires_at', '<', new Date()).execute();
      // FOR SHARE waits for a change of the account that is under way, and then sees it.
      const result = await sql`
        INSERT INTO tokens (hash, user_id, expires_at)
        SELECT ${hash}, id, ${expiresAt} FROM users
        WHERE id = ${user.id} AND password_hash = ${user.password_hash} AND NOT disabled FOR SHARE`.execute(db);
      return result.numAffectedRows === 1n;
    },
    findByToken: async (hash, now) => {
      const row = await db
        .selectFrom('tokens')
        .innerJoin('users', 'users.id', 'tokens.user_id')
        .selectAll('users')
        .select('tokens.expires_at')
        .where('tokens.hash', '=', hash)
        .where('tokens.expires_at', '>', now)
        .where('users.disabled', '=', false)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const { expires_at: expiresAt, ...user } = row;
      return { user, expiresAt };
    },
    deleteToken: async (hash) => {
      await db.deleteFrom('tokens').where('hash', '=', hash).execute();
    },
    deleteTokensOf: async (userId) => {
      await db.deleteFrom('tokens').where('user_id', '=', userId).execute();
    },
  };
}
