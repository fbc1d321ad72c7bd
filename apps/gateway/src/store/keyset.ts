import { type RawBuilder, sql } from 'kysely';

/** A piece of a list: what follows a key in the list's order; null = from the start. */
export interface Keyset {
  readonly limit: number;
  readonly after: readonly string[] | null;
}

/** Does a row come after the key in a list that is ordered by time and id, both descending? */
export function isOlder(timeColumn: string, { after }: Pick<Keyset, 'after'>): RawBuilder<boolean> {
  const [time, id] = after ?? [];
  if (time === undefined || id === undefined) return sql<boolean>`true`;
  return sql<boolean>`(${sql.ref(timeColumn)}, id) < (${new Date(time)}, ${id})`;
}
