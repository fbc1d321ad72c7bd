export * from './access-messages.ts';
export * from './access-schemas.ts';
export * from './client.ts';
export * from './messages.ts';
export * from './routes.ts';
export * from './schemas.ts';
export * from './sign-in/index.ts';
