import { createHash } from 'node:crypto';
import { type Selectable, sql } from 'kysely';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

/** An entry of the log as stored. */
export type AuditRow = Selectable<StoreTables['audit_events']>;
/** An entry to add. `detail` is JSON text. */
export interface NewAuditEntry {
  readonly at: Date;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly detail: string;
}

/** The append-only log. Ids count from 1 without gaps; each entry's hash covers the one before. */
export interface AuditRepository {
  /** Appends in order, in one transaction. */
  append(entries: readonly NewAuditEntry[]): Promise<void>;
  /** Entries after an id, oldest first. */
  list(filter: {
    after: string;
    limit: number;
    action?: string | undefined;
    actor?: string | undefined;
  }): Promise<AuditRow[]>;
}

/** Hash of an entry: SHA-256 over the length-prefixed previous hash, id, time (ISO 8601, milliseconds), actor, action, subject and detail. */
export function auditHash(previousHash: Buffer, id: string, entry: NewAuditEntry): Buffer {
  const hash = createHash('sha256');
  const parts = [id, entry.at.toISOString(), entry.actor, entry.action, entry.subject, entry.detail];
  for (const part of [previousHash, ...parts.map((text) => Buffer.from(text))]) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    hash.update(length).update(part);
  }
  return hash.digest();
}

/** First entry that is not what its chain says, or null. `rows` are consecutive from the id 1. */
export function findAuditBreak(rows: readonly AuditRow[]): string | null {
  let previous: Buffer = Buffer.alloc(32);
  for (const [index, row] of rows.entries()) {
    const isNext = row.id === String(index + 1) && row.previous_hash.equals(previous);
    if (!isNext || !auditHash(previous, row.id, row).equals(row.hash)) return row.id;
    previous = row.hash;
  }
  return null;
}

/** Makes the repository. */
export function createAuditRepository({ db }: Pick<Store, 'db'>): AuditRepository {
  return {
    append: (entries) =>
      db.transaction().execute(async (tx) => {
        await sql`SELECT pg_advisory_xact_lock(hashtext('weir.audit_events'))`.execute(tx);
        const last = await tx
          .selectFrom('audit_events')
          .select(['id', 'hash'])
          .orderBy('id', 'desc')
          .limit(1)
          .executeTakeFirst();
        let previous: Buffer = last?.hash ?? Buffer.alloc(32);
        let id = BigInt(last?.id ?? 0);
        const rows = entries.map((entry) => {
          id += 1n;
          const row = {
            ...entry,
            id: String(id),
            previous_hash: previous,
            hash: auditHash(previous, String(id), entry),
          };
          previous = row.hash;
          return row;
        });
        await tx.insertInto('audit_events').values(rows).execute();
      }),
    list: ({ after, limit, action, actor }) => {
      let query = db.selectFrom('audit_events').selectAll().where('id', '>', after);
      if (action !== undefined) query = query.where('action', '=', action);
      if (actor !== undefined) query = query.where('actor', '=', actor);
      return query.orderBy('id').limit(limit).execute();
    },
  };
}
