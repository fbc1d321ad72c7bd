import { type Insertable, type Selectable, sql, type Updateable } from 'kysely';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

/** An account as stored. `groups` are the effective ones, from all sources; `own_groups` those that were given to the account itself. */
export type UserRow = Selectable<StoreTables['users']> & { readonly own_groups: string[] };
/** What can be changed of an account; `groups` are its own. */
export type UserChange = Omit<Updateable<StoreTables['users']>, 'id' | 'name' | 'created_at' | 'changed_at'>;
/** A new account; it is its own person unless it says otherwise. */
export type NewUserRow = Omit<Insertable<StoreTables['users']>, 'person_id'> & { readonly person_id?: string };

/** A sign-in of a client as it stands now. */
export interface SignInRow {
  readonly user: UserRow;
  readonly clientId: string;
  /** When the person was authenticated. */
  readonly authTime: Date;
  readonly expiresAt: Date;
  /** When he last used a second factor; null = not in this sign-in. */
  readonly mfaAt: Date | null;
  /** Null for people. */
  readonly machine: MachineSignIn | null;
}

/** What a service account or a job has signed in by, and what bounds it beside policy. */
export interface MachineSignIn {
  readonly keyId: string | null;
  /** The trust rule, and its fingerprint when the job signed in. */
  readonly trustRule: string | null;
  readonly trustHash: string | null;
  readonly delegationId: string | null;
  /** The account that it acts for. */
  readonly behindId: string | null;
  /** Only these of its groups; null = all. */
  readonly groups: readonly string[] | null;
  /** Globs of connections; null = all. */
  readonly connections: readonly string[] | null;
  /** When all that it opens ends. */
  readonly endsAt: Date;
}

/** Accounts. */
export interface UserRepository {
  findByName(name: string): Promise<UserRow | undefined>;
  findById(id: string): Promise<UserRow | undefined>;
  /** All accounts of one human. */
  listByPerson(personId: string): Promise<UserRow[]>;
  list(): Promise<UserRow[]>;
  listByIds(ids: readonly string[]): Promise<UserRow[]>;
  /** Accounts that one source has made, oldest first. */
  listBySource(source: string): Promise<UserRow[]>;
  /** By the directory's name of the account, in any case. */
  findByDirectoryName(name: string): Promise<UserRow | undefined>;
  /** By the directory's id of the account. */
  findByExternalId(id: string): Promise<UserRow | undefined>;
  /** @returns false when the name exists. */
  insert(user: NewUserRow): Promise<boolean>;
  update(name: string, change: UserChange): Promise<UserRow | undefined>;
  /** Also deletes sign-ins, passkeys and memberships. */
  delete(id: string): Promise<void>;
  /** Notes a sign-in. */
  signedIn(id: string, at: Date): Promise<void>;
  /** Makes `ids` one person. */
  setPerson(ids: readonly string[], personId: string): Promise<void>;
  /** The sign-in of a hash that has not ended, of an account that is enabled. */
  findBySignIn(hash: Buffer, now: Date): Promise<SignInRow | undefined>;
  /** Ends all sign-ins of an account, of programs and browsers, and those that are under way. */
  endSignIns(userId: string): Promise<void>;
}

const effectiveGroups = sql<
  string[]
>`ARRAY(SELECT g.name FROM effective_groups g WHERE g.user_id = users.id ORDER BY g.name)`;

/** Makes the repository. */
export function createUserRepository({ db }: Pick<Store, 'db'>): UserRepository {
  const users = () => db.selectFrom('users').selectAll('users').select(effectiveGroups.as('effective'));
  const findByName = async (name: string) => rowOf(await users().where('name', '=', name).executeTakeFirst());
  return {
    findByName,
    findById: async (id) => rowOf(await users().where('id', '=', id).executeTakeFirst()),
    listByPerson: async (personId) =>
      (await users().where('person_id', '=', personId).orderBy('name').execute()).map((row) => rowOf(row)),
    list: async () => (await users().orderBy('name').execute()).map((row) => rowOf(row)),
    listByIds: async (ids) =>
      (
        await users()
          .where(sql<boolean>`id = ANY(${[...ids]}::text[])`)
          .orderBy('name')
          .execute()
      ).map((row) => rowOf(row)),
    listBySource: async (source) =>
      (await users().where('source', '=', source).orderBy('created_at').orderBy('id').execute()).map((row) =>
        rowOf(row),
      ),
    findByDirectoryName: async (name) =>
      rowOf(await users().where(sql<boolean>`lower(directory_name) = lower(${name})`).executeTakeFirst()),
    findByExternalId: async (id) => rowOf(await users().where('external_id', '=', id).executeTakeFirst()),
    insert: async (user) => {
      const result = await db
        .insertInto('users')
        .values({ ...user, person_id: user.person_id ?? user.id })
        .onConflict((conflict) => conflict.column('name').doNothing())
        .executeTakeFirst();
      return result.numInsertedOrUpdatedRows === 1n;
    },
    update: async (name, change) => {
      await db
        .updateTable('users')
        .set({ ...change, changed_at: new Date() })
        .where('name', '=', name)
        .execute();
      return findByName(name);
    },
    delete: async (id) => {
      await db.deleteFrom('users').where('id', '=', id).execute();
    },
    signedIn: async (id, at) => {
      await db.updateTable('users').set({ last_sign_in_at: at }).where('id', '=', id).execute();
    },
    setPerson: async (ids, personId) => {
      await db
        .updateTable('users')
        .set({ person_id: personId })
        .where('id', 'in', [...ids])
        .execute();
    },
    ...signInsOf(db),
  };
}

function signInsOf(db: Store['db']): Pick<UserRepository, 'findBySignIn' | 'endSignIns'> {
  return {
    findBySignIn: async (hash, now) => {
      const row = await db
        .selectFrom('oauth_grants as g')
        .innerJoin('users', 'users.id', 'g.user_id')
        .selectAll('users')
        .leftJoin('service_keys as k', 'k.id', 'g.key_id')
        .leftJoin('delegations as d', 'd.id', 'g.delegation_id')
        .select(['g.client_id', 'g.auth_time', 'g.expires_at', 'g.mfa_at'])
        .select(['g.key_id', 'g.trust_rule', 'g.trust_hash', 'g.delegation_id', 'd.person_id as behind_id'])
        .select(['k.groups as key_groups', 'k.connections as key_connections', 'k.expires_at as key_ends_at'])
        .select(effectiveGroups.as('effective'))
        .where('g.hash', '=', hash)
        .where('g.expires_at', '>', now)
        .where('g.revoked_at', 'is', null)
        .where('users.disabled', '=', false)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const { client_id: clientId, auth_time: authTime, expires_at: expiresAt, mfa_at: mfaAt, ...rest } = row;
      const { key_id, trust_rule, trust_hash, delegation_id, behind_id, ...others } = rest;
      const { key_groups, key_connections, key_ends_at, ...user } = others;
      const machine: MachineSignIn = {
        ...{ keyId: key_id, trustRule: trust_rule, trustHash: trust_hash, delegationId: delegation_id },
        ...{ behindId: behind_id, groups: key_groups, connections: key_connections, endsAt: key_ends_at ?? expiresAt },
      };
      const isMachine = user.kind !== 'person';
      return { user: rowOf(user), clientId, authTime, expiresAt, mfaAt, machine: isMachine ? machine : null };
    },
    endSignIns: async (userId) => {
      await db.transaction().execute(async (tx) => {
        // First the account: a sign-in that is being finished waits for this row, and then sees the new epoch.
        await sql`UPDATE users SET sign_in_epoch = sign_in_epoch + 1 WHERE id = ${userId}`.execute(tx);
        await tx.deleteFrom('browser_sessions').where('user_id', '=', userId).execute();
        await tx.deleteFrom('oauth_payloads').where('user_id', '=', userId).execute();
        await sql`
          UPDATE oauth_grants SET revoked_at = now() WHERE user_id = ${userId} AND revoked_at IS NULL`.execute(tx);
      });
    },
  };
}

type Stored = Selectable<StoreTables['users']> & { readonly effective: string[] };
function rowOf(stored: Stored): UserRow;
function rowOf(stored: Stored | undefined): UserRow | undefined;
function rowOf(stored: Stored | undefined): UserRow | undefined {
  if (stored === undefined) return undefined;
  const { effective, groups, ...rest } = stored;
  return { ...rest, groups: effective, own_groups: groups };
}
