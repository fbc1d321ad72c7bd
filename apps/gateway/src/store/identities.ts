import { type Selectable, sql } from 'kysely';
import type { Store } from './open-store.ts';
import type { ContentSeal } from './sealed-content.ts';
import type { StoreTables } from './tables.ts';

/** An account's identity at an upstream provider. The refresh token is sealed; `refreshTokenOf` opens it. */
export type IdentityRow = Selectable<StoreTables['identities']>;

/** What a provider said of an identity, at sign-in or later. */
export interface IdentityStatement {
  readonly groups: readonly string[];
  readonly email: string | null;
  /** undefined: as it was; null: none. */
  readonly refreshToken?: string | null;
  /** Id of the session at the provider, when it names one. */
  readonly upstreamSession?: string | null;
  readonly at: Date;
  /** null: this identity cannot be asked about again. */
  readonly nextCheckAt: Date | null;
  /** Until when the groups hold unless the provider confirms them. */
  readonly confirmedUntil: Date;
}

/** Identities at upstream providers. */
export interface IdentityRepository {
  find(provider: string, subject: string): Promise<IdentityRow | undefined>;
  /** Identities that had a session of this id at the provider. */
  findBySession(provider: string, session: string): Promise<IdentityRow[]>;
  listByUser(userId: string): Promise<IdentityRow[]>;
  insert(
    identity: { readonly id: string; readonly provider: string; readonly issuer: string; readonly subject: string },
    userId: string,
    statement: IdentityStatement,
  ): Promise<void>;
  /** What a sign-in said. */
  update(id: string, statement: IdentityStatement): Promise<void>;
  /** What the provider says of somebody who is signed in, unless the identity was signed in, ended or confirmed again since `checkedAt`. */
  confirm(id: string, checkedAt: Date, statement: IdentityStatement): Promise<void>;
  /** Asks again at `nextCheckAt`; the groups stay. */
  postpone(id: string, nextCheckAt: Date): Promise<void>;
  /** Takes groups, refresh token and sessions away; a new sign-in gives new ones. */
  end(id: string, at: Date): Promise<void>;
  remove(id: string): Promise<void>;
  /** Identities to ask about: those whose time has come and whose person has a sign-in or a live session here. */
  listDue(now: Date, limit: number): Promise<IdentityRow[]>;
  /** Identities with groups that nobody confirmed in time, or of providers that are not among `providers` any more. */
  listOver(now: Date, providers: readonly string[]): Promise<IdentityRow[]>;
  refreshTokenOf(identity: IdentityRow): string | undefined;
}

/** Sessions at the provider that are remembered of one identity. */
const maxSessions = 50;

/** Makes the repository. `seal` is under the content key. */
export function createIdentityRepository({ db }: Pick<Store, 'db'>, seal: ContentSeal): IdentityRepository {
  const contextOf = (id: string): string => `identity ${id}`;
  const valuesOf = (
    id: string,
    { groups, email, refreshToken, at, nextCheckAt, confirmedUntil }: IdentityStatement,
  ) => ({
    groups: [...groups],
    email,
    checked_at: at,
    next_check_at: nextCheckAt,
    confirmed_until: confirmedUntil,
    ...(refreshToken === undefined
      ? {}
      : { refresh_token: refreshToken === null ? null : seal.seal(refreshToken, contextOf(id)) }),
  });
  const identities = () => db.selectFrom('identities').selectAll();
  return {
    find: (provider, subject) =>
      identities().where('provider', '=', provider).where('subject', '=', subject).executeTakeFirst(),
    findBySession: (provider, session) =>
      identities().where('provider', '=', provider).where(sql<boolean>`${session} = ANY (upstream_sessions)`).execute(),
    listByUser: (userId) => identities().where('user_id', '=', userId).orderBy('provider').execute(),
    insert: async (identity, userId, statement) => {
      await db
        .insertInto('identities')
        .values({
          ...{ ...identity, ...valuesOf(identity.id, statement), user_id: userId, last_sign_in_at: statement.at },
          upstream_sessions: statement.upstreamSession ? [statement.upstreamSession] : [],
        })
        .execute();
    },
    update: async (id, statement) => {
      const session = statement.upstreamSession ?? null;
      await db
        .updateTable('identities')
        .set({
          ...valuesOf(id, statement),
          last_sign_in_at: statement.at,
          ...(session === null
            ? {}
            : {
                upstream_sessions: sql<
                  string[]
                >`(array_prepend(${session}, array_remove(upstream_sessions, ${session})))[1:${sql.lit(maxSessions)}]`,
              }),
        })
        .where('id', '=', id)
        .execute();
    },
    confirm: async (id, checkedAt, statement) => {
      await db
        .updateTable('identities')
        .set(valuesOf(id, statement))
        .where('id', '=', id)
        .where('checked_at', '=', checkedAt)
        .execute();
    },
    postpone: async (id, nextCheckAt) => {
      await db.updateTable('identities').set({ next_check_at: nextCheckAt }).where('id', '=', id).execute();
    },
    end: async (id, at) => {
      const nothing = { groups: [], refresh_token: null, upstream_sessions: [], next_check_at: null };
      await db
        .updateTable('identities')
        .set({ ...nothing, checked_at: at, confirmed_until: at })
        .where('id', '=', id)
        .execute();
    },
    remove: async (id) => {
      await db.deleteFrom('identities').where('id', '=', id).execute();
    },
    listDue: (now, limit) =>
      identities()
        .where('refresh_token', 'is not', null)
        .where('next_check_at', '<=', now)
        .where(hasSomethingOpen(now))
        .orderBy('next_check_at')
        .limit(limit)
        .execute(),
    listOver: (now, providers) =>
      identities()
        .where((where) =>
          where.or([
            where('confirmed_until', '<=', now),
            ...(providers.length === 0 ? [where.val(true)] : [where('provider', 'not in', [...providers])]),
          ]),
        )
        .where((where) =>
          where.or([
            where(sql<number>`cardinality(groups)`, '>', 0),
            where('refresh_token', 'is not', null),
            where(sql<number>`cardinality(upstream_sessions)`, '>', 0),
          ]),
        )
        .execute(),
    refreshTokenOf: ({ id, refresh_token: sealed }) =>
      sealed === null ? undefined : (seal.open(sealed, contextOf(id)) as string),
  };
}

/** Does the person of an identity have a sign-in or a session that lives by it, or somebody who acts for him? */
function hasSomethingOpen(now: Date) {
  return sql<boolean>`(
    EXISTS (SELECT FROM browser_sessions b WHERE b.user_id = identities.user_id AND b.expires_at > ${now})
    OR EXISTS (SELECT FROM oauth_grants g WHERE g.user_id = identities.user_id AND g.expires_at > ${now} AND g.revoked_at IS NULL)
    OR EXISTS (SELECT FROM delegations d WHERE d.person_id = identities.user_id AND d.expires_at > ${now} AND d.revoked_at IS NULL)
    OR EXISTS (SELECT FROM sessions s WHERE s.user_id = identities.user_id AND s.state = 'active'))`;
}
