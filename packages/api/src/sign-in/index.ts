export * from './authorization-server.ts';
export * from './code-flow.ts';
export * from './device-flow.ts';
export * from './dpop-key.ts';
export * from './machine-sign-in.ts';
export * from './password-sign-in.ts';
export * from './token-holder.ts';
