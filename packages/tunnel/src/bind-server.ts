import type { Server } from '@grpc/grpc-js';
import { WeirError } from '@weir/errors';
import { formatAddress, type NetworkAddress } from './network-address.ts';

/** Chains are put together from files, and the last line of a PEM file often has no end. */
export function completeChain(certificate: string): string {
  return certificate.replaceAll('-----END CERTIFICATE----------', '-----END CERTIFICATE-----\n-----');
}

/** What went wrong when a server should listen, in the catalogue's words. */
export function bindFailure(error: Error, listen: NetworkAddress): WeirError {
  const aboutTls = 'code' in error && String(error.code).startsWith('ERR_OSSL');
  return aboutTls
    ? new WeirError('invalid_request', 'The TLS certificate or key of the server cannot be used.', {
        why: error.message,
        fix: 'Check that the PEM files are complete and belong together.',
        cause: error,
      })
    : new WeirError('conflict', `Cannot listen on ${formatAddress(listen)}.`, {
        why: error.message,
        fix: 'Choose another port, or stop the program that uses it.',
        cause: error,
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
