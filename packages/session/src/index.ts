export * from './analysis/analysis-host.ts';
export { type CredentialUse, createSessionRuntime, type SessionRuntime, type SessionServices } from './runtime.ts';
