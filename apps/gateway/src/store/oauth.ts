import { createHash } from 'node:crypto';
import { type Selectable, sql } from 'kysely';
import type { Store } from './open-store.ts';
import type { ContentSeal } from './sealed-content.ts';
import type { StoreTables } from './tables.ts';

/** What oidc-provider stores of one thing; fields beyond these are its own. */
export interface OAuthPayload {
  readonly [field: string]: unknown;
  readonly grantId?: string | undefined;
  readonly uid?: string | undefined;
  readonly userCode?: string | undefined;
  readonly accountId?: string | undefined;
}
/** How a stored thing is asked for. */
export type OAuthKey = { readonly id: string } | { readonly uid: string } | { readonly userCode: string };

/** One sign-in of a client, as stored. */
export type OAuthGrantRow = Selectable<StoreTables['oauth_grants']>;
/** A sign-in that is to be stored. `epoch` is the account's when the person was authenticated. */
export interface NewOAuthGrant {
  readonly grantId: string;
  readonly userId: string;
  readonly epoch: number;
  readonly clientId: string;
  readonly amr: readonly string[];
  readonly authTime: Date;
  readonly mfaAt: Date | null;
  readonly expiresAt: Date;
}

/** The store of the authorization server. Ids are stored as SHA-256, payloads sealed. */
export interface OAuthRepository {
  /** `isNew`: refuse to replace. @returns false when it is there already. */
  put(model: string, id: string, payload: OAuthPayload, expiresAt: Date, isNew?: boolean): Promise<boolean>;
  /** Things that have expired are not found; of a grant that was revoked nothing is found. */
  find(model: string, key: OAuthKey): Promise<OAuthPayload | undefined>;
  /** @returns false when it was consumed before, or is gone: of two at once one gets true. */
  consume(model: string, id: string): Promise<boolean>;
  remove(model: string, id: string): Promise<void>;
  removeByGrant(model: string, grantId: string): Promise<void>;
  /** Forgets what has expired. */
  removeExpired(now: Date): Promise<void>;
  /** @returns false when the account was disabled, or all its sign-ins ended, since the person was authenticated. */
  insertGrant(grant: NewOAuthGrant): Promise<boolean>;
  findGrant(hash: Buffer): Promise<OAuthGrantRow | undefined>;
  markGrant(hash: Buffer, mfaAt: Date): Promise<void>;
  revokeGrant(hash: Buffer): Promise<void>;
  /** Private keys that sign tokens, newest first. */
  listKeys(): Promise<{ kid: string; key: unknown; createdAt: Date }[]>;
  insertKey(kid: string, key: unknown, createdAt: Date): Promise<void>;
  removeKey(kid: string): Promise<void>;
}

/** SHA-256 of an id, as the store keeps it. */
export function hashOfId(id: string): Buffer {
  return createHash('sha256').update(id).digest();
}

/** Makes the repository. */
export function createOAuthRepository({ db }: Pick<Store, 'db'>, seal: ContentSeal): OAuthRepository {
  return { ...payloadsOf(db, seal), ...grantsOf(db), ...keysOf(db, seal) };
}

type Payloads = Pick<OAuthRepository, 'put' | 'find' | 'consume' | 'remove' | 'removeByGrant' | 'removeExpired'>;

function payloadsOf(db: Store['db'], seal: ContentSeal): Payloads {
  const contextOf = (model: string, id: Buffer): string => `oauth ${model} ${id.toString('hex')}`;
  const hashOf = (id: string | undefined): Buffer | null => (id === undefined ? null : hashOfId(id));
  return {
    put: async (model, id, payload, expiresAt, isNew = false) => {
      const hash = hashOfId(id);
      const values = {
        payload: seal.seal(payload, contextOf(model, hash)),
        grant_hash: model === 'Grant' ? hash : hashOf(payload.grantId),
        uid_hash: hashOf(payload.uid),
        user_code_hash: hashOf(payload.userCode),
        user_id: payload.accountId ?? null,
        expires_at: expiresAt,
      };
      const result = await db
        .insertInto('oauth_payloads')
        .values({ model, id: hash, ...values })
        .onConflict((conflict) => {
          const target = conflict.columns(['model', 'id']);
          return isNew ? target.doNothing() : target.doUpdateSet(values);
        })
        .executeTakeFirst();
      return result.numInsertedOrUpdatedRows === 1n;
    },
    find: async (model, key) => {
      const row = await db
        .selectFrom('oauth_payloads as p')
        .leftJoin('oauth_grants as g', 'g.hash', 'p.grant_hash')
        .select(['p.id', 'p.payload', 'p.consumed_at'])
        .where('p.model', '=', model)
        .where('p.expires_at', '>', new Date())
        .where('g.revoked_at', 'is', null)
        .$if('id' in key, (query) => query.where('p.id', '=', hashOfId('id' in key ? key.id : '')))
        .$if('uid' in key, (query) => query.where('p.uid_hash', '=', hashOfId('uid' in key ? key.uid : '')))
        .$if('userCode' in key, (query) =>
          query.where('p.user_code_hash', '=', hashOfId('userCode' in key ? key.userCode : '')),
        )
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const payload = seal.open(row.payload, contextOf(model, row.id)) as OAuthPayload;
      const consumed = row.consumed_at;
      return consumed === null ? payload : { ...payload, consumed: Math.floor(consumed.getTime() / 1000) };
    },
    consume: async (model, id) => {
      const result = await db
        .updateTable('oauth_payloads')
        .set({ consumed_at: new Date() })
        .where('model', '=', model)
        .where('id', '=', hashOfId(id))
        .where('consumed_at', 'is', null)
        .executeTakeFirst();
      return result.numUpdatedRows === 1n;
    },
    remove: async (model, id) => {
      await db.deleteFrom('oauth_payloads').where('model', '=', model).where('id', '=', hashOfId(id)).execute();
    },
    removeByGrant: async (model, grantId) => {
      await db
        .deleteFrom('oauth_payloads')
        .where('model', '=', model)
        .where('grant_hash', '=', hashOfId(grantId))
        .execute();
    },
    removeExpired: async (now) => {
      await db.deleteFrom('oauth_payloads').where('expires_at', '<', now).execute();
      await db.deleteFrom('oauth_grants').where('expires_at', '<', now).execute();
      await db.deleteFrom('browser_sessions').where('expires_at', '<', now).execute();
    },
  };
}

function grantsOf(db: Store['db']): Pick<OAuthRepository, 'insertGrant' | 'findGrant' | 'markGrant' | 'revokeGrant'> {
  return {
    insertGrant: async ({ grantId, userId, epoch, clientId, amr, authTime, mfaAt, expiresAt }) => {
      const hash = hashOfId(grantId);
      // FOR SHARE waits for a change of the account that is under way, and then sees it.
      const result = await sql`
        INSERT INTO oauth_grants (hash, user_id, client_id, amr, auth_time, mfa_at, expires_at)
        SELECT ${hash}, id, ${clientId}, ${[...amr]}::text[], ${authTime}, ${mfaAt}::timestamptz, ${expiresAt} FROM users
        WHERE id = ${userId} AND sign_in_epoch = ${epoch} AND NOT disabled FOR SHARE`.execute(db);
      return result.numAffectedRows === 1n;
    },
    findGrant: (hash) => db.selectFrom('oauth_grants').selectAll().where('hash', '=', hash).executeTakeFirst(),
    markGrant: async (hash, mfaAt) => {
      await db.updateTable('oauth_grants').set({ mfa_at: mfaAt }).where('hash', '=', hash).execute();
    },
    revokeGrant: async (hash) => {
      await db
        .updateTable('oauth_grants')
        .set({ revoked_at: new Date() })
        .where('hash', '=', hash)
        .where('revoked_at', 'is', null)
        .execute();
    },
  };
}

function keysOf(db: Store['db'], seal: ContentSeal): Pick<OAuthRepository, 'listKeys' | 'insertKey' | 'removeKey'> {
  return {
    listKeys: async () => {
      const rows = await db.selectFrom('oauth_keys').selectAll().orderBy('created_at', 'desc').execute();
      return rows.map(({ kid, key, created_at: createdAt }) => ({ kid, key: seal.open(key, kid), createdAt }));
    },
    insertKey: async (kid, key, createdAt) => {
      await db
        .insertInto('oauth_keys')
        .values({ kid, key: seal.seal(key, kid), created_at: createdAt })
        .execute();
    },
    removeKey: async (kid) => {
      await db.deleteFrom('oauth_keys').where('kid', '=', kid).execute();
    },
  };
}
