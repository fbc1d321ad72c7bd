export * from './cell-mask.ts';
