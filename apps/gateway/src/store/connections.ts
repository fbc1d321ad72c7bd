import { createHash } from 'node:crypto';
import type { ConnectionSpec } from '@weir/api';
import { type Selectable, sql } from 'kysely';
import type { Store } from './open-store.ts';
import type { StoreTables } from './tables.ts';

/** A connection with its version, and what is known of the last change. */
export interface StoredConnection {
  readonly spec: ConnectionSpec;
  /** The number of the version and the start of its content's SHA-256, e.g. `3-9f86d081884c7d65`. */
  readonly version: string;
  readonly changedAt: Date;
  /** Null for rows of older gateways. */
  readonly changedBy: string | null;
  readonly changedFields: readonly string[];
}

/** Connections as administrators define them. */
export interface ConnectionRepository {
  list(): Promise<ConnectionSpec[]>;
  find(name: string): Promise<ConnectionSpec | undefined>;
  findStored(name: string): Promise<StoredConnection | undefined>;
  /** Adds or replaces. `fields` are those that the change changes. */
  put(spec: ConnectionSpec, by: string, fields: readonly string[]): Promise<StoredConnection>;
  /** @returns false when there is none of this name. */
  delete(name: string): Promise<boolean>;
}

/** Makes the repository. Rows were checked when they were written. */
export function createConnectionRepository({ db }: Pick<Store, 'db'>): ConnectionRepository {
  const rows = () => db.selectFrom('connections').selectAll();
  const findStored = async (name: string) => {
    const row = await rows().where('name', '=', name).executeTakeFirst();
    return row && storedOf(row);
  };
  return {
    list: async () => (await rows().orderBy('name').execute()).map(specOf),
    find: async (name) => (await findStored(name))?.spec,
    findStored,
    put: async (spec, by, fields) => {
      const values = {
        agent: spec.agent,
        labels: JSON.stringify(spec.labels),
        target: JSON.stringify(spec.target),
        updated_at: new Date(),
        updated_by: by,
        changed_fields: [...fields],
      };
      const row = await db
        .insertInto('connections')
        .values({ name: spec.name, ...values })
        .onConflict((conflict) =>
          conflict.column('name').doUpdateSet({ ...values, version: sql`connections.version + 1` }),
        )
        .returningAll()
        .executeTakeFirstOrThrow();
      return storedOf(row);
    },
    delete: async (name) => {
      const result = await db.deleteFrom('connections').where('name', '=', name).executeTakeFirst();
      return result.numDeletedRows > 0n;
    },
  };
}

type Row = Selectable<StoreTables['connections']>;

function specOf({ name, agent, labels, target }: Row): ConnectionSpec {
  return { name, agent, labels, target: target as ConnectionSpec['target'] };
}

function storedOf(row: Row): StoredConnection {
  // The store gives the keys of an object always in the same order.
  const hash = createHash('sha256')
    .update(JSON.stringify(specOf(row)))
    .digest('hex');
  return {
    spec: specOf(row),
    version: `${row.version}-${hash.slice(0, 16)}`,
    changedAt: row.updated_at,
    changedBy: row.updated_by,
    changedFields: row.changed_fields,
  };
}
