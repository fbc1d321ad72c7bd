import type { PostgresTarget } from '@weir/proto';
import {
  buildCatalog,
  type Catalog,
  type CatalogStamp,
  catalogFingerprintQuery,
  catalogQueries,
  catalogStampQuery,
  prepareCatalogStamps,
} from '@weir/sql';
import type { UpstreamReady } from '@weir/wire-postgres';
import { type DialOptions, dialPostgres } from '../targets/postgres.ts';
import type { CatalogSource, TextRows } from './catalog-store.ts';
import { createPlainClient, type PlainClient } from './plain-client.ts';

/** Reads a server's version (server_version "18.4 (Debian …)") as server_version_num does: 180004. */
export function serverVersionOf(ready: UpstreamReady): number {
  const match = /^(\d+)(?:\.(\d+))?/.exec(ready.parameterStatus.get('server_version') ?? '');
  return match === null ? 0 : Number(match[1]) * 10_000 + Number(match[2] ?? 0);
}

/** Loads the catalog through any way of asking. */
export async function loadCatalogBy(query: (sql: string) => Promise<TextRows>, ready: UpstreamReady): Promise<Catalog> {
  const answers: TextRows[] = [];
  for (const sql of catalogQueries(serverVersionOf(ready))) answers.push(await query(sql));
  return buildCatalog({ answers });
}

/**
 * Loads the catalog through a client's own connection and leaves its search path as it was. Inside a transaction the change is local to it, so that
 * the value that comes back at its end is the one that the client set.
 */
export async function loadCatalogOnLoan(
  query: (sql: string) => Promise<TextRows>,
  ready: UpstreamReady,
  isInTransaction: boolean,
): Promise<Catalog> {
  const load = catalogQueries(serverVersionOf(ready)).at(-1) as string;
  const [[before] = []] = await query("SELECT pg_catalog.current_setting('search_path')");
  const set = (value: string) =>
    query(`SELECT pg_catalog.set_config('search_path', '${value.replaceAll("'", "''")}', ${isInTransaction})`);
  await set('pg_catalog');
  try {
    return buildCatalog({ answers: [await query(load)] });
  } finally {
    await set(before ?? '');
  }
}

/** Asks a target's catalog on a side connection of its own, dialled when needed and again after it was lost. */
export function createPostgresCatalogSource(
  target: PostgresTarget,
  options: () => Promise<DialOptions>,
): CatalogSource {
  let open: Promise<{ client: PlainClient; ready: UpstreamReady }> | undefined;
  const dial = async () => {
    const dialled = await dialPostgres(target, await options());
    const client = createPlainClient(dialled.socket);
    dialled.socket.resume();
    await client.query('SET search_path = pg_catalog');
    await client.query(prepareCatalogStamps);
    return { client, ready: dialled.ready };
  };
  const side = async () => {
    const known = await open?.catch(() => undefined);
    if (known?.client.isOpen) return known;
    open = dial();
    return open;
  };
  return {
    async fingerprint() {
      const rows = await (await side()).client.query(catalogFingerprintQuery);
      return JSON.stringify(rows);
    },
    async load() {
      const { client, ready } = await side();
      return loadCatalogBy((sql) => client.query(sql), ready);
    },
    async stamps(usage) {
      const rows = await (await side()).client.query(catalogStampQuery(usage));
      return rows.map(([, json]) => JSON.parse(json ?? 'null') as CatalogStamp);
    },
    close() {
      open?.then(
        ({ client }) => client.close(),
        () => undefined,
      );
    },
  };
}
