import type { RecordingAnchor } from '@weir/api';
import { sql } from 'kysely';
import type { Keyset } from './keyset.ts';
import type { Store } from './open-store.ts';

/** What the store says that each recording must be. */
export interface AnchorRepository {
  /** Adds or replaces a session's anchor; an unsealed one never replaces a sealed one. @returns false when it would. */
  put(anchor: RecordingAnchor): Promise<boolean>;
  find(session: string): Promise<RecordingAnchor | undefined>;
  /** By session; all, or those of a page. */
  list(page?: Keyset): Promise<RecordingAnchor[]>;
}

/** Makes the repository. */
export function createAnchorRepository({ db }: Pick<Store, 'db'>): AnchorRepository {
  const rows = () => db.selectFrom('recording_anchors').selectAll();
  const anchorOf = (row: Awaited<ReturnType<ReturnType<typeof rows>['executeTakeFirstOrThrow']>>): RecordingAnchor => ({
    session: row.session,
    entries: row.entries,
    bytes: Number(row.bytes),
    headHash: row.head_hash,
    sealed: row.sealed,
    publicKey: row.public_key,
    file: row.file,
  });
  return {
    put: async (anchor) => {
      const values = {
        entries: anchor.entries,
        bytes: anchor.bytes,
        head_hash: anchor.headHash,
        sealed: anchor.sealed,
        public_key: anchor.publicKey,
        file: anchor.file,
        updated_at: new Date(),
      };
      const result = await db
        .insertInto('recording_anchors')
        .values({ session: anchor.session, ...values })
        .onConflict((conflict) =>
          conflict
            .column('session')
            .doUpdateSet(values)
            .where((where) => where.or([where('recording_anchors.sealed', '=', false), sql.lit(anchor.sealed)])),
        )
        .executeTakeFirst();
      return result.numInsertedOrUpdatedRows === 1n;
    },
    find: async (session) => {
      const row = await rows().where('session', '=', session).executeTakeFirst();
      return row && anchorOf(row);
    },
    list: async (page) => {
      let query = rows().orderBy('session');
      const [session] = page?.after ?? [];
      if (session !== undefined) query = query.where('session', '>', session);
      if (page !== undefined) query = query.limit(page.limit);
      return (await query.execute()).map(anchorOf);
    },
  };
}
