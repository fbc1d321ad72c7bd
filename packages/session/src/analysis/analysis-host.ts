import type { AnalysisRequest, AnalysisResult, Catalog } from '@weir/sql';
import { createAnalysisCache } from './analysis-cache.ts';
import { type AnalysisWorker, startAnalysisWorker, type WorkerOutcome } from './analysis-worker.ts';
import { createFairQueue } from './fair-queue.ts';

export interface AnalysisHostOptions {
  /** Threads; at least two, so that one slow statement does not stop everybody. */
  readonly workers?: number;
  /** Bound on the analysis of one text, ms. */
  readonly timeoutMs?: number;
  /** Longest text in UTF-16 units. */
  readonly maxTextLength?: number;
  /** Memory for results, bytes. */
  readonly cacheBytes?: number;
  /** Texts of one session that may wait. */
  readonly maxWaiting?: number;
  /** Functions outside pg_catalog, as schema.name, through which values flow from the arguments alone. */
  readonly trustedFunctions?: readonly string[];
}

/** Analysis in threads of its own, with the results of texts that came before kept on this side. */
export interface AnalysisHost {
  /** Makes a catalog known to all threads, before each use: those that have not been used for long are forgotten. Loading a known version again costs nothing. */
  loadCatalog(catalog: Catalog): void;
  /** Forgets a catalog and the results made with it. */
  dropCatalog(version: string): void;
  /** The result when it is known already (the same text in the same context); synchronous. */
  peek(request: AnalysisRequest, database: string): AnalysisResult | undefined;
  /** Never rejects: what goes wrong is a result that is not ok. `session` is who waits and pays for the time. */
  analyse(request: AnalysisRequest, database: string, session?: string): Promise<AnalysisResult>;
  /** Estimated bytes of kept results. */
  readonly cacheBytes: number;
  /** Ends the threads; what waits is answered with the problem `internal`. */
  close(): Promise<void>;
}

interface Job {
  readonly request: AnalysisRequest;
  readonly database: string;
  readonly resolve: (result: AnalysisResult) => void;
}

/** A thread that has parsed a text of more than this many UTF-16 units is replaced: the parser's memory never shrinks. */
const recycleAfter = 256 * 1024;

/** Catalogs that are kept, over all targets and sessions with objects of their own. A thread that needs another one gets it anew. */
const maxCatalogs = 32;

/** Starts the threads. */
export function createAnalysisHost(options: AnalysisHostOptions = {}): AnalysisHost {
  const count = Math.max(2, options.workers ?? 2);
  const timeoutMs = options.timeoutMs ?? 2000;
  const cache = createAnalysisCache(options.cacheBytes ?? 64 * 1024 * 1024);
  const queue = createFairQueue<Job>(count - 1, options.maxWaiting ?? 256);
  const catalogs = new Map<string, Catalog>();
  const idle: AnalysisWorker[] = [];
  const all = new Set<AnalysisWorker>();
  const ending = new Set<Promise<void>>();
  const waiting = createTally();
  let closed = false;
  const workerOptions = {
    ...(options.trustedFunctions === undefined ? {} : { trustedFunctions: options.trustedFunctions }),
    ...(options.maxTextLength === undefined ? {} : { maxText: options.maxTextLength }),
  };

  const start = () => {
    const worker: AnalysisWorker = startAnalysisWorker(workerOptions, timeoutMs, () => pump());
    for (const catalog of catalogs.values()) worker.load(catalog);
    all.add(worker);
    idle.push(worker);
  };
  const replace = (worker: AnalysisWorker) => {
    all.delete(worker);
    const stopped = worker.stop().finally(() => ending.delete(stopped));
    ending.add(stopped);
    if (!closed) start();
  };
  const finish = (worker: AnalysisWorker, session: string, job: Job, outcome: WorkerOutcome, elapsed: number) => {
    queue.done(session, elapsed);
    const result = resultOf(outcome, timeoutMs);
    const isSpent = outcome.outcome !== 'result' || job.request.text.length > recycleAfter;
    if (isSpent || (!result.ok && result.problem === 'internal')) replace(worker);
    else idle.push(worker);
    cache.set(job.request, job.database, result);
    job.resolve(result);
    pump();
  };
  const dropCatalog = (version: string) => {
    catalogs.delete(version);
    cache.drop(version);
    for (const worker of all) worker.drop(version);
  };
  const pump = () => {
    while (idle.length > 0 && !closed) {
      const next = queue.take();
      if (next === undefined) return;
      const worker = idle.pop() as AnalysisWorker;
      const started = performance.now();
      worker.run(next.work.request, (outcome) =>
        finish(worker, next.session, next.work, outcome, performance.now() - started),
      );
    }
  };

  for (let at = 0; at < count; at += 1) start();
  return {
    get cacheBytes() {
      return cache.bytes;
    },
    loadCatalog(catalog) {
      const isKnown = catalogs.delete(catalog.version);
      catalogs.set(catalog.version, catalog);
      if (isKnown) return;
      for (const worker of all) worker.load(catalog);
      for (const version of catalogs.keys()) {
        if (catalogs.size <= maxCatalogs) break;
        if (!waiting.has(version)) dropCatalog(version);
      }
    },
    dropCatalog,
    peek: (request, database) => cache.get(request, database),
    analyse(request, database, session = '') {
      const known = cache.get(request, database);
      if (known !== undefined) return Promise.resolve(known);
      if (closed) return Promise.resolve(refused('internal', 'the analysis has been stopped'));
      return new Promise<AnalysisResult>((resolve) => {
        waiting.add(request.catalogVersion);
        const settle = (result: AnalysisResult) => {
          waiting.remove(request.catalogVersion);
          resolve(result);
        };
        if (queue.add(session, { request, database, resolve: settle })) pump();
        else settle(refused('limit', 'too many statements of this session wait for their analysis'));
      });
    },
    async close() {
      closed = true;
      for (const job of queue.drain()) job.resolve(refused('internal', 'the analysis has been stopped'));
      await Promise.all([...[...all].map((worker) => worker.stop()), ...ending]);
      all.clear();
    },
  };
}

/** Counts uses by name. */
function createTally() {
  const counts = new Map<string, number>();
  const add = (name: string, by: number) => {
    const count = (counts.get(name) ?? 0) + by;
    if (count === 0) counts.delete(name);
    else counts.set(name, count);
  };
  return {
    add: (name: string) => add(name, 1),
    remove: (name: string) => add(name, -1),
    has: (name: string) => counts.has(name),
  };
}

function refused(problem: 'limit' | 'internal', message: string): AnalysisResult {
  return { ok: false, problem, message, position: null };
}

function resultOf(outcome: WorkerOutcome, timeoutMs: number): AnalysisResult {
  switch (outcome.outcome) {
    case 'result':
      return outcome.result;
    case 'timeout':
      return refused('limit', `the analysis of the statement took longer than ${timeoutMs} ms`);
    case 'stopped':
      return refused('internal', 'the analysis has been stopped');
    default:
      return refused(
        'internal',
        `the analysis thread failed: ${outcome.cause instanceof Error ? outcome.cause.message : 'unknown'}`,
      );
  }
}
