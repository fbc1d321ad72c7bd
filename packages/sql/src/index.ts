export * from './analysis.ts';
export * from './catalog.ts';
