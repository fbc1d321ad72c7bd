export * from './analysis.ts';
export * from './catalog.ts';
export { createPostgresAnalyser, type PostgresAnalyser, type PostgresAnalyserOptions } from './postgres/analyser.ts';
