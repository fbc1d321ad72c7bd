import { AsyncLocalStorage } from 'node:async_hooks';
import http2 from 'node:http2';

/** Largest window that HTTP/2 admits (RFC 9113, 6.9.1) is 2^31 - 1; more than this helps no path we know. */
const maxWindowBytes = 64 * 1024 * 1024;
const defaultStreamWindow = 65_535;

interface WindowRequest {
  readonly bytes: number;
  readonly minVersion: 'TLSv1.3';
}
const requests = new AsyncLocalStorage<WindowRequest>();
let wrapped = false;

interface ServerOptions {
  readonly settings?: http2.Settings | undefined;
}

/** Settings of a server that is made inside withReceiveWindow; others are left alone. */
function enlarged<O extends ServerOptions>(options: O, request: WindowRequest): O {
  return {
    ...options,
    minVersion: request.minVersion,
    settings: { ...options.settings, initialWindowSize: request.bytes },
  };
}

/** Raises the connection's window; the settings above raise that of each stream only. */
function raiseSessions(server: http2.Http2Server | http2.Http2SecureServer, bytes: number): void {
  server.on('session', (session: http2.ServerHttp2Session) => {
    if (bytes > defaultStreamWindow) session.setLocalWindowSize(bytes);
  });
}

/** grpc-js calls these two functions through the module object, so replacing them there reaches it. */
function wrapOnce(): void {
  if (wrapped) return;
  wrapped = true;
  const { createServer, createSecureServer } = http2;
  http2.createServer = ((options: http2.ServerOptions, ...rest: never[]) => {
    const request = requests.getStore();
    const server = createServer(request === undefined ? options : enlarged(options, request), ...rest);
    if (request !== undefined) raiseSessions(server, request.bytes);
    return server;
  }) as typeof http2.createServer;
  http2.createSecureServer = ((options: http2.SecureServerOptions, ...rest: never[]) => {
    const request = requests.getStore();
    const server = createSecureServer(request === undefined ? options : enlarged(options, request), ...rest);
    if (request !== undefined) raiseSessions(server, request.bytes);
    return server;
  }) as typeof http2.createSecureServer;
}

/**
 * Runs `bind`; the HTTP/2 servers that it makes (also later, asynchronously) receive with a window of `bytes` per stream and connection, and speak TLS 1.3 only.
 * A grpc-js server has no option for this and stays at 64 KB, which is 1 MB/s at 20 ms of round trip. Other users of node:http2 are not touched.
 */
export function withReceiveWindow<T>(bytes: number, bind: () => T): T {
  wrapOnce();
  const clamped = Math.min(Math.max(bytes, defaultStreamWindow), maxWindowBytes);
  return requests.run({ bytes: clamped, minVersion: 'TLSv1.3' }, bind);
}
