import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isWeirError, WeirError } from '@weir/errors';

/**
 * Carries a client's bytes to the front door and back, of a protocol in which only the other end can say why it ends (SSH). Both ways with
 * backpressure, each end closed on its own. @returns a function that ends the client.
 */
export function carryBytes(
  socket: Socket,
  openStream: () => Duplex,
  onOver: (error?: WeirError) => void,
): (error: WeirError) => void {
  let isOver = false;
  const over = (error?: WeirError): void => {
    if (isOver) return;
    isOver = true;
    onOver(error);
  };
  const fail = (cause: unknown): void => {
    socket.destroy();
    over(
      isWeirError(cause)
        ? cause
        : new WeirError('gateway_unavailable', 'The connection to the gateway broke.', { cause }),
    );
  };
  let front: Duplex;
  try {
    front = openStream();
  } catch (error) {
    socket.on('error', () => socket.destroy());
    fail(error);
    return fail;
  }
  socket.setNoDelay(true);
  front.on('error', fail);
  socket.on('error', () => front.destroy());
  socket.on('close', () => {
    if (!front.readableEnded || !front.writableFinished) front.destroy();
    over();
  });
  front.on('close', () => {
    if (!socket.writableEnded) socket.end();
  });
  front.pipe(socket);
  socket.pipe(front);
  return (error) => {
    if (!front.destroyed) front.destroy(error);
  };
}
