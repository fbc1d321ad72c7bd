import { type Selectable, sql } from 'kysely';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

/** A request with a key, and what became of it. */
export type IdempotentRow = Selectable<StoreTables['idempotent_answers']>;

/** Requests with idempotency keys. They are known by a hash of principal and key. */
export interface IdempotentAnswerRepository {
  /** Notes that a request runs. @returns undefined; the row that is there when the key was used already. */
  begin(hash: Buffer, request: Buffer, times: { now: Date; expiresAt: Date }): Promise<IdempotentRow | undefined>;
  finish(hash: Buffer, content: Buffer): Promise<void>;
  /** Nobody can say whether it was carried out. */
  lose(hash: Buffer): Promise<void>;
  /** It was not carried out: the key is free again. */
  forget(hash: Buffer): Promise<void>;
  /** What ran when a gateway ended is lost. */
  loseRunning(): Promise<void>;
  forgetExpired(now: Date): Promise<void>;
}

/** Makes the repository. */
export function createIdempotentAnswerRepository({ db }: Pick<Store, 'db'>): IdempotentAnswerRepository {
  const row = (hash: Buffer) => db.selectFrom('idempotent_answers').selectAll().where('hash', '=', hash);
  const change = (hash: Buffer) => db.updateTable('idempotent_answers').where('hash', '=', hash);
  return {
    begin: async (hash, request, { now, expiresAt }) => {
      const values = { request, state: 'running' as const, content: null, expires_at: expiresAt };
      for (;;) {
        const begun = await db
          .insertInto('idempotent_answers')
          .values({ hash, ...values })
          .onConflict((conflict) =>
            conflict.column('hash').doUpdateSet(values).where(sql<boolean>`idempotent_answers.expires_at <= ${now}`),
          )
          .returning('hash')
          .executeTakeFirst();
        if (begun !== undefined) return undefined;
        const found = await row(hash).executeTakeFirst();
        // It was there a moment ago; when it is gone now, the key is free.
        if (found !== undefined) return found;
      }
    },
    finish: async (hash, content) => {
      await change(hash).set({ state: 'done', content }).execute();
    },
    lose: async (hash) => {
      await change(hash).set({ state: 'unknown' }).execute();
    },
    forget: async (hash) => {
      await db.deleteFrom('idempotent_answers').where('hash', '=', hash).execute();
    },
    loseRunning: async () => {
      await db.updateTable('idempotent_answers').set({ state: 'unknown' }).where('state', '=', 'running').execute();
    },
    forgetExpired: async (now) => {
      await db.deleteFrom('idempotent_answers').where('expires_at', '<=', now).execute();
    },
  };
}
