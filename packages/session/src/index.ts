export * from './analysis/analysis-host.ts';
export { createSessionRuntime, type SessionRuntime } from './runtime.ts';
export type { CredentialUse, SessionServices } from './session-services.ts';
