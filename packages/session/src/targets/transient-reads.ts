import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';

/** Where all sockets of the process read: what arrived is handed over, and used, before the next read. */
const buffer = Buffer.allocUnsafeSlow(64 * 1024);
const takers = new WeakMap<Socket, (chunk: Buffer) => void>();
const transient = new WeakSet<Socket>();

/**
 * Opens a connection whose reads allocate nothing once readTransiently has been called. Until then its bytes come as ordinary 'data' events; bytes
 * that nobody listens for end it, because such a socket cannot keep them.
 */
export function connectTransient(options: TcpNetConnectOpts): Socket {
  const socket: Socket = connect({
    ...options,
    onread: {
      buffer,
      callback(length) {
        const take = takers.get(socket);
        if (take !== undefined) take(buffer.subarray(0, length));
        else if (!socket.emit('data', Buffer.from(buffer.subarray(0, length))))
          socket.destroy(new Error('it sent something that nobody asked for'));
        return true;
      },
    },
  });
  transient.add(socket);
  return socket;
}

/** From now on the socket's bytes go to `take`. A chunk may change as soon as `take` returns. The socket is paused and resumed as any other. */
export function readTransiently(socket: Socket, take: (chunk: Buffer) => void): void {
  if (transient.has(socket)) takers.set(socket, take);
  else socket.on('data', take);
}
