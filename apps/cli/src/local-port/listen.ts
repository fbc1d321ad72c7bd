import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { WeirError } from '@weir/errors';
import { portsToTry } from './choose-port.ts';

/** A port on 127.0.0.1 that takes clients. */
export interface LocalPort {
  readonly port: number;
  /** Stops listening; clients that are connected stay. */
  close(): void;
}

/**
 * Listens for clients: on exactly `port` when it is given, else on the connection's stable port or the next free one.
 * @throws WeirError conflict when the port is taken, invalid_request when it may not be used.
 */
export async function listenLocally(
  wanted: { readonly connection: string; readonly port?: number | undefined },
  onClient: (socket: Socket) => void,
): Promise<LocalPort> {
  const candidates = wanted.port === undefined ? portsToTry(wanted.connection) : [wanted.port];
  for (const port of candidates) {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, onClient);
    try {
      await listen(server, port);
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code;
      if (code === 'EADDRINUSE' && wanted.port === undefined) continue;
      throw refusal(port, cause, code);
    }
    return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
  }
  throw new WeirError('conflict', 'No free local port was found.', { fix: 'Choose one: weir connect NAME --port N' });
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function refusal(port: number, cause: unknown, code: string | undefined): WeirError {
  const fix = 'Choose another port with --port N, or leave --port out.';
  if (code === 'EADDRINUSE') {
    return new WeirError('conflict', `Port ${port} is taken.`, { why: 'Another program listens on it.', fix, cause });
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  return new WeirError('invalid_request', `Port ${port} cannot be used.`, { why, fix, cause });
}
