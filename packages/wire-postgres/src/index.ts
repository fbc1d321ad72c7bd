export * from './encode-backend.ts';
export * from './encode-frontend.ts';
export { createPostgresEngine, type EngineOptions } from './engine.ts';
export * from './engine-host.ts';
export { asFatal, errorFields, fieldsOfWeirError, isFatal, tryErrorFields } from './error-fields.ts';
