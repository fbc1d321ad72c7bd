export * from './message-number.ts';
