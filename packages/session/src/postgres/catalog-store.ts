import { type CatalogIndex, createCatalogIndex } from '@weir/gate';
import { type Catalog, type CatalogStamp, type CatalogStamps, type CatalogUsage, createCatalogStamps } from '@weir/sql';

/** Rows in text form. */
export type TextRows = readonly (readonly (string | null)[])[];

/** How the store asks one database of one target. */
export interface CatalogSource {
  /** Changes whenever the catalog's content may have changed; cheap. */
  fingerprint(): Promise<string>;
  load(): Promise<Catalog>;
  /** What the server says now of the things that are used. */
  stamps(usage: CatalogUsage): Promise<readonly CatalogStamp[]>;
  close(): void;
}

/** The catalog of one database, shared by its channels. */
export interface CatalogStore {
  /** The catalog when it was confirmed less than `maxAgeMs` ago, else undefined. */
  fresh(): CatalogIndex | undefined;
  /** Confirms by fingerprint, loads when it changed. Callers share one round trip. @throws WeirError target_unavailable. */
  confirm(): Promise<CatalogIndex>;
  /**
   * Asks whether what is used is still as this catalog says; one question at a time, and callers that wait for the next one share it.
   * False = no: nothing is fresh until confirmed. @throws WeirError target_unavailable.
   */
  isCurrent(known: CatalogIndex, usage: CatalogUsage): Promise<boolean>;
  /** The lookups of a catalog, the same object for the same version. */
  indexOf(catalog: Catalog): CatalogIndex;
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

/** Versions whose lookups are kept: a change that is rolled back leads to the one before. */
const keptVersions = 8;

/** Creates a store; nothing is asked before the first confirm. */
export function createCatalogStore(options: CatalogStoreOptions): CatalogStore {
  const { source, now } = options;
  let index: CatalogIndex | undefined;
  let fingerprint: string | undefined;
  let confirmedAtMs = Number.NEGATIVE_INFINITY;
  let generation = 0;
  /** Of the last load of each content. */
  const stamps = new WeakMap<CatalogIndex, CatalogStamps>();
  let running: { readonly generation: number; readonly promise: Promise<CatalogIndex> } | undefined;

  const byVersion = new Map<string, CatalogIndex>();
  const indexOf = (catalog: Catalog): CatalogIndex => {
    const known = byVersion.get(catalog.version) ?? createCatalogIndex(catalog);
    byVersion.delete(catalog.version);
    byVersion.set(catalog.version, known);
    for (const oldest of byVersion.keys()) {
      if (byVersion.size <= keptVersions) break;
      byVersion.delete(oldest);
    }
    return known;
  };

  const check = async (): Promise<CatalogIndex> => {
    const started = generation;
    const startedAtMs = now();
    const seen = await source.fingerprint();
    if (index === undefined || seen !== fingerprint) {
      const catalog = await source.load();
      options.onLoaded(catalog);
      index = indexOf(catalog);
      stamps.set(index, createCatalogStamps(catalog.stamps ?? []));
      fingerprint = seen;
    }
    if (started === generation) confirmedAtMs = startedAtMs;
    return index;
  };

  const ask = createStampQuestions((usage) => source.stamps(usage));
  const invalidate = () => {
    generation += 1;
    confirmedAtMs = Number.NEGATIVE_INFINITY;
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
    async isCurrent(known, usage) {
      const answer = await ask(usage);
      if (answer.of(usage) === stamps.get(known)?.of(usage)) return true;
      invalidate();
      return false;
    },
    indexOf,
    invalidate,
    close: () => source.close(),
  };
}

/** Asks one question at a time; those that come meanwhile are asked together, so that none is answered by what the server said before it was put. */
function createStampQuestions(
  send: (usage: CatalogUsage) => Promise<readonly CatalogStamp[]>,
): (usage: CatalogUsage) => Promise<CatalogStamps> {
  let running: Promise<unknown> | undefined;
  let next: { readonly usages: CatalogUsage[]; readonly answer: Promise<CatalogStamps> } | undefined;
  const askNext = async (usages: readonly CatalogUsage[]): Promise<CatalogStamps> => {
    // How the question before ended is its own callers' concern.
    await running?.catch(() => undefined);
    running = next?.answer;
    next = undefined;
    const all = (names: (usage: CatalogUsage) => readonly string[]) => [...new Set(usages.flatMap(names))];
    return createCatalogStamps(
      await send({ relations: all((usage) => usage.relations), functions: all((usage) => usage.functions) }),
    );
  };
  return (usage) => {
    if (next === undefined) {
      const usages: CatalogUsage[] = [];
      next = { usages, answer: Promise.resolve().then(() => askNext(usages)) };
    }
    next.usages.push(usage);
    return next.answer;
  };
}
