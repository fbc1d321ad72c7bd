import type { ConnectionSpec } from '@weir/api';
import type { Store } from './open-store.ts';

/** Connections as administrators define them. */
export interface ConnectionRepository {
  list(): Promise<ConnectionSpec[]>;
  find(name: string): Promise<ConnectionSpec | undefined>;
  put(spec: ConnectionSpec): Promise<void>;
  /** @returns false when there is none of this name. */
  delete(name: string): Promise<boolean>;
}

/** Makes the repository. Rows were checked when they were written. */
export function createConnectionRepository({ db }: Pick<Store, 'db'>): ConnectionRepository {
  const rows = () => db.selectFrom('connections').select(['name', 'agent', 'labels', 'target']);
  const specOf = (row: {
    name: string;
    agent: string;
    labels: Record<string, string>;
    target: unknown;
  }): ConnectionSpec => ({
    ...row,
    target: row.target as ConnectionSpec['target'],
  });
  return {
    list: async () => (await rows().orderBy('name').execute()).map(specOf),
    find: async (name) => {
      const row = await rows().where('name', '=', name).executeTakeFirst();
      return row && specOf(row);
    },
    put: async (spec) => {
      const values = {
        agent: spec.agent,
        labels: JSON.stringify(spec.labels),
        target: JSON.stringify(spec.target),
        updated_at: new Date(),
      };
      await db
        .insertInto('connections')
        .values({ name: spec.name, ...values })
        .onConflict((conflict) => conflict.column('name').doUpdateSet(values))
        .execute();
    },
    delete: async (name) => {
      const result = await db.deleteFrom('connections').where('name', '=', name).executeTakeFirst();
      return result.numDeletedRows > 0n;
    },
  };
}
