import { createHash } from 'node:crypto';
import { type Selectable, sql } from 'kysely';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

/** One applied version of the policy. */
export interface AppliedPolicy {
  readonly version: string;
  readonly text: string;
  readonly appliedAt: Date;
  readonly appliedBy: string;
}

/** The history of applied policies; the newest is in force. */
export interface PolicyRepository {
  newest(): Promise<AppliedPolicy | undefined>;
  find(version: string): Promise<AppliedPolicy | undefined>;
  /** Adds a version, named by its number and the start of its text's SHA-256, e.g. `3-9f86d081`. */
  add(text: string, appliedBy: string): Promise<AppliedPolicy>;
}

/** Makes the repository. */
export function createPolicyRepository({ db }: Pick<Store, 'db'>): PolicyRepository {
  const rows = () => db.selectFrom('policies').selectAll().orderBy('number', 'desc').limit(1);
  return {
    newest: async () => appliedOf(await rows().executeTakeFirst()),
    find: async (version) => appliedOf(await rows().where('version', '=', version).executeTakeFirst()),
    add: (text, appliedBy) =>
      db.transaction().execute(async (tx) => {
        await sql`LOCK TABLE policies IN EXCLUSIVE MODE`.execute(tx);
        const last = await tx
          .selectFrom('policies')
          .select('number')
          .orderBy('number', 'desc')
          .limit(1)
          .executeTakeFirst();
        const number = (last?.number ?? 0) + 1;
        const version = `${number}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
        const appliedAt = new Date();
        await tx
          .insertInto('policies')
          .values({ number, version, text, applied_by: appliedBy, applied_at: appliedAt })
          .execute();
        return { version, text, appliedAt, appliedBy };
      }),
  };
}

function appliedOf(row: Selectable<StoreTables['policies']> | undefined): AppliedPolicy | undefined {
  return row && { version: row.version, text: row.text, appliedAt: row.applied_at, appliedBy: row.applied_by };
}
