import type { Problem } from '@weir/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GatewayConfig } from '../src/config/config-schema.ts';
import { networkOf } from '../src/http/rate-limits.ts';
import { createTokenBuckets, maxBuckets } from '../src/http/token-buckets.ts';
import { startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

describe('a bucket', () => {
  let nowMs = 0;
  const now = () => nowMs;

  test('gives what it has at once, then what is added', () => {
    const buckets = createTokenBuckets({ burst: 3, perSecond: 2 }, now);
    const take = () => buckets.take('a');
    expect([take(), take(), take()].map(({ isAllowed, remaining }) => [isAllowed, remaining])).toEqual([
      [true, 2],
      [true, 1],
      [true, 0],
    ]);
    expect(take()).toEqual({ isAllowed: false, remaining: 0, waitSeconds: 0.5 });
    nowMs += 499;
    expect(take().isAllowed).toBe(false);
    nowMs += 1;
    expect([take().isAllowed, take().isAllowed]).toEqual([true, false]);
    nowMs += 3_600_000;
    expect(take().remaining).toBe(2);
  });

  test('over any time gives no more than its burst and what was added', () => {
    const buckets = createTokenBuckets({ burst: 10, perSecond: 5 }, now);
    let allowed = 0;
    for (let step = 0; step < 1000; step += 1) {
      nowMs += (step * 7919) % 50;
      if (buckets.take('a').isAllowed) allowed += 1;
    }
    const seconds = Array.from({ length: 1000 }, (_, step) => (step * 7919) % 50).reduce((sum, ms) => sum + ms) / 1000;
    expect(allowed).toBeLessThanOrEqual(10 + seconds * 5);
    expect(allowed).toBeGreaterThan(seconds * 5 - 10);
  });

  test('of strangers takes bounded memory, and keeps those that ask all the time', () => {
    const buckets = createTokenBuckets({ burst: 2, perSecond: 0.01 }, now);
    for (let stranger = 0; stranger < maxBuckets * 2; stranger += 1) {
      buckets.take(String(stranger));
      if (stranger % 1000 === 0) buckets.take('busy');
    }
    expect(buckets.size).toBe(maxBuckets);
    expect(buckets.take('busy').isAllowed).toBe(false);
  });
});

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:0DB8:1::9', '2001:db8:1:0::/64'],
  ['2001:db8::1:2:3:4:5', '2001:db8:0:1::/64'],
  ['::1', '0:0:0:0::/64'],
  ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['nonsense', 'unknown'],
  ['', 'unknown'],
])('%s counts as %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

/** A gateway with small bounds; those that a test is not about stay wide. */
function limited(limits: Partial<GatewayConfig['api']['limits']>, trustedProxies: string[] = []): Promise<TestGateway> {
  return startTestGateway((config) => ({
    ...config,
    api: { ...config.api, trustedProxies, limits: { ...config.api.limits, ...limits } },
  }));
}

describe('of an address', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await limited({ address: { burst: 5, perSecond: 0.5 }, token: { burst: 2, perSecond: 1 } }, [
      '127.0.0.1',
    ]);
  });
  afterAll(() => gateway.close());
  const ask = async (address: string, path = '/api/v1/whoami', method = 'GET') => {
    const headers = { 'x-forwarded-for': address };
    const response = await fetch(`${gateway.gateway.addresses.api}${path}`, { method, headers, redirect: 'manual' });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text };
  };

  test('what is too much is refused with a reason, before it is looked at', async () => {
    for (let left = 4; left >= 0; left -= 1) {
      const { status, headers } = await ask('192.0.2.1');
      expect(status).toBe(401);
      expect(headers.get('ratelimit')).toMatch(new RegExp(`^"address";r=${left}(;t=\\d)?$`));
      expect(headers.get('ratelimit-policy')).toBe('"address";q=5;w=10');
    }
    const { status, headers, text } = await ask('192.0.2.1');
    const problem = JSON.parse(text) as Problem;
    expect([status, problem.code]).toEqual([429, 'rate_limited']);
    expect(problem.why).toBe('The bound is 5 at once, then 0.5 a second.');
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(2);
    expect(headers.get('x-request-id')).not.toBeNull();
    expect(headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  });

  test('others are not touched, and health never is', async () => {
    for (let count = 0; count < 6; count += 1) await ask('192.0.2.2');
    expect((await ask('192.0.2.2')).status).toBe(429);
    expect((await ask('192.0.2.3')).status).toBe(401);
    for (let count = 0; count < 10; count += 1) expect((await ask('192.0.2.2', '/healthz')).status).toBe(200);
  });

  test('hosts of one IPv6 network count together', async () => {
    for (let host = 1; host <= 5; host += 1) expect((await ask(`2001:db8::${host}`)).status).toBe(401);
    expect((await ask('2001:db8::6')).status).toBe(429);
    expect((await ask('2001:db8:0:1::1')).status).toBe(401);
  });

  test('pages, the authorization server and unknown paths count, too', async () => {
    const paths = ['/sign-in', '/oauth/jwks', '/nothing', '/.well-known/oauth-authorization-server', '/requests'];
    for (const path of paths) expect((await ask('192.0.2.4', path)).status).not.toBe(429);
    for (const path of paths) expect((await ask('192.0.2.4', path)).status).toBe(429);
  });

  test('tokens have a stricter bound of their own', async () => {
    const statuses = [];
    for (let count = 0; count < 3; count += 1) statuses.push((await ask('192.0.2.5', '/oauth/token', 'POST')).status);
    expect(statuses.slice(0, 2)).not.toContain(429);
    expect(statuses[2]).toBe(429);
    expect((await ask('192.0.2.5')).status).toBe(401);
  });
});

describe('of a principal', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await limited({ principal: { burst: 4, perSecond: 0.5 } });
  });
  afterAll(() => gateway.close());

  test('one account has one bound, whatever its tokens; others have their own', async () => {
    const statuses: number[] = [];
    for (let count = 0; count < 8; count += 1) statuses.push((await gateway.fetchAs('dave', '/api/v1/whoami')).status);
    expect(statuses).toContain(429);
    gateway.forget('dave');
    expect((await gateway.fetchAs('dave', '/api/v1/whoami')).status).toBe(429);
    const other = await gateway.fetchAs('alice', '/api/v1/whoami');
    expect(other.status).toBe(200);
    expect(other.headers.get('ratelimit')).toMatch(/^"address";r=\d+.*, "principal";r=3/);
  });

  test('the client waits as long as it is told, once', async () => {
    const bob = await gateway.as('bob');
    const startedMs = performance.now();
    for (let count = 0; count < 5; count += 1) await bob.whoami();
    expect(performance.now() - startedMs).toBeGreaterThan(900);
  });
});

describe('X-Forwarded-For of a stranger', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await limited({ signIn: { burst: 2, perSecond: 0.01 } }, ['203.0.113.0/24']);
  });
  afterAll(() => gateway.close());

  test('does not give another address', async () => {
    const statuses = [];
    for (let count = 0; count < 4; count += 1) {
      const headers = { 'x-forwarded-for': `192.0.2.${count}`, forwarded: `for=192.0.2.${count}` };
      const address = `${gateway.gateway.addresses.api}/sign-in/x`;
      statuses.push((await fetch(address, { method: 'POST', headers })).status);
    }
    expect(statuses.slice(2)).toEqual([429, 429]);
    expect(gateway.logLines.join('\n')).not.toContain('192.0.2.');
  });
});
