import type { Socket } from 'node:net';
import { createServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import { logVerbosity, type Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { bindFailure, completeChain } from './bind-server.ts';
import type { ServerTls } from './gateway-end.ts';
import { withReceiveWindow } from './http2-window.ts';
import { laneProtocol } from './lane-socket.ts';
import type { NetworkAddress } from './network-address.ts';

/** What the tunnel port needs. */
export interface TunnelPortOptions {
  readonly listen: NetworkAddress;
  readonly tls: ServerTls & { readonly ca: string };
  /** HTTP/2 receive window of gRPC connections, bytes. */
  readonly windowBytes: number;
  /** Takes the gRPC connections. */
  readonly grpc: Server;
  /** A client with a verified certificate asked for a lane. */
  onLane(socket: TLSSocket): void;
}

/** The listening port. */
export interface TunnelPort {
  readonly address: NetworkAddress;
  /** Takes no more connections and breaks those that are left. */
  close(): Promise<void>;
}

/**
 * Listens for agents: TLS 1.3 with client certificates, then gRPC or a lane, as the client asked for by ALPN. Port 0 takes a free one.
 * @throws WeirError conflict when the address cannot be had, invalid_request when certificate or key cannot be used
 */
export async function openTunnelPort(options: TunnelPortOptions): Promise<TunnelPort> {
  const { tls, listen, grpc, onLane } = options;
  setLogVerbosity(logVerbosity.NONE);
  // TLS has ended before a connection is injected, so to grpc-js it is one without.
  const injector = withReceiveWindow(options.windowBytes, () =>
    grpc.createConnectionInjector(ServerCredentials.createInsecure()),
  );
  const sockets = new Set<Socket>();
  let server: TlsServer;
  try {
    server = createServer({
      cert: completeChain(tls.certificate),
      key: tls.key,
      ca: tls.ca,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['h2', laneProtocol],
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
    if (socket.alpnProtocol === laneProtocol) onLane(socket);
    else injector.injectConnection(socket);
  });
  const address = await listenOn(server, listen);
  return {
    address,
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

function listenOn(server: TlsServer, listen: NetworkAddress): Promise<NetworkAddress> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(bindFailure(error, listen)));
    server.listen(listen.port, listen.host, () => {
      const address = server.address();
      resolve({ host: listen.host, port: typeof address === 'object' ? (address?.port ?? 0) : 0 });
    });
  });
}
