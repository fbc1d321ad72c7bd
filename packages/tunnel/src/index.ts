export * from './agent-end.ts';
export { type Clock, systemClock } from './clock.ts';
export * from './frame.ts';
export * from './front-door.ts';
export * from './gateway-end.ts';
export * from './lane.ts';
