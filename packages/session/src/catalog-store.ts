import { type CatalogIndex, createCatalogIndex } from '@weir/gate';
import type { Catalog } from '@weir/sql';

/** Rows in text form. */
export type TextRows = readonly (readonly (string | null)[])[];

/** How the store asks one database of one target. */
export interface CatalogSource {
  /** Changes whenever the catalog's content may have changed; cheap. */
  fingerprint(): Promise<string>;
  load(): Promise<Catalog>;
  close(): void;
}

/** The catalog of one database, shared by its channels. */
export interface CatalogStore {
  /** The catalog when it was confirmed less than `maxAgeMs` ago, else undefined. */
  fresh(): CatalogIndex | undefined;
  /** Confirms by fingerprint, loads when it changed. Callers share one round trip. @throws WeirError target_unavailable. */
  confirm(): Promise<CatalogIndex>;
  /** Something changed the catalog: nothing is fresh until confirmed. */
  invalidate(): void;
  close(): void;
}

/** Settings of a store. */
export interface CatalogStoreOptions {
  readonly source: CatalogSource;
  /** How long a confirmation holds, ms. Bounds how late a change made past Weir is noticed. */
  readonly maxAgeMs: number;
  readonly now: () => number;
  /** A new version exists (to hand to the analysis workers) before anybody uses it. */
  readonly onLoaded: (catalog: Catalog) => void;
}

/** Creates a store; nothing is asked before the first confirm. */
export function createCatalogStore(options: CatalogStoreOptions): CatalogStore {
  const { source, now } = options;
  let index: CatalogIndex | undefined;
  let fingerprint: string | undefined;
  let confirmedAtMs = Number.NEGATIVE_INFINITY;
  let generation = 0;
  let running: { readonly generation: number; readonly promise: Promise<CatalogIndex> } | undefined;

  const check = async (): Promise<CatalogIndex> => {
    const started = generation;
    const startedAtMs = now();
    const seen = await source.fingerprint();
    if (index === undefined || seen !== fingerprint) {
      const catalog = await source.load();
      options.onLoaded(catalog);
      index = catalog.version === index?.catalog.version ? index : createCatalogIndex(catalog);
      fingerprint = seen;
    }
    if (started === generation) confirmedAtMs = startedAtMs;
    return index;
  };

  return {
    fresh: () => (now() - confirmedAtMs < options.maxAgeMs ? index : undefined),
    confirm() {
      if (running?.generation === generation) return running.promise;
      const promise = check().finally(() => {
        if (running?.promise === promise) running = undefined;
      });
      running = { generation, promise };
      return promise;
    },
    invalidate() {
      generation += 1;
      confirmedAtMs = Number.NEGATIVE_INFINITY;
    },
    close: () => source.close(),
  };
}
