/** A network: its number and how many bits of it count. */
interface Network {
  readonly width: 32 | 128;
  readonly number: bigint;
  readonly bits: number;
}

/**
 * Is the address in a list of addresses and networks (`10.0.0.0/8,2001:db8::/32`, as in source-address)? IPv4 addresses written as IPv6 ones (`::ffff:…`) count as IPv4.
 * A list with anything in it that is not understood includes nobody.
 */
export function includesAddress(list: string, address: string | undefined): boolean {
  const wanted = address === undefined ? undefined : tryNetwork(address);
  if (wanted === undefined || wanted.bits !== wanted.width) return false;
  const networks = list.split(',').map(tryNetwork);
  if (networks.includes(undefined)) return false;
  return networks.some((network) => {
    if (network === undefined || network.width !== wanted.width) return false;
    const rest = BigInt(network.width - network.bits);
    return network.number >> rest === wanted.number >> rest;
  });
}

function tryNetwork(text: string): Network | undefined {
  const [address = '', bitsText, ...more] = text.split('/');
  const parsed = address.includes(':') ? tryIpv6(address) : tryIpv4(address);
  if (parsed === undefined || more.length > 0) return undefined;
  const isMapped = parsed.width === 128 && parsed.number >> 32n === 0xffffn;
  const { number, width } = isMapped ? ({ number: parsed.number & 0xffff_ffffn, width: 32 } as const) : parsed;
  if (bitsText === undefined) return { number, width, bits: width };
  if (!/^\d{1,3}$/.test(bitsText)) return undefined;
  const bits = Number(bitsText) - (isMapped ? 96 : 0);
  return bits < 0 || bits > width ? undefined : { number, width, bits };
}

function tryIpv4(text: string): { number: bigint; width: 32 } | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return { width: 32, number: parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n) };
}

function tryIpv6(text: string): { number: bigint; width: 128 } | undefined {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted !== null) {
    const tail = tryIpv4(dotted[2] ?? '');
    if (tail === undefined) return undefined;
    return tryIpv6(`${dotted[1]}${(tail.number >> 16n).toString(16)}:${(tail.number & 0xffffn).toString(16)}`);
  }
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...new Array<string>(missing).fill('0'), ...tail];
  if (!groups.every((group) => /^[\da-f]{1,4}$/i.test(group))) return undefined;
  return { width: 128, number: groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n) };
}
