/** A network as its number of bytes (4 or 16), its address and the length of its prefix in bits. */
export interface Network {
  readonly bytes: readonly number[];
  readonly prefix: number;
}

/** Reads `10.0.0.0/8`, `fd00::/8`, or one address; undefined when it is none of these or has bits set behind its prefix. */
export function tryNetwork(text: string): Network | undefined {
  const [address = '', length, ...rest] = text.split('/');
  const bytes = tryAddress(address);
  if (bytes === undefined || rest.length > 0) return undefined;
  if (length !== undefined && !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const prefix = length === undefined ? bytes.length * 8 : Number(length);
  if (prefix > bytes.length * 8) return undefined;
  const isClean = bytes.every((byte, at) => (byte & ~maskAt(prefix, at) & 0xff) === 0);
  return isClean ? { bytes, prefix } : undefined;
}

/** Is the address in the network? IPv4 inside IPv6 (`::ffff:10.1.2.3`) is IPv4. @throws RangeError when one of the two cannot be read. */
export function isInNetwork(address: string, network: string): boolean {
  const found = tryAddress(address);
  const wanted = tryNetwork(network);
  if (found === undefined || wanted === undefined) throw new RangeError(`not an address and a network: ${network}`);
  if (found.length !== wanted.bytes.length) return false;
  return found.every((byte, at) => (byte & maskAt(wanted.prefix, at)) === wanted.bytes[at]);
}

/** Mask of the byte at this place, for a prefix of so many bits. */
function maskAt(prefix: number, at: number): number {
  const bits = Math.min(8, Math.max(0, prefix - at * 8));
  return (0xff << (8 - bits)) & 0xff;
}

/** The bytes of an address: 4, or 16; undefined when it is none. A zone (`%eth0`) makes it none. */
function tryAddress(text: string): number[] | undefined {
  if (!text.includes(':')) return tryIpv4(text);
  const bytes = tryIpv6(text.toLowerCase());
  if (bytes === undefined) return undefined;
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return isMapped ? bytes.slice(12) : bytes;
}

function tryIpv4(text: string): number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part))) return undefined;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

function tryIpv6(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = tryGroups(halves[0] ?? '');
  const tail = tryGroups(halves[1] ?? '');
  if (head === undefined || tail === undefined) return undefined;
  if (halves.length === 1) return head.length === 16 ? head : undefined;
  const missing = 16 - head.length - tail.length;
  return missing >= 2 ? [...head, ...new Array<number>(missing).fill(0), ...tail] : undefined;
}

/** Groups of 16 bits; the last may be an IPv4 address. */
function tryGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  const bytes = groups.map((group, at) => {
    if (group.includes('.')) return at === groups.length - 1 ? tryIpv4(group) : undefined;
    if (!/^[0-9a-f]{1,4}$/.test(group)) return undefined;
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
  const known = bytes.filter((pair) => pair !== undefined);
  return known.length === bytes.length ? known.flat() : undefined;
}
