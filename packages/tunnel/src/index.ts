export * from './frame.ts';
export * from './lane.ts';
