import type { Selectable } from 'kysely';
import type { Envelope } from '../credentials/envelope.ts';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

/** A CA as stored: its key as ciphertext alone, and not at all once it is retired. */
export type AuthorityRow = Selectable<StoreTables['authorities']>;

/** A new CA. */
export interface NewAuthority extends Envelope {
  /** SHA-256 of the certificate, hexadecimal. */
  readonly id: string;
  /** PEM. */
  readonly certificate: string;
  readonly by: string;
  readonly at: Date;
}

/** The CAs of the gateway. */
export interface AuthorityRepository {
  /** Oldest first, retired ones too. */
  list(): Promise<AuthorityRow[]>;
  /** Adds a CA; those that are there are retired at `othersRetireAt`. */
  insert(authority: NewAuthority, othersRetireAt: Date | null): Promise<void>;
  /** Another key-encryption key. */
  reseal(id: string, sealed: Envelope): Promise<void>;
  /** Forgets the key of a CA. */
  retire(id: string, at: Date): Promise<void>;
}

/** Makes the repository. */
export function createAuthorityRepository({ db }: Pick<Store, 'db'>): AuthorityRepository {
  return {
    list: () => db.selectFrom('authorities').selectAll().orderBy('created_at').orderBy('id').execute(),
    insert: ({ id, certificate, keyId, wrappedKey, content, by, at }, othersRetireAt) =>
      db.transaction().execute(async (tx) => {
        await tx
          .updateTable('authorities')
          .set({ retires_at: othersRetireAt })
          .where('retired_at', 'is', null)
          .where('retires_at', 'is', null)
          .execute();
        const sealed = { key_id: keyId, wrapped_key: wrappedKey, content };
        await tx
          .insertInto('authorities')
          .values({ id, certificate, ...sealed, created_by: by, created_at: at })
          .execute();
      }),
    reseal: async (id, { keyId, wrappedKey, content }) => {
      await db
        .updateTable('authorities')
        .set({ key_id: keyId, wrapped_key: wrappedKey, content })
        .where('id', '=', id)
        .where('retired_at', 'is', null)
        .execute();
    },
    retire: async (id, at) => {
      await db
        .updateTable('authorities')
        .set({ retired_at: at, key_id: null, wrapped_key: null, content: null })
        .where('id', '=', id)
        .execute();
    },
  };
}
