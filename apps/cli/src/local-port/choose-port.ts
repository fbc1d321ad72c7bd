import { createHash } from 'node:crypto';

/** Local ports are taken from here: below 32768, where systems begin to give ports to outgoing connections. */
const firstPort = 20_000;
const lastPort = 32_767;

/** The port that a connection has on this machine whenever it is free. */
export function stablePort(connection: string): number {
  const hash = createHash('sha256').update(connection).digest().readUInt32BE(0);
  return firstPort + (hash % (lastPort - firstPort + 1));
}

/** Ports to try in order: the stable one, then the next ones, wrapping at the end of the range; at most `count`. */
export function portsToTry(connection: string, count = 200): number[] {
  const size = lastPort - firstPort + 1;
  const start = stablePort(connection) - firstPort;
  return Array.from({ length: count }, (_, step) => firstPort + ((start + step) % size));
}
