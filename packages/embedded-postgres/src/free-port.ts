import { createServer } from 'node:net';

/** A TCP port that is free on `host` now: `preferred` when it can be had, else one that the system chooses. Another process may still take it first. */
export async function findFreePort(preferred = 0, host = '127.0.0.1'): Promise<number> {
  return (await tryListen(preferred, host)) ?? (await tryListen(0, host)) ?? Promise.reject(new Error('no free port'));
}

function tryListen(port: number, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });
}
