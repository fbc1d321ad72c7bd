import type { AnalysisRequest, AnalysisResult, Catalog, PostgresAnalyserOptions } from '@weir/sql';

/** What the host sends to a worker. Catalogs come before the requests that name them. */
export type ToWorker =
  | { readonly kind: 'analyse'; readonly id: number; readonly request: AnalysisRequest }
  | { readonly kind: 'load'; readonly catalog: Catalog }
  | { readonly kind: 'drop'; readonly version: string };

/** What a worker answers: `ready` once, then one result per request. */
export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly id: number; readonly result: AnalysisResult };

/** workerData of an analysis worker. */
export type WorkerOptions = PostgresAnalyserOptions;
