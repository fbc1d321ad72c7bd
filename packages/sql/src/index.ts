export * from './analysis.ts';
export * from './catalog.ts';
export { createPostgresAnalyser, type PostgresAnalyser, type PostgresAnalyserOptions } from './postgres/analyser.ts';
export { buildCatalog, type CatalogAnswers, type CatalogRow } from './postgres/build-catalog.ts';
export { catalogFingerprintQuery, catalogQueries } from './postgres/catalog-queries.ts';
