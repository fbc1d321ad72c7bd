import type { Duplex } from 'node:stream';

/** What node-postgres calls on a socket beside what every Duplex has. */
export interface SocketLike {
  connect(): void;
  setNoDelay(): void;
  setKeepAlive(): void;
  ref(): void;
  unref(): void;
}

/** Gives a byte stream that is open already the methods by which node-postgres opens a socket. */
export function asSocket(stream: Duplex): Duplex & SocketLike {
  const nothing = (): void => undefined;
  return Object.assign(stream, {
    connect: () => void setImmediate(() => stream.emit('connect')),
    setNoDelay: nothing,
    setKeepAlive: nothing,
    ref: nothing,
    unref: nothing,
  });
}
