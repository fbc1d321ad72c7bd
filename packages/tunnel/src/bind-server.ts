import { logVerbosity, type Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { WeirError } from '@weir/errors';
import type { ServerTls } from './gateway-end.ts';
import { withReceiveWindow } from './http2-window.ts';
import { formatAddress, type NetworkAddress } from './network-address.ts';

/** Credentials of a server; with `clientCa` only clients with a certificate of that CA get through the TLS handshake. */
export function serverCredentials({ certificate, key }: ServerTls, clientCa?: string): ServerCredentials {
  const pair = { cert_chain: Buffer.from(completeChain(certificate)), private_key: Buffer.from(key) };
  const ca = clientCa === undefined ? null : Buffer.from(clientCa);
  return ServerCredentials.createSsl(ca, [pair], clientCa !== undefined);
}

/** Chains are put together from files, and the last line of a PEM file often has no end. */
export function completeChain(certificate: string): string {
  return certificate.replaceAll('-----END CERTIFICATE----------', '-----END CERTIFICATE-----\n-----');
}

/** Listens; port 0 takes a free one. @returns where it listens. @throws WeirError conflict when the address cannot be had, invalid_request when certificate or key cannot be used */
export function bindServer(
  server: Server,
  listen: NetworkAddress,
  credentials: ServerCredentials,
  windowBytes: number,
): Promise<NetworkAddress> {
  // Failures are reported by rejecting; grpc-js would also print them, past the program's log.
  setLogVerbosity(logVerbosity.NONE);
  return new Promise((resolve, reject) => {
    withReceiveWindow(windowBytes, () => {
      server.bindAsync(formatAddress(listen), credentials, (error, port) => {
        if (error === null) resolve({ host: listen.host, port });
        else reject(bindFailure(error, listen));
      });
    });
  });
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
