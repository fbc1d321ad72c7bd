export * from './analysis.ts';
export * from './catalog.ts';
export { createPostgresAnalyser, type PostgresAnalyser, type PostgresAnalyserOptions } from './postgres/analyser.ts';
export { buildCatalog, type CatalogAnswers, type CatalogRow } from './postgres/build-catalog.ts';
export { catalogFingerprintQuery, catalogQueries } from './postgres/catalog-queries.ts';
export {
  type CatalogLookup,
  type CatalogStamp,
  type CatalogStamps,
  type CatalogUsage,
  catalogStampQuery,
  createCatalogStamps,
  prepareCatalogStamps,
  usageToConfirm,
} from './postgres/catalog-stamps.ts';
