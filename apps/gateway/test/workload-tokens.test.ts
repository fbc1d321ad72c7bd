import { parsePolicies } from '@weir/policy';
import { startWorkloadIssuer, type WorkloadIssuer } from '@weir/testkit';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createIssuerKeys } from '../src/identity/workload/issuer-keys.ts';
import { TokenProblem, verifyToken } from '../src/identity/workload/verify-token.ts';

let issuer: WorkloadIssuer;
let evil: WorkloadIssuer;
beforeAll(async () => {
  [issuer, evil] = await Promise.all([startWorkloadIssuer(), startWorkloadIssuer()]);
});
afterAll(async () => {
  await Promise.all([issuer.close(), evil.close()]);
});

let offsetMs = 0;
const now = () => Date.now() + offsetMs;
let keys = createIssuerKeys({ fetch, now });
beforeEach(() => {
  offsetMs = 0;
  keys = createIssuerKeys({ fetch, now });
  issuer.instead.clear();
  issuer.asked.length = 0;
  evil.asked.length = 0;
});

const claims = { sub: 'repo:acme/shop', repository: 'acme/shop', ref: 'refs/heads/main' };
const ruleText = (more = '') => `apiVersion: weir.dev/v1
kind: WorkloadTrust
metadata: { name: deploys }
spec:
  issuer: ${issuer.url}
  audience: weir
  claims: { repository: acme/shop, ref: refs/heads/main }
  identity: ci-shop
${more}`;
const verify = (token: string, policy = ruleText(), wanted?: string) =>
  verifyToken(token, wanted, { documents: parsePolicies(policy, 'p'), keys, now });

/** Why it is refused, and whether its claims were shown to be true. */
async function refusalOf(token: string, policy?: string): Promise<{ why: string; hasClaims: boolean }> {
  try {
    await verify(token, policy);
  } catch (error) {
    if (error instanceof TokenProblem) return { why: error.why, hasClaims: error.claims !== undefined };
    throw error;
  }
  throw new Error('the token was taken');
}

const seconds = (ms = 0) => Math.floor((Date.now() + ms) / 1000);
const rule = async () => (await verify(await issuer.sign(claims))).rule.name;

describe('a token of the issuer', () => {
  test('is taken, and keys are read once', async () => {
    const found = await verify(await issuer.sign(claims));
    expect(found).toMatchObject({ rule: { name: 'deploys' }, claims });
    expect(await rule()).toBe('deploys');
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration', '/jwks']);
  });

  test.each([
    ['just expired', { exp: seconds(-50_000) }],
    ['not valid for a moment yet', { nbf: seconds(50_000) }],
    ['from a clock that is ahead', { iat: seconds(50_000) }],
    ['with several audiences', { aud: ['weir', 'other'] }],
  ])('is taken when it is %s', async (_what, change) => {
    expect((await verify(await issuer.sign({ ...claims, ...change }))).rule.name).toBe('deploys');
  });

  test('with a new key is taken at once, with the old one no longer', async () => {
    const old = await issuer.sign(claims);
    expect(await rule()).toBe('deploys');
    await issuer.rotate();
    offsetMs = 31_000;
    expect(await rule()).toBe('deploys');
    expect((await refusalOf(old)).why).toBe('no key of the issuer has signed it');
  });

  test('whose keys are in the rule is taken without asking anybody', async () => {
    const own = ruleText(`  jwks: ${JSON.stringify({ keys: issuer.keys })}\n`);
    expect((await verify(await issuer.sign(claims), own)).rule.name).toBe('deploys');
    expect(issuer.asked).toEqual([]);
  });
});

describe('nothing is given for', () => {
  test.each<[string, () => Promise<string>, string, boolean]>([
    ['the same claims of another issuer', () => evil.sign(claims), 'no rule trusts the issuer http://127.0.0.1', false],
    [
      'the name of the issuer with a key of another',
      () => evil.sign({ ...claims, iss: issuer.url }),
      'no key of the issuer has signed it',
      false,
    ],
    [
      'the key id of the issuer with a key of another',
      () => evil.sign({ ...claims, iss: issuer.url }, { kid: issuer.keys[0]?.kid ?? '' }),
      'its signature or form is wrong',
      false,
    ],
    [
      'a token that says where its key is',
      () => evil.sign({ ...claims, iss: issuer.url }, { jku: `${evil.url}/jwks`, jwk: evil.keys[0] ?? {} }),
      'no key of the issuer has signed it',
      false,
    ],
    [
      'no signature (alg none)',
      () => issuer.forge(claims, 'unsigned'),
      'its signature algorithm is not accepted',
      false,
    ],
    [
      'a signature by the public key as shared secret (HS256)',
      () => issuer.forge(claims, 'public-key-as-secret'),
      'its signature algorithm is not accepted',
      false,
    ],
    [
      'changed claims',
      async () => {
        const [header, , signature] = (await issuer.sign({ ...claims, repository: 'mallory/x' })).split('.');
        const [, payload] = (await issuer.sign(claims)).split('.');
        return [header, payload, signature].join('.');
      },
      'its signature or form is wrong',
      false,
    ],
    ['another audience', () => issuer.sign({ ...claims, aud: 'other' }), 'its audience is "other", not "weir"', true],
    ['no audience', () => issuer.sign({ ...claims, aud: undefined }), 'its audience is null', true],
    ['an expired token', () => issuer.sign({ ...claims, exp: seconds(-62_000) }), 'it has expired', false],
    [
      'a token without an end',
      () => issuer.sign({ ...claims, exp: undefined }),
      'its claim exp is missing or wrong',
      false,
    ],
    ['a token that is not valid yet', () => issuer.sign({ ...claims, nbf: seconds(90_000) }), 'its claim nbf', false],
    ['a token from the future', () => issuer.sign({ ...claims, iat: seconds(90_000) }), 'it is from the future', false],
    [
      'a token of yesterday that lives long',
      () => issuer.sign({ ...claims, iat: seconds(-90_000_000), exp: seconds(1e9) }),
      'it was issued more than a day ago',
      false,
    ],
    ['a token without its moment', () => issuer.sign({ ...claims, iat: undefined }), 'its claim iat', false],
    [
      'another repository',
      () => issuer.sign({ ...claims, repository: 'acme/shop-evil' }),
      'its claim repository is "acme/shop-evil"',
      true,
    ],
    [
      'a pull request',
      () => issuer.sign({ ...claims, event_name: 'pull_request_target' }),
      'its claim event_name is "pull_request_target"',
      true,
    ],
    ['a large token', () => issuer.sign({ ...claims, x: 'x'.repeat(17_000) }), 'it is longer than 16384', false],
    ['something else', async () => 'weir-token', 'it is no signed token', false],
    ['something else with dots', async () => 'a.b.c', 'it is no signed token', false],
    ['nothing', async () => '', 'it is no signed token', false],
    ['an issuer that is a list', () => issuer.sign({ ...claims, iss: [issuer.url] }), 'it names no issuer', false],
  ])('%s', async (_what, make, why, hasClaims) => {
    const found = await refusalOf(await make());
    expect(found.why).toContain(why);
    expect(found.hasClaims).toBe(hasClaims);
    expect(evil.asked).toEqual([]);
  });

  test('an unknown critical header', async () => {
    const token = await issuer.sign(claims, { crit: ['b64'], b64: true });
    expect((await verify(token)).rule.name).toBe('deploys');
    const odd = Buffer.from(JSON.stringify({ alg: 'RS256', crit: ['x'], x: 1 })).toString('base64url');
    const [, payload, signature] = (await issuer.sign(claims)).split('.');
    expect((await refusalOf([odd, payload, signature].join('.'))).why).toContain('is wrong');
  });

  test('a key for encryption, or of another kind', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const token = await new SignJWT({ ...claims, iss: issuer.url, aud: 'weir' } as JWTPayload)
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey);
    const withKeys = (key: object) => ruleText(`  jwks: ${JSON.stringify({ keys: [key] })}\n`);
    const jwk = await exportJWK(publicKey);
    expect((await verify(token, withKeys(jwk))).rule.name).toBe('deploys');
    expect((await refusalOf(token, withKeys({ ...jwk, use: 'enc' }))).why).toContain('no key of the issuer');
    expect((await refusalOf(token, withKeys(issuer.keys[0] ?? {}))).why).toContain('no key of the issuer');
  });
});

describe('an issuer that', () => {
  const discovery = '/.well-known/openid-configuration';
  test.each<[string, string, () => { status: number; body: string; location?: string }, string]>([
    ['answers with an error', discovery, () => ({ status: 503, body: '' }), 'answers with status 503'],
    ['answers with something else', '/jwks', () => ({ status: 200, body: '<html>' }), 'something else than JSON'],
    ['has no keys', '/jwks', () => ({ status: 200, body: '{}' }), 'not in the form of RFC 7517'],
    ['has none of them', '/jwks', () => ({ status: 200, body: '{"keys":[]}' }), 'no key of the issuer has signed it'],
    ['sends too much', '/jwks', () => ({ status: 200, body: `"${'x'.repeat(300_000)}"` }), 'larger than'],
    [
      'leads to another server',
      '/jwks',
      () => ({ status: 302, body: '', location: `${evil.url}/jwks` }),
      'does not answer',
    ],
    [
      'has its keys on another server',
      discovery,
      () => ({ status: 200, body: JSON.stringify({ issuer: issuer.url, jwks_uri: `${evil.url}/jwks` }) }),
      'the keys are on another server',
    ],
    [
      'describes another one',
      discovery,
      () => ({ status: 200, body: JSON.stringify({ issuer: evil.url, jwks_uri: `${issuer.url}/jwks` }) }),
      'of another issuer',
    ],
  ])('%s: nothing is given, and no other server is asked', async (_what, path, answer, why) => {
    issuer.instead.set(path, answer());
    expect((await refusalOf(await issuer.sign(claims))).why).toContain(why);
    expect(evil.asked).toEqual([]);
  });

  test('is down: nothing is given, it is left alone for a moment, and then all is well again', async () => {
    issuer.instead.set('/jwks', { status: 500, body: '' });
    for (let attempt = 0; attempt < 5; attempt++) {
      expect((await refusalOf(await issuer.sign(claims))).why).toContain('its signature cannot be checked');
    }
    expect(issuer.asked.filter((path) => path === '/jwks')).toHaveLength(1);
    issuer.instead.clear();
    offsetMs = 6000;
    expect(await rule()).toBe('deploys');
  });

  test('went down is believed for ten minutes, and no longer', async () => {
    expect(await rule()).toBe('deploys');
    issuer.instead.set('/jwks', { status: 500, body: '' });
    const later = await issuer.sign({ ...claims, exp: seconds(3e6) });
    offsetMs = 590_000;
    expect((await verify(later)).rule.name).toBe('deploys');
    offsetMs = 610_000;
    expect((await refusalOf(later)).why).toContain('its signature cannot be checked');
  });

  test('is not asked for each token with an invented key', async () => {
    expect(await rule()).toBe('deploys');
    for (let attempt = 0; attempt < 5; attempt++) {
      await refusalOf(await evil.sign({ ...claims, iss: issuer.url }));
    }
    expect(issuer.asked.filter((path) => path === '/jwks')).toHaveLength(1);
  });
});
