import type { Envelope } from '../credentials/envelope.ts';
import type { Store } from './open-store.ts';

/** A stored password: ciphertext and wrapped key alone. */
export interface StoredCredential extends Envelope {
  readonly connection: string;
}

/** Passwords of targets, one per connection; they go with it. */
export interface CredentialRepository {
  find(connection: string): Promise<(StoredCredential & { readonly by: string; readonly at: Date }) | undefined>;
  put(credential: StoredCredential & { readonly by: string; readonly at: Date }): Promise<void>;
  delete(connection: string): Promise<void>;
}

/** Makes the repository. */
export function createCredentialRepository({ db }: Pick<Store, 'db'>): CredentialRepository {
  return {
    find: async (connection) => {
      const row = await db
        .selectFrom('credentials')
        .selectAll()
        .where('connection', '=', connection)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const { key_id: keyId, wrapped_key: wrappedKey, content, updated_by: by, updated_at: at } = row;
      return { connection, keyId, wrappedKey, content, by, at };
    },
    put: async ({ connection, keyId, wrappedKey, content, by, at }) => {
      const values = { key_id: keyId, wrapped_key: wrappedKey, content, updated_by: by, updated_at: at };
      await db
        .insertInto('credentials')
        .values({ connection, ...values })
        .onConflict((conflict) => conflict.column('connection').doUpdateSet(values))
        .execute();
    },
    delete: async (connection) => {
      await db.deleteFrom('credentials').where('connection', '=', connection).execute();
    },
  };
}
