export * from './engine-host.ts';
