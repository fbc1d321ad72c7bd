export * from './encode-backend.ts';
export * from './encode-frontend.ts';
export { createPostgresEngine, type EngineOptions } from './engine.ts';
export * from './engine-host.ts';
export { asFatal, errorFields, fieldsOfThrown, fieldsOfWeirError, isFatal, tryErrorFields } from './error-fields.ts';
export {
  type FirstMessage,
  newestMinor,
  type PasswordFrame,
  parseFirstMessage,
  parsePasswordFrame,
  type StartupRequest,
} from './first-message.ts';
export { createMessageBoundary, type MessageBoundary } from './message-boundary.ts';
export { scramSha256, scramSha256Plus } from './scram.ts';
export { createScramServer, type ScramServer, type ScramServerOptions, type ScramStep } from './scram-server.ts';
export { makeMockScramVerifier, makeScramVerifier, type ScramVerifier } from './scram-verifier.ts';
export { type AdmittedParameters, admitStartupParameters, type RefusedParameter } from './startup-parameters.ts';
export {
  createUpstreamLogin,
  type LoginStep,
  type UpstreamLogin,
  type UpstreamLoginOptions,
  type UpstreamReady,
} from './upstream-login.ts';
