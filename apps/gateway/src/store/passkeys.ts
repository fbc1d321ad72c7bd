import { type Insertable, type Selectable, sql } from 'kysely';
import { hashOfId } from './oauth.ts';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

/** A passkey of an account. */
export type PasskeyRow = Selectable<StoreTables['passkeys']>;
/** A new one. */
export type NewPasskey = Omit<Insertable<StoreTables['passkeys']>, 'created_at' | 'last_used_at' | 'locked_at'>;

/** Something random that was given out, and what its return is good for. */
export interface Challenge {
  readonly purpose: string;
  readonly userId: string | null;
  readonly subject: string | null;
}

/** Passkeys, and the challenges that they answer. Of challenges the store has hashes. */
export interface PasskeyRepository {
  find(id: string): Promise<PasskeyRow | undefined>;
  /** Oldest first. */
  listByUser(userId: string): Promise<PasskeyRow[]>;
  /** @returns false when the passkey is known already. */
  insert(passkey: NewPasskey): Promise<boolean>;
  /** Notes a use. @returns false when the counter did not rise: another use of this or a copy came between. */
  used(id: string, counter: number, at: Date): Promise<boolean>;
  lock(id: string, at: Date): Promise<void>;
  delete(id: string): Promise<void>;
  deleteByUser(userId: string): Promise<void>;
  /** Also forgets what has expired. */
  insertChallenge(
    text: string,
    challenge: Challenge,
    times: { readonly now: Date; readonly expiresAt: Date },
  ): Promise<void>;
  /** What a challenge is for, without using it up. */
  findChallenge(text: string, purpose: string, now: Date): Promise<Challenge | undefined>;
  /** Takes a challenge: it is never found again. */
  takeChallenge(text: string, purpose: string, now: Date): Promise<Challenge | undefined>;
}

/** Makes the repository. */
export function createPasskeyRepository({ db }: Pick<Store, 'db'>): PasskeyRepository {
  const passkeys = () => db.selectFrom('passkeys').selectAll();
  return {
    find: (id) => passkeys().where('id', '=', id).executeTakeFirst(),
    listByUser: (userId) => passkeys().where('user_id', '=', userId).orderBy('created_at').execute(),
    insert: async (passkey) => {
      const result = await db
        .insertInto('passkeys')
        .values(passkey)
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      return result.numInsertedOrUpdatedRows === 1n;
    },
    used: async (id, counter, at) => {
      const result = await sql`UPDATE passkeys SET counter = ${counter}, last_used_at = ${at}
        WHERE id = ${id} AND locked_at IS NULL AND (counter < ${counter} OR (counter = 0 AND ${counter} = 0))`.execute(
        db,
      );
      return result.numAffectedRows === 1n;
    },
    lock: async (id, at) => {
      await db.updateTable('passkeys').set({ locked_at: at }).where('id', '=', id).execute();
    },
    delete: async (id) => {
      await db.deleteFrom('passkeys').where('id', '=', id).execute();
    },
    deleteByUser: async (userId) => {
      await db.deleteFrom('passkeys').where('user_id', '=', userId).execute();
    },
    ...challengesOf(db),
  };
}

function challengesOf(db: Store['db']): Pick<PasskeyRepository, 'insertChallenge' | 'findChallenge' | 'takeChallenge'> {
  const columns = ['purpose', 'user_id as userId', 'subject'] as const;
  return {
    insertChallenge: async (text, { purpose, userId, subject }, { now, expiresAt }) => {
      await db.deleteFrom('passkey_challenges').where('expires_at', '<', now).execute();
      const row = { hash: hashOfId(text), purpose, user_id: userId, subject, expires_at: expiresAt };
      await db.insertInto('passkey_challenges').values(row).execute();
    },
    findChallenge: (text, purpose, now) =>
      db
        .selectFrom('passkey_challenges')
        .select(columns)
        .where('hash', '=', hashOfId(text))
        .where('purpose', '=', purpose)
        .where('expires_at', '>', now)
        .executeTakeFirst(),
    takeChallenge: (text, purpose, now) =>
      db
        .deleteFrom('passkey_challenges')
        .where('hash', '=', hashOfId(text))
        .where('purpose', '=', purpose)
        .where('expires_at', '>', now)
        .returning(columns)
        .executeTakeFirst(),
  };
}
