import type { Socket } from 'node:net';
import { createServer, type TLSSocket, type TlsOptions, type Server as TlsServer } from 'node:tls';
import { logVerbosity, type Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { bindFailure, completeChain } from './bind-server.ts';
import type { ServerTls } from './gateway-end.ts';
import { withReceiveWindow } from './http2-window.ts';
import { laneProtocol } from './lane-socket.ts';
import type { NetworkAddress } from './network-address.ts';

/** What a port needs. With `tls.ca` only clients with a valid certificate of one of these CAs are let in. */
export interface TlsPortOptions {
  readonly listen: NetworkAddress;
  readonly tls: ServerTls & { readonly ca?: string };
  /** HTTP/2 receive window of gRPC connections, bytes. */
  readonly windowBytes: number;
  /** Takes the gRPC connections. */
  readonly grpc: Server;
  /** A client with a verified certificate asked for a lane. Absent = the port has no lanes. */
  onLane?(socket: TLSSocket): void;
  /** A client was not let in: OpenSSL's word for why, e.g. CERT_HAS_EXPIRED. */
  onRefused?(socket: TLSSocket, why: string): void;
}

/** The listening port. */
export interface TlsPort {
  readonly address: NetworkAddress;
  /** New connections use this. @throws WeirError invalid_request when certificate or key cannot be used; then nothing changes. */
  setTls(tls: ServerTls & { readonly ca?: string }): void;
  /** Takes no more connections and breaks those that are left. */
  close(): Promise<void>;
}

/**
 * Listens with TLS 1.3, then hands connections to gRPC or to a lane, as the client asked for by ALPN. Port 0 takes a free one.
 * @throws WeirError conflict when the address cannot be had, invalid_request when certificate or key cannot be used
 */
export async function openTlsPort(options: TlsPortOptions): Promise<TlsPort> {
  const { tls, listen, grpc, onLane } = options;
  setLogVerbosity(logVerbosity.NONE);
  // TLS has ended before a connection is injected, so to grpc-js it is one without.
  const injector = withReceiveWindow(options.windowBytes, () =>
    grpc.createConnectionInjector(ServerCredentials.createInsecure()),
  );
  const asksClients = tls.ca !== undefined;
  const sockets = new Set<Socket>();
  let server: TlsServer;
  try {
    server = createServer({
      ...contextOf(tls),
      requestCert: asksClients,
      // Looked at below: Node would end the connection without a word of it.
      rejectUnauthorized: false,
      ALPNProtocols: onLane === undefined ? ['h2'] : ['h2', laneProtocol],
      noDelay: true,
    });
  } catch (error) {
    throw bindFailure(error instanceof Error ? error : new Error(String(error)), listen);
  }
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    const why = asksClients ? whyRefused(socket) : undefined;
    if (why !== undefined) {
      options.onRefused?.(socket, why);
      socket.destroy();
    } else if (onLane !== undefined && socket.alpnProtocol === laneProtocol) onLane(socket);
    else injector.injectConnection(socket);
  });
  const address = await listenOn(server, listen);
  return {
    address,
    setTls: (next) => {
      try {
        server.setSecureContext(contextOf(next));
      } catch (error) {
        throw bindFailure(error instanceof Error ? error : new Error(String(error)), listen);
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // What was just written gets a moment to leave.
        setImmediate(() => {
          for (const socket of sockets) socket.destroySoon();
        });
      }),
  };
}

function contextOf({ certificate, key, ca }: ServerTls & { readonly ca?: string }): TlsOptions {
  return { cert: completeChain(certificate), key, minVersion: 'TLSv1.3', ...(ca === undefined ? {} : { ca }) };
}

/** A resumed session would skip the look at the certificate's dates and CA, so none is accepted. */
function whyRefused(socket: TLSSocket): string | undefined {
  if (!socket.authorized) return String(socket.authorizationError ?? 'it has no certificate');
  return socket.isSessionReused() ? 'it resumed a session' : undefined;
}

function listenOn(server: TlsServer, listen: NetworkAddress): Promise<NetworkAddress> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(bindFailure(error, listen)));
    server.listen(listen.port, listen.host, () => {
      const address = server.address();
      resolve({ host: listen.host, port: typeof address === 'object' ? (address?.port ?? 0) : 0 });
    });
  });
}
