import type { Selectable } from 'kysely';
import type { Envelope } from '../credentials/envelope.ts';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

/** What a key of the gateway is for: signing users, signing for targets, signing hosts, or being the listener's own. */
export type SshKeyPurpose = StoreTables['ssh_authorities']['purpose'];

/** A key as stored: its private half as ciphertext alone, and not at all once it is retired. */
export type SshAuthorityRow = Selectable<StoreTables['ssh_authorities']>;

/** A new key. */
export interface NewSshAuthority extends Envelope {
  /** `SHA256:…` */
  readonly id: string;
  readonly purpose: SshKeyPurpose;
  /** Type and base64 text. */
  readonly publicKey: string;
  readonly by: string;
  readonly at: Date;
}

/** SSH keys of the gateway. */
export interface SshAuthorityRepository {
  /** Oldest first, retired ones too. */
  list(): Promise<SshAuthorityRow[]>;
  /** Adds a key; those of its purpose that are there are retired at `othersRetireAt`. */
  insert(authority: NewSshAuthority, othersRetireAt: Date | null): Promise<void>;
  /** Another key-encryption key. */
  reseal(id: string, sealed: Envelope): Promise<void>;
  /** Forgets the private half. */
  retire(id: string, at: Date): Promise<void>;
}

/** Makes the repository. */
export function createSshAuthorityRepository({ db }: Pick<Store, 'db'>): SshAuthorityRepository {
  return {
    list: () => db.selectFrom('ssh_authorities').selectAll().orderBy('created_at').orderBy('id').execute(),
    insert: ({ id, purpose, publicKey, keyId, wrappedKey, content, by, at }, othersRetireAt) =>
      db.transaction().execute(async (tx) => {
        await tx
          .updateTable('ssh_authorities')
          .set({ retires_at: othersRetireAt })
          .where('purpose', '=', purpose)
          .where('retired_at', 'is', null)
          .where('retires_at', 'is', null)
          .execute();
        const sealed = { key_id: keyId, wrapped_key: wrappedKey, content };
        await tx
          .insertInto('ssh_authorities')
          .values({ id, purpose, public_key: publicKey, ...sealed, created_by: by, created_at: at })
          .execute();
      }),
    reseal: async (id, { keyId, wrappedKey, content }) => {
      await db
        .updateTable('ssh_authorities')
        .set({ key_id: keyId, wrapped_key: wrappedKey, content })
        .where('id', '=', id)
        .where('retired_at', 'is', null)
        .execute();
    },
    retire: async (id, at) => {
      await db
        .updateTable('ssh_authorities')
        .set({ retired_at: at, key_id: null, wrapped_key: null, content: null })
        .where('id', '=', id)
        .execute();
    },
  };
}
