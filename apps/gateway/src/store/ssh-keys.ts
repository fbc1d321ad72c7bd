import { type Selectable, sql } from 'kysely';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

/** A registered key as stored. */
export type SshKeyRow = Selectable<StoreTables['ssh_keys']>;
/** A key that is to be stored. */
export type NewSshKeyRow = Pick<
  SshKeyRow,
  'id' | 'user_id' | 'fingerprint' | 'public_key' | 'label' | 'created_by' | 'created_at'
>;
/** Which sign-in a certificate belongs to. */
export type SshCertificateRow = Selectable<StoreTables['ssh_certificates']>;

/** Keys and certificates for the SSH listener. */
export interface SshKeyRepository {
  /** Oldest first. */
  listOf(userId: string): Promise<SshKeyRow[]>;
  findById(id: string): Promise<SshKeyRow | undefined>;
  findByFingerprint(fingerprint: string): Promise<SshKeyRow | undefined>;
  /** @returns false when some account has the key already. */
  insert(key: NewSshKeyRow): Promise<boolean>;
  delete(id: string): Promise<void>;
  /**
   * Notes a use. The counter of a security key only goes up; one that stays at 0 counts nothing.
   * @returns false when the key is gone, or its counter did not go up: a copy of it may be in use
   */
  used(id: string, at: Date, address: string, counter: number): Promise<boolean>;
  /** Also forgets certificates that have expired. */
  insertCertificate(certificate: SshCertificateRow): Promise<void>;
  findCertificate(serial: string, now: Date): Promise<SshCertificateRow | undefined>;
}

/** Makes the repository. */
export function createSshKeyRepository({ db }: Pick<Store, 'db'>): SshKeyRepository {
  const keys = () => db.selectFrom('ssh_keys').selectAll();
  return {
    listOf: (userId) => keys().where('user_id', '=', userId).orderBy('created_at').orderBy('id').execute(),
    findById: (id) => keys().where('id', '=', id).executeTakeFirst(),
    findByFingerprint: (fingerprint) => keys().where('fingerprint', '=', fingerprint).executeTakeFirst(),
    insert: async (key) => {
      const result = await db
        .insertInto('ssh_keys')
        .values(key)
        .onConflict((conflict) => conflict.column('fingerprint').doNothing())
        .executeTakeFirst();
      return result.numInsertedOrUpdatedRows === 1n;
    },
    delete: async (id) => {
      await db.deleteFrom('ssh_keys').where('id', '=', id).execute();
    },
    used: async (id, at, address, counter) => {
      const result = await db
        .updateTable('ssh_keys')
        .set({ last_used_at: at, last_used_from: address, counter })
        .where('id', '=', id)
        .where(sql<boolean>`(counter < ${counter} OR (counter = 0 AND ${counter} = 0))`)
        .executeTakeFirst();
      return result.numUpdatedRows === 1n;
    },
    insertCertificate: async (certificate) => {
      await db.deleteFrom('ssh_certificates').where('expires_at', '<', certificate.issued_at).execute();
      await db.insertInto('ssh_certificates').values(certificate).execute();
    },
    findCertificate: (serial, now) =>
      db
        .selectFrom('ssh_certificates')
        .selectAll()
        .where('serial', '=', serial)
        .where('expires_at', '>', now)
        .executeTakeFirst(),
  };
}
