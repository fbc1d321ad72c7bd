import type { PostgresTarget } from '@weir/proto';
import { connectTarget } from './postgres.ts';

const timeoutMs = 10_000;

/**
 * Sends a CancelRequest on a connection of its own (protocol, "Canceling Requests in Progress"), encrypted like the target's other connections:
 * servers take it in clear, too, but the key would be open to the network. The server answers by closing.
 */
export async function sendCancel(target: PostgresTarget, request: Buffer): Promise<void> {
  const socket = await connectTarget(target, timeoutMs);
  return new Promise((resolve, reject) => {
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    socket.once('error', reject);
    socket.once('close', () => resolve());
    socket.resume();
    socket.end(request);
  });
}
