import { type CatalogIndex, type TargetState, type TargetView } from '@weir/gate';
import type { Catalog } from '@weir/sql';
import type { CatalogStore, TextRows } from './catalog-store.ts';
import { environmentQuery, parseEnvironment, viewOf } from './environment.ts';

/** What a channel's target state needs. */
export interface ChannelTargetOptions {
  readonly store: CatalogStore;
  /** Our own query on the channel's connection, between the client's statements. */
  query(sql: string): Promise<TextRows>;
  /** Loads the catalog as this connection sees it (uncommitted and temporary objects included). */
  loadOwn(query: (sql: string) => Promise<TextRows>): Promise<Catalog>;
  onLoaded(catalog: Catalog): void;
  /** Transaction status of the connection now. */
  status(): 'I' | 'T' | 'E';
  /** Nothing is outstanding: the status is exact. */
  isQuiet(): boolean;
  /** Number of the implicit transaction (a pipeline without its Sync) that may be open; null = none. */
  implicitTransaction(): number | null;
}

/**
 * Tracks what a channel's statements mean. The shared catalog serves until this channel changes objects itself; from then on, while a transaction
 * is open or temporary objects exist, the catalog is read through the channel's own connection, which alone sees them.
 */
export function createChannelTarget(options: ChannelTargetOptions): TargetState {
  const { store } = options;
  let view: TargetView | null = null;
  let environmentStale = true;
  let catalogStale = false;
  let touchedInTransaction = { catalog: false, environment: false };
  /** The catalog of this connection alone, while it differs from the shared one. */
  let own: CatalogIndex | undefined;

  /** The shared catalog at the time when `own` was read: another one means that somebody else changed something. */
  let ownBase: CatalogIndex | undefined;

  /** The implicit transaction in which the view was read after changes. Kept or undone, its end leaves nothing of the view certain. */
  let readInside: { readonly number: number; readonly catalog: boolean } | null = null;
  const leaveImplicit = () => {
    if (readInside === null || readInside.number === options.implicitTransaction()) return;
    environmentStale = true;
    catalogStale ||= readInside.catalog;
    readInside = null;
  };
  const enterImplicit = () => {
    const number = options.implicitTransaction();
    if (number === null || !(environmentStale || catalogStale)) return;
    readInside = { number, catalog: catalogStale || own !== undefined || (readInside?.catalog ?? false) };
  };

  const shared = async () => store.fresh() ?? (await store.confirm());

  const isSettled = () => options.status() === 'I' && options.implicitTransaction() === null;

  const readOwn = async (searchPath: readonly string[]) => {
    store.invalidate();
    // Everything is committed and the session has no temporary schema: nothing that this connection alone could see.
    if (isSettled() && options.isQuiet() && !searchPath.some((schema) => schema.startsWith('pg_temp'))) {
      catalogStale = false;
      own = undefined;
      return;
    }
    ownBase = await shared();
    const catalog = await options.loadOwn(options.query);
    options.onLoaded(catalog);
    const hasTemporary = catalog.relations.some((relation) => relation.schema.startsWith('pg_temp'));
    catalogStale = false;
    // The status is read after our query: answers of everything pipelined before it have arrived by then.
    own = isSettled() && !hasTemporary ? undefined : store.indexOf(catalog);
  };

  const catalogNow = async (force: boolean, searchPath: readonly string[]): Promise<CatalogIndex> => {
    if (catalogStale || (force && own !== undefined)) await readOwn(searchPath);
    else if (force) store.invalidate();
    if (own === undefined) return shared();
    if ((await shared()) !== ownBase) await readOwn(searchPath);
    return own ?? shared();
  };

  return {
    last: () => view,
    current() {
      leaveImplicit();
      if (environmentStale || catalogStale || view === null) return null;
      const known = store.fresh();
      return known !== undefined && known === (own === undefined ? view.index : ownBase) ? view : null;
    },
    async refresh(reason) {
      // A failed transaction answers nothing and runs nothing: the last view will do. Behind outstanding messages it may have ended.
      if (options.status() === 'E' && options.isQuiet() && view !== null) return view;
      leaveImplicit();
      enterImplicit();
      if (environmentStale || view === null) {
        const environment = parseEnvironment(await options.query(environmentQuery));
        environmentStale = false;
        view = viewOf(await catalogNow(reason !== 'stale', environment.searchPath), environment, view);
        return view;
      }
      const index = await catalogNow(reason !== 'stale', view.searchPath);
      // A schema that was made or dropped past this channel may stand in its path by now.
      const environment = hasSameSchemas(index, view.index)
        ? view
        : parseEnvironment(await options.query(environmentQuery));
      view = viewOf(index, environment, view);
      return view;
    },
    confirm(known, usage) {
      // What this channel has changed itself nobody else can change before it is committed: the shared catalog answers for all that others can.
      return store.isCurrent(own !== undefined && ownBase !== undefined ? ownBase : known.index, usage);
    },
    touched(change) {
      if (change === 'catalog') catalogStale = true;
      // A new temporary schema changes the effective path as well.
      environmentStale = true;
      touchedInTransaction = { catalog: touchedInTransaction.catalog || change === 'catalog', environment: true };
    },
    transactionBegan() {
      touchedInTransaction = { catalog: false, environment: false };
    },
    transactionEnded() {
      if (touchedInTransaction.catalog) catalogStale = true;
      if (touchedInTransaction.environment) environmentStale = true;
    },
  };
}

const schemas = new WeakMap<CatalogIndex, string>();

/** Do both catalogs have things in the same schemas? */
function hasSameSchemas(a: CatalogIndex, b: CatalogIndex): boolean {
  return a === b || schemasOf(a) === schemasOf(b);
}

function schemasOf(index: CatalogIndex): string {
  let known = schemas.get(index);
  if (known === undefined) {
    const { relations, functions, operators, types } = index.catalog;
    known = [...new Set([...relations, ...functions, ...operators, ...types].map(({ schema }) => schema))]
      .sort()
      .join('\0');
    schemas.set(index, known);
  }
  return known;
}
