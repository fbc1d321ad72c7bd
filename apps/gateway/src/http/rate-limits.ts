import { isIPv4, isIPv6 } from 'node:net';
import { WeirError } from '@weir/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayConfig } from '../config/config-schema.ts';
import { pathOf } from './path-of.ts';
import { createTokenBuckets, type Taken } from './token-buckets.ts';

/** Bounds of how often somebody may ask. */
export interface RateLimits {
  /** Counts a request by the address it comes from, and more strictly when it signs somebody in. @throws WeirError rate_limited. */
  ofAddress(request: FastifyRequest, reply: FastifyReply): void;
  /** Counts a request of somebody who is signed in. @throws WeirError rate_limited. */
  ofPrincipal(id: string, reply: FastifyReply): void;
}

/** Makes the limits. `now` is milliseconds of a clock that never goes back. */
export function createRateLimits(limits: GatewayConfig['api']['limits'], now: () => number): RateLimits {
  const bounds = {
    address: createTokenBuckets(limits.address, now),
    principal: createTokenBuckets(limits.principal, now),
    signIn: createTokenBuckets(limits.signIn, now),
    token: createTokenBuckets(limits.token, now),
  };
  const count = (name: keyof typeof bounds, key: string, reply: FastifyReply): void => {
    const { burst, perSecond } = limits[name];
    const taken = bounds[name].take(key);
    tell(reply, name, taken, `"${name}";q=${burst};w=${Math.ceil(burst / perSecond)}`);
    if (taken.isAllowed) return;
    const seconds = Math.ceil(taken.waitSeconds);
    void reply.header('retry-after', String(seconds));
    throw new WeirError('rate_limited', `Too many requests ${whose[name]}.`, {
      why: `The bound is ${burst} at once, then ${perSecond} a second.`,
      fix: `Wait ${seconds} s, then send it again. An administrator of the gateway may change api.limits.${name} in its configuration.`,
    });
  };
  return {
    ofAddress: (request, reply) => {
      const key = networkOf(request.ip);
      count('address', key, reply);
      const kind = kindOf(request.method, request.url);
      if (kind !== undefined) count(kind, key, reply);
    },
    ofPrincipal: (id, reply) => count('principal', id, reply),
  };
}

const whose = {
  address: 'from your address',
  principal: 'by your account',
  signIn: 'to sign in from your address',
  token: 'for tokens from your address',
};

/** Says in the answer what is left (draft-ietf-httpapi-ratelimit-headers), one item for each bound. */
function tell(reply: FastifyReply, name: string, { remaining, waitSeconds }: Taken, policy: string): void {
  const left = `"${name}";r=${remaining}${waitSeconds > 0 ? `;t=${Math.ceil(waitSeconds)}` : ''}`;
  for (const [header, item] of [
    ['ratelimit-policy', policy],
    ['ratelimit', left],
  ] as const) {
    const before = reply.getHeader(header);
    void reply.header(header, before === undefined ? item : `${String(before)}, ${item}`);
  }
}

/** Requests at which secrets are guessed, or that cost much. */
function kindOf(method: string, url: string): 'signIn' | 'token' | undefined {
  if (method !== 'POST') return undefined;
  const path = pathOf(url);
  if (/^\/(sign-in|device|step-up)(\/|$)/.test(path) || path === '/oauth/device') return 'signIn';
  return path.startsWith('/oauth/') ? 'token' : undefined;
}

/** What counts as one address: an IPv4 address, or the /64 network of an IPv6 one, of which one host has as many as it likes. */
export function networkOf(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined || isIPv4(address)) return mapped ?? address;
  const [plain = ''] = address.split('%', 1);
  if (!isIPv6(plain)) return 'unknown';
  const [head = '', tail] = plain.toLowerCase().split('::', 2);
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  // A dotted tail stands for two groups.
  const width = groups.length + rest.length + (rest.at(-1)?.includes('.') === true ? 1 : 0);
  const all = tail === undefined ? groups : [...groups, ...Array<string>(Math.max(0, 8 - width)).fill('0'), ...rest];
  const network = all.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}
