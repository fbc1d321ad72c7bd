export * from '../gen/weir/tunnel/v1/tunnel_pb.js';
export * from './channel.ts';
export * from './join-token.ts';
export * from './names.ts';
export * from './recovery.ts';
