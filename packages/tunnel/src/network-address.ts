import { isIPv6 } from 'node:net';
import { WeirError } from '@weir/errors';

/** A TCP address. */
export interface NetworkAddress {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`, `1.2.3.4:port` or `[::1]:port`. @throws WeirError invalid_request */
export function parseAddress(text: string): NetworkAddress {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw new WeirError('invalid_request', `"${text}" is not an address.`, { fix: 'Write it as host:port.' });
  }
  return { host, port };
}

/** The same as text, as grpc-js and people read it. */
export function formatAddress({ host, port }: NetworkAddress): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
