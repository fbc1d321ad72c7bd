import { createHash } from 'node:crypto';
import type { Store } from './open-store.ts';
import type { ContentSeal } from './sealed-content.ts';

/** Sign-ins under way at upstream providers, and what may be used once. Keys are stored as SHA-256, contents sealed. */
export interface UpstreamAttemptRepository {
  /** `browser` is the id of the browser that began it. */
  insert(attempt: {
    readonly key: string;
    readonly provider: string;
    readonly browser: string;
    readonly content: unknown;
    readonly expiresAt: Date;
  }): Promise<void>;
  /** Takes it away: of two that come with one key, one gets it. `isOf` tells whether a browser is the one that began it. */
  take(
    key: string,
    provider: string,
    now: Date,
  ): Promise<
    | {
        content: unknown;
        isOf(browser: string | undefined): boolean;
        handOn(to: string, content: unknown, expiresAt: Date): Promise<void>;
      }
    | undefined
  >;
  /** @returns false when it was used before. */
  useOnce(key: string, expiresAt: Date): Promise<boolean>;
  removeExpired(now: Date): Promise<void>;
}

/** Makes the repository. `seal` is under the content key. */
export function createUpstreamAttemptRepository(
  { db }: Pick<Store, 'db'>,
  seal: ContentSeal,
): UpstreamAttemptRepository {
  const contextOf = (hash: Buffer): string => `upstream ${hash.toString('hex')}`;
  const store = async (key: string, provider: string, browser: Buffer, content: unknown, expiresAt: Date) => {
    const hash = sha256(key);
    const values = { hash, provider, browser, content: seal.seal(content, contextOf(hash)), expires_at: expiresAt };
    await db.insertInto('upstream_attempts').values(values).execute();
  };
  return {
    insert: ({ key, provider, browser, content, expiresAt }) =>
      store(key, provider, sha256(browser), content, expiresAt),
    take: async (key, provider, now) => {
      const row = await db
        .deleteFrom('upstream_attempts')
        .where('hash', '=', sha256(key))
        .where('provider', '=', provider)
        .where('expires_at', '>', now)
        .returningAll()
        .executeTakeFirst();
      if (row === undefined) return undefined;
      return {
        content: seal.open(row.content, contextOf(row.hash)),
        isOf: (browser) => browser !== undefined && sha256(browser).equals(row.browser),
        handOn: (to, content, expiresAt) => store(to, provider, row.browser, content, expiresAt),
      };
    },
    useOnce: async (key, expiresAt) => {
      const result = await db
        .insertInto('upstream_seen')
        .values({ hash: sha256(key), expires_at: expiresAt })
        .onConflict((conflict) => conflict.column('hash').doNothing())
        .executeTakeFirst();
      return result.numInsertedOrUpdatedRows === 1n;
    },
    removeExpired: async (now) => {
      await db.deleteFrom('upstream_attempts').where('expires_at', '<', now).execute();
      await db.deleteFrom('upstream_seen').where('expires_at', '<', now).execute();
    },
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
