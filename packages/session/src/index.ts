export * from './analysis/analysis-host.ts';
export { createSessionRuntime, type SessionRuntime, type SessionServices } from './runtime.ts';
