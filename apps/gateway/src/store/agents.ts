import type { Selectable } from 'kysely';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

/** An enrolled agent as stored. */
export type AgentRow = Selectable<StoreTables['agents']>;

/** A join token as stored. */
export type JoinTokenRow = Selectable<StoreTables['join_tokens']>;

/** A new agent. */
export interface NewAgent {
  readonly id: string;
  readonly name: string;
  readonly serial: string;
  /** Id of the CA that signed its certificate. */
  readonly issuer: string;
  readonly certificateExpiresAt: Date;
  readonly version: string;
  readonly pool: string;
}

/** A new join token: for one agent of this name, or for several of the pool. */
export interface NewJoinToken {
  readonly hash: Buffer;
  readonly agent: string | null;
  readonly pool: string;
  readonly uses: number;
  readonly createdBy: string;
  readonly expiresAt: Date;
}

/** Agents' identities and the join tokens that buy them. */
export interface AgentRepository {
  insertJoinToken(token: NewJoinToken): Promise<void>;
  /** A token in whatever state, until some hours after its end. */
  findJoinToken(hash: Buffer): Promise<JoinTokenRow | undefined>;
  /** Uses a token once, if it is good: of callers at the same time no more win than it has uses. @returns false when it is not. */
  consumeJoinToken(hash: Buffer, now: Date): Promise<boolean>;
  /** Tokens whose time is not over and that are not revoked, used ones too, newest first. */
  listJoinTokens(now: Date): Promise<JoinTokenRow[]>;
  /** Makes a token worthless. @returns false when it was used up or revoked meanwhile. */
  revokeJoinToken(hash: Buffer, now: Date): Promise<boolean>;
  /** Adds an agent; an earlier identity of the same name is revoked. @returns ids of the revoked ones. */
  insert(agent: NewAgent, now: Date): Promise<string[]>;
  find(id: string): Promise<AgentRow | undefined>;
  /** The agents that are not revoked. */
  list(): Promise<AgentRow[]>;
  findByName(name: string): Promise<AgentRow | undefined>;
  seen(id: string, change: { previousSerial: string | null; previousUsedAt: Date | null; at: Date }): Promise<void>;
  /** Stores a renewed certificate (`before` = the one that it was renewed with) if the count of renewals is still this. @returns false when another renewal was first. */
  renew(
    id: string,
    expectedRenewals: number,
    serials: { serial: string; before: string; issuer: string },
    expiresAt: Date,
  ): Promise<boolean>;
  /** Notes when an agent asked for a certificate after the end of its last one. @returns false when it said so at this time or later before. */
  noteRecovery(id: string, sentAt: Date): Promise<boolean>;
  /** @returns the revoked agent's id. */
  revoke(name: string, now: Date): Promise<string | undefined>;
}

/** Makes the repository. */
export function createAgentRepository({ db }: Pick<Store, 'db'>): AgentRepository {
  return {
    insertJoinToken: async ({ hash, agent, pool, uses, createdBy, expiresAt }) => {
      // Kept for a while: who comes too late is told so in the audit log.
      const longAgo = new Date(Date.now() - 86_400_000);
      await db.deleteFrom('join_tokens').where('expires_at', '<', longAgo).execute();
      await db
        .insertInto('join_tokens')
        .values({ hash, agent, pool, uses, created_by: createdBy, expires_at: expiresAt })
        .execute();
    },
    findJoinToken: (hash) => db.selectFrom('join_tokens').selectAll().where('hash', '=', hash).executeTakeFirst(),
    consumeJoinToken: async (hash, now) => {
      const result = await db
        .updateTable('join_tokens')
        .set((row) => ({ used_at: now, used_count: row('used_count', '+', 1) }))
        .where('hash', '=', hash)
        .whereRef('used_count', '<', 'uses')
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', now)
        .executeTakeFirst();
      return result.numUpdatedRows === 1n;
    },
    listJoinTokens: (now) =>
      db
        .selectFrom('join_tokens')
        .selectAll()
        .where('expires_at', '>', now)
        .where('revoked_at', 'is', null)
        .orderBy('created_at', 'desc')
        .execute(),
    revokeJoinToken: async (hash, now) => {
      const result = await db
        .updateTable('join_tokens')
        .set({ revoked_at: now })
        .where('hash', '=', hash)
        .whereRef('used_count', '<', 'uses')
        .where('revoked_at', 'is', null)
        .executeTakeFirst();
      return result.numUpdatedRows === 1n;
    },
    insert: (agent, now) => insertAgent({ db }, agent, now),
    find: (id) => db.selectFrom('agents').selectAll().where('id', '=', id).executeTakeFirst(),
    list: () => db.selectFrom('agents').selectAll().where('revoked_at', 'is', null).orderBy('name').execute(),
    findByName: (name) =>
      db.selectFrom('agents').selectAll().where('name', '=', name).where('revoked_at', 'is', null).executeTakeFirst(),
    seen: async (id, { previousSerial, previousUsedAt, at }) => {
      await db
        .updateTable('agents')
        .set({ previous_serial: previousSerial, previous_used_at: previousUsedAt, last_seen_at: at })
        .where('id', '=', id)
        .execute();
    },
    renew: async (id, expectedRenewals, { serial, before, issuer }, expiresAt) => {
      const result = await db
        .updateTable('agents')
        .set({
          previous_serial: before,
          previous_used_at: null,
          serial,
          issuer,
          renewals: expectedRenewals + 1,
          certificate_expires_at: expiresAt,
        })
        .where('id', '=', id)
        .where('renewals', '=', expectedRenewals)
        .where('revoked_at', 'is', null)
        .executeTakeFirst();
      return result.numUpdatedRows === 1n;
    },
    noteRecovery: async (id, sentAt) => {
      const result = await db
        .updateTable('agents')
        .set({ recovery_sent_at: sentAt })
        .where('id', '=', id)
        .where((row) => row.or([row('recovery_sent_at', 'is', null), row('recovery_sent_at', '<', sentAt)]))
        .executeTakeFirst();
      return result.numUpdatedRows === 1n;
    },
    revoke: async (name, now) => {
      const row = await db
        .updateTable('agents')
        .set({ revoked_at: now })
        .where('name', '=', name)
        .where('revoked_at', 'is', null)
        .returning('id')
        .executeTakeFirst();
      return row?.id;
    },
  };
}

function insertAgent({ db }: Pick<Store, 'db'>, agent: NewAgent, now: Date): Promise<string[]> {
  return db.transaction().execute(async (tx) => {
    const replaced = await tx
      .updateTable('agents')
      .set({ revoked_at: now })
      .where('name', '=', agent.name)
      .where('revoked_at', 'is', null)
      .returning('id')
      .execute();
    await tx
      .insertInto('agents')
      .values({
        id: agent.id,
        name: agent.name,
        serial: agent.serial,
        issuer: agent.issuer,
        certificate_expires_at: agent.certificateExpiresAt,
        version: agent.version,
        pool: agent.pool,
      })
      .execute();
    return replaced.map((row) => row.id);
  });
}
