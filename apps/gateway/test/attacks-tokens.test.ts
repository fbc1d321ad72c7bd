import { createDpopKey, createTokenHolder, sha256 } from '@weir/api';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, importJWK, type JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Changes, forgeProof, forgeToken, gatewayKeys } from './fixture/forged-tokens.ts';
import { failure, type Holder, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

let gateway: TestGateway;
/** Somebody whose tokens are stolen. */
let alice: Holder;
/** The thief's own key. */
let thief: Awaited<ReturnType<typeof createDpopKey>>;
beforeAll(async () => {
  gateway = await startTestGateway();
  alice = await gateway.signIn('alice');
  thief = await createDpopKey();
});
afterAll(() => gateway.close());

const path = '/api/v1/whoami';
const url = () => gateway.gateway.addresses.api + path;
const now = () => Math.floor(Date.now() / 1000);
const ath = () => sha256(alice.tokens.accessToken);
/** Claims of a proof for this very request. */
const usual = async () => ({ htm: 'GET', htu: url(), ath: await ath() });
const send = (headers: Record<string, string>) => gateway.fetch(url(), { headers });
const refusals = async () => (await gateway.as('admin')).listAuditEvents({ action: 'token-refused', limit: 1000 });

/** Expects that the request gets nothing, and that the log says why. */
async function getsNothing(headers: Record<string, string>, why: RegExp): Promise<void> {
  const before = (await refusals()).length;
  const response = await send(headers);
  expect(response.status).toBe(401);
  const problem = (await response.json()) as Record<string, unknown>;
  expect(problem['code']).toBe('sign_in_required');
  expect(JSON.stringify(problem)).not.toContain('alice');
  await vi.waitFor(async () => {
    const events = (await refusals()).slice(before);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ actor: 'unknown', detail: { request: `GET ${path}`, address: '127.0.0.1' } });
    expect(String(events[0]?.detail['why'])).toMatch(why);
  });
}

describe('a stolen access token', () => {
  test('works for its owner', async () => {
    expect((await send(await alice.authorize('GET', url()))).status).toBe(200);
  });

  test.each<[string, () => Promise<string | undefined>, RegExp]>([
    ['no proof', async () => undefined, /no proof/],
    ['a proof of another key', async () => forgeProof({ key: thief }, await usual()), /another key/],
    ['a proof for another method', async () => forgeProof(alice, { ...(await usual()), htm: 'POST' }), /method/],
    [
      'a proof for another path',
      async () => forgeProof(alice, { ...(await usual()), htu: url().replace('whoami', 'users') }),
      /another address/,
    ],
    [
      'a proof for another host',
      async () => forgeProof(alice, { ...(await usual()), htu: `https://evil.example${path}` }),
      /another address/,
    ],
    [
      'a proof for the token endpoint, as it goes there with each renewal',
      () => forgeProof(alice, { htm: 'POST', htu: alice.metadata.token_endpoint }),
      /method/,
    ],
    [
      'a proof for the front door',
      async () => forgeProof(alice, { ...(await usual()), htu: 'https://weir-front/weir.tunnel.v1.FrontDoor/Connect' }),
      /another address/,
    ],
    ['a proof for another token', async () => forgeProof(alice, { ...(await usual()), ath: 'x' }), /another token/],
    ['a proof for no token', () => forgeProof(alice, { htm: 'GET', htu: url() }), /another token/],
    ['a proof of two minutes ago', async () => forgeProof(alice, { ...(await usual()), iat: now() - 120 }), /too old/],
    ['a proof of tomorrow', async () => forgeProof(alice, { ...(await usual()), iat: now() + 86_400 }), /future/],
    ['a proof without time', async () => forgeProof(alice, await usual(), { claims: { iat: undefined } }), /when/],
    ['a proof without id', async () => forgeProof(alice, await usual(), { claims: { jti: undefined } }), /no id/],
    ['a proof that nobody signed', async () => forgeProof(alice, await usual(), { header: { alg: 'none' } }), /signed/],
    [
      'a proof signed by HS256 with the public key',
      async () => {
        const { x } = alice.key.privateJwk;
        return forgeProof(alice, await usual(), { header: { alg: 'HS256' }, key: Buffer.from(x, 'base64url') });
      },
      /signed/,
    ],
    [
      'a proof that names her key and is signed by the thief',
      async () => forgeProof(alice, await usual(), { key: thief.privateJwk as JWK }),
      /signed/,
    ],
    ['another kind of JWT', async () => forgeProof(alice, await usual(), { header: { typ: 'JWT' } }), /signed/],
    [
      'two proofs, one of them good',
      async () => [await forgeProof({ key: thief }, await usual()), await forgeProof(alice, await usual())].join(', '),
      /signed/,
    ],
  ])('with %s', async (_, proof, why) => {
    const dpop = await proof();
    const authorization = `DPoP ${alice.tokens.accessToken}`;
    await getsNothing({ authorization, ...(dpop === undefined ? {} : { dpop }) }, why);
  });

  test('at an address with a query, of which the log keeps the path alone', async () => {
    const before = (await refusals()).length;
    const headers = { authorization: `DPoP ${alice.tokens.accessToken}` };
    expect((await gateway.fetch(`${url()}?cursor=planted-secret`, { headers })).status).toBe(401);
    await vi.waitFor(async () => {
      const events = (await refusals()).slice(before);
      expect(events.map(({ detail }) => detail['request'])).toEqual([`GET ${path}`]);
    });
  });

  test('as a bearer token, even with a good proof', async () => {
    const { dpop = '' } = await alice.authorize('GET', url());
    await getsNothing({ authorization: `Bearer ${alice.tokens.accessToken}`, dpop }, /no proof/);
  });

  test('with a copy of a request that was made, also when both come at once', async () => {
    const headers = await alice.authorize('GET', url());
    expect((await send(headers)).status).toBe(200);
    await getsNothing(headers, /used before/);
    const raced = await alice.authorize('GET', url());
    const statuses = (await Promise.all([1, 2, 3].map(() => send(raced)))).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 401, 401]);
  });

  test('with a copy of a request that another gateway process has seen', async () => {
    const other = await startTestGateway();
    const holder = await other.signIn('alice');
    const headers = await holder.authorize('GET', `${other.gateway.addresses.api}${path}`);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await other.restart();
    expect((await other.fetch(`${other.gateway.addresses.api}${path}`, { headers })).status).toBe(401);
    await other.close();
  });
});

describe('a forged access token, with a good proof', () => {
  const ownKey = async (): Promise<CryptoKey> => (await generateKeyPair('ES256')).privateKey;
  const publicBytes = async (form: 'spki' | 'jwk'): Promise<Uint8Array> => {
    const [{ d: _private, ...jwk } = {}] = await gatewayKeys(gateway);
    const text =
      form === 'jwk' ? JSON.stringify(jwk) : await exportSPKI((await importJWK(jwk as JWK, 'ES256')) as CryptoKey);
    return Buffer.from(text);
  };
  test.each<[string, () => Changes | Promise<Changes>, RegExp]>([
    ['that nobody signed', () => ({ header: { alg: 'none' } }), /signature or form/],
    [
      'signed by HS256 with the public key as PEM',
      async () => ({ header: { alg: 'HS256' }, key: await publicBytes('spki') }),
      /signature or form/,
    ],
    [
      'signed by HS256 with the public key as JWK',
      async () => ({ header: { alg: 'HS256' }, key: await publicBytes('jwk') }),
      /signature or form/,
    ],
    ['signed by another key under the name of the right one', async () => ({ key: await ownKey() }), /signature/],
    ['with the name of a key that is none', async () => ({ header: { kid: 'mine' }, key: await ownKey() }), /no key/],
    ['without the name of a key', async () => ({ header: { kid: undefined }, key: await ownKey() }), /no key/],
    [
      'that brings its key along',
      async () => {
        const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
        return { header: { kid: undefined, jwk: await exportJWK(publicKey) }, key: privateKey };
      },
      /no key/,
    ],
    [
      'that says where its key is',
      async () => ({ header: { kid: 'mine', jku: 'https://evil.example/jwks' }, key: await ownKey() }),
      /no key/,
    ],
    ['for another audience', () => ({ claims: { aud: 'https://other.example/api' } }), /aud/],
    ['for the authorization server itself', () => ({ claims: { aud: alice.metadata.issuer } }), /aud/],
    ['without audience', () => ({ claims: { aud: undefined } }), /aud/],
    ['of another issuer', () => ({ claims: { iss: 'https://evil.example' } }), /iss/],
    ['that has ended', () => ({ claims: { exp: now() - 2 } }), /ended/],
    ['that never ends', () => ({ claims: { exp: undefined } }), /exp/],
    ['that is not valid yet', () => ({ claims: { nbf: now() + 60 } }), /nbf/],
    ['of another kind: an id token', () => ({ header: { typ: 'JWT' } }), /typ/],
    ['of no kind', () => ({ header: { typ: undefined } }), /typ/],
    ['with another scope', () => ({ claims: { scope: 'openid' } }), /not for the API/],
    ['of a sign-in that is none', () => ({ claims: { sid: 'f'.repeat(64) } }), /sign-in was ended/],
    ['of her sign-in for another person', () => ({ claims: { sub: 'usr_admin' } }), /sign-in was ended/],
    ['bound to nothing', () => ({ claims: { cnf: undefined } }), /not bound/],
  ])('%s', async (_, changes, why) => {
    const token = await forgeToken(gateway, alice, await changes());
    const dpop = await forgeProof(alice, { ...(await usual()), ath: await sha256(token) });
    await getsNothing({ authorization: `DPoP ${token}`, dpop }, why);
  });

  test('bound to the key of the thief, who signed it', async () => {
    const key = await ownKey();
    const token = await forgeToken(gateway, alice, { claims: { cnf: { jkt: thief.thumbprint } }, key });
    const dpop = await forgeProof({ key: thief }, { ...(await usual()), ath: await sha256(token) });
    await getsNothing({ authorization: `DPoP ${token}`, dpop }, /signature/);
  });

  test('that is her refresh token', async () => {
    const token = String(alice.tokens.refreshToken);
    const dpop = await forgeProof(alice, { ...(await usual()), ath: await sha256(token) });
    await getsNothing({ authorization: `DPoP ${token}`, dpop }, /signature or form/);
  });
});

describe('at the front door, where weir connect carries a session', () => {
  const target = { method: 'POST', url: 'https://weir-front/weir.tunnel.v1.FrontDoor/Connect', address: '10.0.0.9' };
  const connect = (headers: Record<string, string>, session: string) => {
    const presented = { authorization: headers['authorization'], proof: headers['dpop'], ...target };
    return gateway.dataPlane.controlPlane.findByToken(presented, session);
  };
  const open = async () => (await gateway.withToken(alice).openSession({ connection: 'shop' })).id;
  test('the owner gets his session, once for each proof', async () => {
    const id = await open();
    const headers = await alice.authorize(target.method, target.url);
    expect((await connect(headers, id)).id).toBe(id);
    expect((await failure(connect(headers, id))).why).toContain('used before');
  });

  test.each<[string, () => Promise<Record<string, string>>, RegExp]>([
    ['without token', async () => ({}), /no access token/],
    ['without proof', async () => ({ authorization: `DPoP ${alice.tokens.accessToken}` }), /no proof/],
    ['with a proof for the API', () => alice.authorize('POST', `${gateway.gateway.addresses.api}/`), /another address/],
    [
      'with the proof of another key',
      async () => ({
        authorization: `DPoP ${alice.tokens.accessToken}`,
        dpop: await forgeProof({ key: thief }, { htm: target.method, htu: target.url, ath: await ath() }),
      }),
      /another key/,
    ],
  ])('a thief gets nothing %s', async (_, headersOf, why) => {
    const error = await failure(connect(await headersOf(), await open()));
    expect(error.code).toBe('sign_in_required');
    expect(error.why).toMatch(why);
  });

  test('nobody gets the session of somebody else', async () => {
    const dave = await gateway.signIn('dave');
    const error = await failure(connect(await dave.authorize(target.method, target.url), await open()));
    expect(error.code).toBe('not_found');
  });
});

test('a stolen key changes nothing once the sign-in is ended', async () => {
  const holder = await gateway.signIn('alice');
  const copy = createTokenHolder({ key: holder.key, tokens: holder.tokens, renew: async () => holder.tokens });
  expect((await gateway.withToken(copy).whoami()).user).toBe('alice');
  await gateway.withToken(holder).logout();
  expect((await failure(gateway.withToken(copy).whoami())).code).toBe('sign_in_required');
});

test('a new signing key takes over; tokens of the one before are good until they end, and its later ones never', async () => {
  const { authorizationServer } = gateway.gateway.capabilities;
  const published = async () => {
    const { jwks_uri: at } = (await (
      await fetch(`${gateway.gateway.addresses.api}/.well-known/oauth-authorization-server`)
    ).json()) as { jwks_uri: string };
    return ((await (await fetch(at)).json()) as { keys: JWK[] }).keys;
  };
  const [old] = await gatewayKeys(gateway);
  const before = await gateway.signIn('alice');
  await authorizationServer.rotateKeys();
  const keys = await published();
  expect(keys).toHaveLength(2);
  expect(keys.every((key) => key.d === undefined && key.k === undefined)).toBe(true);
  expect((await gateway.withToken(before).whoami()).user).toBe('alice');
  const after = await gateway.signIn('alice');
  expect((await gateway.withToken(after).whoami()).user).toBe('alice');

  // A day later everything that the old key has signed has ended: whoever has it now makes nothing with it.
  gateway.advance(25 * 3_600_000);
  await authorizationServer.rotateKeys();
  expect((await published()).map(({ kid }) => kid)).not.toContain(old?.kid);
  gateway.forget('admin');
  const at = Math.floor(gateway.now() / 1000);
  const fresh = await gateway.signIn('alice');
  const made = await forgeToken(gateway, fresh, {
    header: { kid: old?.kid },
    claims: { iat: at, exp: at + 600 },
    key: old as JWK,
  });
  const dpop = await forgeProof(fresh, { htm: 'GET', htu: url(), ath: await sha256(made), iat: at });
  await getsNothing({ authorization: `DPoP ${made}`, dpop }, /no key of this gateway/);
  gateway.advance(-25 * 3_600_000);
});
