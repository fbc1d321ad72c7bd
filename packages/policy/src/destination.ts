import { createGlob } from './glob.ts';
import { isInNetwork, tryNetwork } from './network.ts';
import type { ForwardDestination } from './ssh-statement.ts';

/** Does it match? `maybe`: a name stands where a network is meant, and what it resolves to is not known here. */
export type DestinationMatch = (destination: ForwardDestination) => 'yes' | 'no' | 'maybe';

/**
 * Compiles `HOST:PORT` (globs), `NETWORK:PORT` (`10.0.0.0/8:*`, `[fd00::/8]:22`) or a glob for the path of a socket (begins with `/`); undefined when
 * it is none of these.
 */
export function tryDestinationGlob(text: string): DestinationMatch | undefined {
  if (text.startsWith('/')) return socketMatch(text);
  const found = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(\d{1,5}|[\d*?]{1,5})$/.exec(text);
  if (found === null) return undefined;
  const [, bracketed, plain, port = '*'] = found;
  const host = bracketed ?? plain ?? '';
  const isPort = createGlob(port, { ignoreCase: false });
  const isHost = hostMatch(host);
  if (isHost === undefined) return undefined;
  return (destination) => {
    if (!('port' in destination) || !isPort(String(destination.port))) return 'no';
    return isHost(normaliseHost(destination.host));
  };
}

/** `host:port` (IPv6 in brackets) or the path, as sentences and conditions name it. */
export function destinationName(destination: ForwardDestination): string {
  if ('path' in destination) return destination.path;
  const host = normaliseHost(destination.host);
  return `${host.includes(':') ? `[${host}]` : host}:${destination.port}`;
}

/**
 * The host as rules see it: lower case, without a last dot; every form of IPv4 that inet_aton(3) takes (`127.1`, `0x7f000001`) as four numbers, also
 * inside IPv6; what means this host (`localhost`, nothing, `*`, `0.0.0.0`, `::`, `::1`) as 127.0.0.1.
 */
export function normaliseHost(host: string): string {
  const name = host
    .trim()
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
  const address = tryInetAton(name) ?? tryNetwork(name)?.bytes;
  if (address?.length === 4) return address.every((byte) => byte === 0) ? loopback : address.join('.');
  const isAny = address?.slice(0, 15).every((byte) => byte === 0) === true && (address[15] ?? 2) < 2;
  return isAny || thisHost.includes(name) ? loopback : name;
}

const loopback = '127.0.0.1';
const thisHost: readonly string[] = ['', '*', 'localhost', 'localhost4', 'localhost6', 'ip6-localhost', 'ip6-loopback'];

function socketMatch(pattern: string): DestinationMatch {
  const matches = createGlob(pattern, { ignoreCase: false });
  return (destination) => ('path' in destination && matches(destination.path) ? 'yes' : 'no');
}

function hostMatch(pattern: string): ((host: string) => 'yes' | 'no' | 'maybe') | undefined {
  if (/[*?]/.test(pattern)) {
    const matches = createGlob(pattern, { ignoreCase: true });
    return (host) => (matches(host) ? 'yes' : 'no');
  }
  const named = pattern.includes('/') ? pattern : normaliseHost(pattern);
  // The whole of 127.0.0.0/8 is this host.
  const network = named === loopback ? '127.0.0.0/8' : named;
  if (tryNetwork(network) === undefined) {
    return pattern.includes('/') ? undefined : (host) => (host === named ? 'yes' : 'no');
  }
  return (host) => {
    // A name may resolve to what is meant.
    if (tryNetwork(host) === undefined) return 'maybe';
    return isInNetwork(host, network) ? 'yes' : 'no';
  };
}

/** inet_aton(3): one to four parts, decimal, octal or hexadecimal, the last one fills what is left. */
function tryInetAton(text: string): number[] | undefined {
  const parts = text.split('.');
  if (parts.length > 4 || !parts.every((part) => /^(0x[0-9a-f]+|\d+)$/.test(part))) return undefined;
  const numbers = parts.map((part) => (/^0\d/.test(part) ? Number(`0o${part.slice(1)}`) : Number(part)));
  const last = numbers.pop() ?? 0;
  const missing = 4 - numbers.length;
  if (!numbers.every((value) => value <= 255) || !(last < 256 ** missing)) return undefined;
  return [
    ...numbers,
    ...Array.from({ length: missing }, (_, at) => Math.floor(last / 256 ** (missing - 1 - at)) % 256),
  ];
}
