export * from './principal.ts';
export * from './statement.ts';
export * from './verdict.ts';
