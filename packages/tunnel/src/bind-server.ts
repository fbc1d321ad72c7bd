import type { Server, ServerCredentials } from '@grpc/grpc-js';
import { WeirError } from '@weir/errors';
import { withReceiveWindow } from './http2-window.ts';
import { formatAddress, type NetworkAddress } from './network-address.ts';

/** Listens; port 0 takes a free one. @returns where it listens. @throws WeirError conflict when the address cannot be had */
export function bindServer(
  server: Server,
  listen: NetworkAddress,
  credentials: ServerCredentials,
  windowBytes: number,
): Promise<NetworkAddress> {
  return new Promise((resolve, reject) => {
    withReceiveWindow(windowBytes, () => {
      server.bindAsync(formatAddress(listen), credentials, (error, port) => {
        if (error === null) resolve({ host: listen.host, port });
        else {
          reject(
            new WeirError('conflict', `Cannot listen on ${formatAddress(listen)}.`, {
              why: error.message,
              fix: 'Choose another port, or stop the program that uses it.',
              cause: error,
            }),
          );
        }
      });
    });
  });
}

/** Ends all connections and frees the port. */
export function shutDown(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // Statuses that were just sent get one turn to leave.
    setImmediate(() => {
      server.tryShutdown(() => resolve());
      server.forceShutdown();
    });
  });
}
