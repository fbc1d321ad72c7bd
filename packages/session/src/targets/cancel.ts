import { connect } from 'node:net';
import type { PostgresTarget } from '@weir/proto';

const timeoutMs = 10_000;

/** Sends a CancelRequest on a connection of its own (protocol, "Canceling Requests in Progress"); the server answers by closing it. */
export function sendCancel(target: PostgresTarget, request: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const isPath = target.host.startsWith('/');
    const socket = isPath
      ? connect({ path: `${target.host}/.s.PGSQL.${target.port}` })
      : connect({ host: target.host, port: target.port });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    socket.once('connect', () => socket.end(request));
    socket.once('error', reject);
    socket.once('close', () => resolve());
    socket.resume();
  });
}
