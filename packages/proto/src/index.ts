export * from './channel.ts';
export * from '../gen/weir/tunnel/v1/tunnel_pb.js';
export * from './names.ts';
