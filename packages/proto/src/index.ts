export * from './channel.ts';
export * from './names.ts';
