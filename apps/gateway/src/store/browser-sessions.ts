import { type Selectable, sql } from 'kysely';
import { hashOfId } from './oauth.ts';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

/** A browser that is signed in. */
export type BrowserSessionRow = Selectable<StoreTables['browser_sessions']>;

/** Sign-ins of browsers at the gateway's own pages. */
export interface BrowserSessionRepository {
  /** @returns false when the account was disabled, or all its sign-ins ended, since the person was authenticated. */
  insert(session: {
    readonly id: string;
    readonly userId: string;
    readonly epoch: number;
    readonly amr: readonly string[];
    readonly authTime: Date;
    readonly mfaAt: Date | null;
    readonly expiresAt: Date;
  }): Promise<boolean>;
  find(id: string, now: Date): Promise<BrowserSessionRow | undefined>;
  /** Has the sign-in of this hash not ended? */
  isLive(hash: Buffer, now: Date): Promise<boolean>;
  /** The person of the browser has used a second factor. */
  mark(hash: Buffer, mfaAt: Date): Promise<void>;
  delete(id: string): Promise<void>;
}

/** Makes the repository. */
export function createBrowserSessionRepository({ db }: Pick<Store, 'db'>): BrowserSessionRepository {
  return {
    insert: async ({ id, userId, epoch, amr, authTime, mfaAt, expiresAt }) => {
      const result = await sql`
        INSERT INTO browser_sessions (hash, user_id, amr, auth_time, mfa_at, expires_at)
        SELECT ${hashOfId(id)}, id, ${[...amr]}::text[], ${authTime}, ${mfaAt}::timestamptz, ${expiresAt} FROM users
        WHERE id = ${userId} AND sign_in_epoch = ${epoch} AND NOT disabled FOR SHARE`.execute(db);
      return result.numAffectedRows === 1n;
    },
    find: (id, now) =>
      db
        .selectFrom('browser_sessions')
        .selectAll()
        .where('hash', '=', hashOfId(id))
        .where('expires_at', '>', now)
        .executeTakeFirst(),
    isLive: async (hash, now) =>
      (await db
        .selectFrom('browser_sessions')
        .select('hash')
        .where('hash', '=', hash)
        .where('expires_at', '>', now)
        .executeTakeFirst()) !== undefined,
    mark: async (hash, mfaAt) => {
      await db.updateTable('browser_sessions').set({ mfa_at: mfaAt }).where('hash', '=', hash).execute();
    },
    delete: async (id) => {
      await db.deleteFrom('browser_sessions').where('hash', '=', hashOfId(id)).execute();
    },
  };
}
