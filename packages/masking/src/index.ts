export * from './cell-mask.ts';
export { createPostgresCellMask, type PostgresCellMaskOptions } from './postgres/postgres-cell-mask.ts';
