import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isWeirError, WeirError } from '@weir/errors';
import { createMessageBoundary, encodeErrorResponse, fieldsOfWeirError } from '@weir/wire-postgres';

/**
 * Carries a client's bytes to the front door and back: both ways with backpressure, each end closed on its own. When the way breaks, the client
 * reads why as a FATAL error, as long as no message is cut by it. @returns a function that ends the client with an error of the caller.
 */
export function carry(
  socket: Socket,
  openStream: () => Duplex,
  onOver: (error?: WeirError) => void,
): (error: WeirError) => void {
  const boundary = createMessageBoundary();
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
    if (boundary.isBetweenMessages && socket.writable)
      socket.end(encodeErrorResponse(fieldsOfWeirError(error, 'FATAL')));
    else socket.destroy();
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
  front.on('data', (bytes: Buffer) => boundary.follow(bytes));
  front.pipe(socket);
  socket.pipe(front);
  return (error) => {
    // The stream's own 'error' does the rest; a stream that is gone has told the client already.
    if (!front.destroyed) front.destroy(error);
  };
}
