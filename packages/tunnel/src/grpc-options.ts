import type { ChannelOptions, ServerOptions } from '@grpc/grpc-js';
import { maxControlFrameBytes } from './lane-channel.ts';

/** Default HTTP/2 receive window of tunnel connections, bytes: 80 MB/s and more at 20 ms of round trip. */
export const tunnelWindowBytes = 8 * 1024 * 1024;
/** Default HTTP/2 receive window of front door connections, bytes. */
export const frontWindowBytes = 4 * 1024 * 1024;

const maxMessageBytes = maxControlFrameBytes + 64 * 1024;

/** Options of every client channel: a connection of its own, no retries (a lane is not repeatable), dead peers found by pings. */
export function clientOptions(windowBytes: number): ChannelOptions {
  return {
    'grpc-node.flow_control_window': windowBytes,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.keepalive_time_ms': 15_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': -1,
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_channelz': 0,
    'grpc.enable_http_proxy': 0,
  };
}

/** Options of both servers. */
export const serverOptions: ServerOptions = {
  'grpc.keepalive_time_ms': 15_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_receive_message_length': maxMessageBytes,
  'grpc.max_send_message_length': -1,
  'grpc.enable_channelz': 0,
};
