import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { WeirError } from '@weir/errors';
import { createMessageBoundary, encodeErrorResponse, fieldsOfWeirError } from '@weir/wire-postgres';
import { carryBytes } from './carry-bytes.ts';

/**
 * Carries the bytes of a PostgreSQL client. When the way breaks, the client reads why as a FATAL error, as long as no message is cut by it.
 * @returns a function that ends the client with an error of the caller.
 */
export function carry(
  socket: Socket,
  openStream: () => Duplex,
  onOver: (error?: WeirError) => void,
): (error: WeirError) => void {
  const boundary = createMessageBoundary();
  return carryBytes(socket, openStream, onOver, {
    follow: (bytes) => boundary.follow(bytes),
    say(error) {
      if (boundary.isBetweenMessages && socket.writable)
        socket.end(encodeErrorResponse(fieldsOfWeirError(error, 'FATAL')));
      else socket.destroy();
    },
  });
}
