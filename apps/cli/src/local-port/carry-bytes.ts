import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isWeirError, WeirError } from '@weir/errors';

/** How a protocol ends a client whose way broke. */
export interface Farewell {
  /** Sees what goes to the client. */
  follow?(bytes: Buffer): void;
  /** Ends the client, with the reason where the protocol has a word for it. */
  say(error: WeirError): void;
}

/**
 * Carries a client's bytes to the front door and back: both ways with backpressure, each end closed on its own. Without a `farewell` a client whose way
 * breaks is cut: in SSH only the other end can say why. @returns a function that ends the client with an error of the caller.
 */
export function carryBytes(
  socket: Socket,
  openStream: () => Duplex,
  onOver: (error?: WeirError) => void,
  farewell: Farewell = { say: () => void socket.destroy() },
): (error: WeirError) => void {
  let isOver = false;
  const over = (error?: WeirError): void => {
    if (isOver) return;
    isOver = true;
    onOver(error);
  };
  const fail = (cause: unknown): void => {
    const error = isWeirError(cause)
      ? cause
      : new WeirError('gateway_unavailable', 'The connection to the gateway broke.', { cause });
    farewell.say(error);
    over(error);
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
  front.on('error', (error) => {
    front.unpipe(socket);
    // Unread input would turn the end into a reset, and the client would not read the error.
    socket.resume();
    fail(error);
  });
  socket.on('error', () => front.destroy());
  socket.on('close', () => {
    if (!front.readableEnded || !front.writableFinished) front.destroy();
    over();
  });
  front.on('close', () => {
    if (!socket.writableEnded) socket.end();
  });
  if (farewell.follow !== undefined) front.on('data', (bytes: Buffer) => farewell.follow?.(bytes));
  front.pipe(socket);
  socket.pipe(front);
  return (error) => {
    // The stream's own 'error' does the rest; a stream that is gone has told the client already.
    if (!front.destroyed) front.destroy(error);
  };
}
