import { type Insertable, type Selectable, sql } from 'kysely';
import { hashOfId } from './oauth.ts';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

/** A key of a service account, without the key itself. */
export type ServiceKeyRow = Omit<Selectable<StoreTables['service_keys']>, 'hash'>;
/** A new key; `hash` is SHA-256 of it. */
export type NewServiceKey = Insertable<StoreTables['service_keys']>;

/** A person who lets a service or an AI agent act for him. */
export type DelegationRow = Selectable<StoreTables['delegations']>;

/** A sign-in of a service account or of a job. */
export interface NewMachineSignIn {
  readonly grantId: string;
  readonly clientId: string;
  readonly user: { readonly id: string; readonly sign_in_epoch: number };
  readonly at: Date;
  readonly expiresAt: Date;
  readonly keyId: string | null;
  readonly trustRule: string | null;
  readonly trustHash: string | null;
  readonly delegationId: string | null;
}

/** Keys of service accounts, their sign-ins, tokens of jobs that were exchanged, and people who let others act for them. */
export interface MachineRepository {
  insertKey(key: NewServiceKey): Promise<void>;
  /** Newest first; also those that have ended. */
  keysOf(userId: string): Promise<ServiceKeyRow[]>;
  findKey(id: string): Promise<ServiceKeyRow | undefined>;
  findKeyByHash(hash: Buffer): Promise<ServiceKeyRow | undefined>;
  keyUsed(id: string, at: Date, address: string | null): Promise<void>;
  /** Ends it, and all sign-ins by it. @returns false when it had ended already. */
  revokeKey(id: string, at: Date): Promise<boolean>;
  /** Makes it end earlier; never later. */
  shortenKey(id: string, expiresAt: Date): Promise<void>;
  /** Remembers that a job's token was exchanged. @returns false when it was before. */
  useToken(hash: Buffer, expiresAt: Date, now: Date): Promise<boolean>;
  /** @returns false when the account or the key ended since it was read. */
  insertSignIn(signIn: NewMachineSignIn): Promise<boolean>;
  insertDelegation(delegation: Insertable<StoreTables['delegations']>): Promise<void>;
  findDelegation(id: string): Promise<DelegationRow | undefined>;
  /** What holds now, of a person or for a service. */
  delegationsOf(userId: string, now: Date): Promise<DelegationRow[]>;
  /** Ends it. @returns false when it had ended already. */
  revokeDelegation(id: string, at: Date): Promise<boolean>;
}

const columns = [
  ...(['id', 'user_id', 'label', 'groups', 'connections', 'created_by', 'created_at', 'expires_at'] as const),
  ...(['last_used_at', 'last_used_from', 'revoked_at'] as const),
];

/** Makes the repository. */
export function createMachineRepository({ db }: Pick<Store, 'db'>): MachineRepository {
  return { ...keysOf(db), ...signInsOf(db), ...delegationsOf(db) };
}

type Keys = Pick<
  MachineRepository,
  'insertKey' | 'keysOf' | 'findKey' | 'findKeyByHash' | 'keyUsed' | 'revokeKey' | 'shortenKey'
>;

function keysOf(db: Store['db']): Keys {
  const keys = () => db.selectFrom('service_keys').select(columns);
  return {
    insertKey: async (key) => {
      await db.insertInto('service_keys').values(key).execute();
    },
    keysOf: (userId) => keys().where('user_id', '=', userId).orderBy('created_at', 'desc').execute(),
    findKey: (id) => keys().where('id', '=', id).executeTakeFirst(),
    findKeyByHash: (hash) => keys().where('hash', '=', hash).executeTakeFirst(),
    keyUsed: async (id, at, address) => {
      const change = { last_used_at: at, last_used_from: address };
      await db.updateTable('service_keys').set(change).where('id', '=', id).execute();
    },
    revokeKey: (id, at) =>
      db.transaction().execute(async (tx) => {
        // First the key: a sign-in that is being made holds this row, and is there when it lets go.
        const result = await tx
          .updateTable('service_keys')
          .set({ revoked_at: at })
          .where('id', '=', id)
          .where('revoked_at', 'is', null)
          .executeTakeFirst();
        await sql`UPDATE oauth_grants SET revoked_at = ${at} WHERE key_id = ${id} AND revoked_at IS NULL`.execute(tx);
        return result.numUpdatedRows === 1n;
      }),
    shortenKey: async (id, expiresAt) => {
      await db
        .updateTable('service_keys')
        .set({ expires_at: expiresAt })
        .where('id', '=', id)
        .where('expires_at', '>', expiresAt)
        .execute();
    },
  };
}

function signInsOf(db: Store['db']): Pick<MachineRepository, 'useToken' | 'insertSignIn'> {
  return {
    useToken: async (hash, expiresAt, now) => {
      await db.deleteFrom('workload_tokens_used').where('expires_at', '<', now).execute();
      const result = await db
        .insertInto('workload_tokens_used')
        .values({ hash, expires_at: expiresAt })
        .onConflict((conflict) => conflict.column('hash').doNothing())
        .executeTakeFirst();
      return result.numInsertedOrUpdatedRows === 1n;
    },
    insertSignIn: (signIn) =>
      db.transaction().execute(async (tx) => {
        const { keyId, user } = signIn;
        if (keyId !== null) {
          const key = await tx
            .selectFrom('service_keys')
            .select('id')
            .where('id', '=', keyId)
            .where('revoked_at', 'is', null)
            .forShare()
            .executeTakeFirst();
          if (key === undefined) return false;
        }
        const result = await sql`
          INSERT INTO oauth_grants
            (hash, user_id, client_id, amr, auth_time, expires_at, key_id, trust_rule, trust_hash, delegation_id)
          SELECT ${hashOfId(signIn.grantId)}, id, ${signIn.clientId}, ARRAY[]::text[], ${signIn.at}, ${signIn.expiresAt},
            ${keyId}, ${signIn.trustRule}, ${signIn.trustHash}, ${signIn.delegationId}
          FROM users WHERE id = ${user.id} AND sign_in_epoch = ${user.sign_in_epoch} AND NOT disabled FOR SHARE`.execute(
          tx,
        );
        await tx.updateTable('users').set({ last_sign_in_at: signIn.at }).where('id', '=', user.id).execute();
        return result.numAffectedRows === 1n;
      }),
  };
}

type Delegations = Pick<
  MachineRepository,
  'insertDelegation' | 'findDelegation' | 'delegationsOf' | 'revokeDelegation'
>;

function delegationsOf(db: Store['db']): Delegations {
  return {
    insertDelegation: async (delegation) => {
      await db.insertInto('delegations').values(delegation).execute();
    },
    findDelegation: (id) => db.selectFrom('delegations').selectAll().where('id', '=', id).executeTakeFirst(),
    delegationsOf: (userId, now) =>
      db
        .selectFrom('delegations')
        .selectAll()
        .where((where) => where.or([where('person_id', '=', userId), where('service_id', '=', userId)]))
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', now)
        .orderBy('created_at', 'desc')
        .execute(),
    revokeDelegation: async (id, at) => {
      const result = await db
        .updateTable('delegations')
        .set({ revoked_at: at })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .executeTakeFirst();
      return result.numUpdatedRows === 1n;
    },
  };
}
