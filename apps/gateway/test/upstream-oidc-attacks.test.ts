import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAccountChanges } from '../src/identity/accounts/account-changes.ts';
import { createUpstreamIdentities } from '../src/identity/providers/identities.ts';
import { type ForgingOp, startForgingOp } from './fixture/forging-op.ts';
import { clientId, clientSecret } from './fixture/oidc-idp.ts';
import { type Arrival, createRoamingBrowser } from './fixture/roaming-browser.ts';
import { type TestGateway, until } from './fixture/test-gateway.ts';
import { eventsOf, oidcConfig, signedInAs, signInBy, startUpstreamGateway } from './fixture/upstream-gateway.ts';

let op: ForgingOp;
let other: ForgingOp;
let gateway: TestGateway;

beforeAll(async () => {
  [op, other] = await Promise.all([startForgingOp(), startForgingOp()]);
  // Some say that they would also sign by what is no key of theirs alone: they are not believed then.
  op.metadata = { id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'] };
  // The second one says by whom its answers are (RFC 9207).
  other.metadata = {
    authorization_response_iss_parameter_supported: true,
    userinfo_endpoint: `${other.issuer}/userinfo`,
  };
  gateway = await startUpstreamGateway([
    oidcConfig('corp', op.issuer, { linkByVerifiedEmail: true, secondFactor: ['mfa'] }),
    oidcConfig('strict', op.issuer, { reauthenticateMinutes: 1 }),
    oidcConfig('other', other.issuer),
  ]);
});
afterAll(async () => {
  await gateway.close();
  await Promise.all([op.close(), other.close()]);
});

const callbackOf = (name: string) => `${gateway.gateway.addresses.api}/upstream/${name}/callback`;
/** Begins a sign-in and stops before the provider, which will answer with this ID token. */
async function begin(name = 'corp', browser = createRoamingBrowser()) {
  const at = name === 'other' ? other : op;
  const { arrival } = await signInBy(gateway, name, browser, (url) => url.origin === at.issuer);
  const query = Object.fromEntries(arrival.url.searchParams) as Record<string, string>;
  const nonce = query['nonce'] ?? '';
  const back = (parameters: Record<string, string>, to = name) =>
    browser.open(`${callbackOf(to)}?${new URLSearchParams(parameters)}`);
  const tokens = (idToken: string | undefined) => {
    at.answer = async () => ({ access_token: 'a', token_type: 'bearer', id_token: idToken });
  };
  return { browser, query, state: query['state'] ?? '', nonce, back, tokens, at };
}
const refusals = () => eventsOf(gateway, 'upstream-sign-in-refused');
const people = async () => (await gateway.gateway.repositories.users.list()).map(({ name }) => name).sort();
/** Is it refused, with one event that says why, and nothing changed? */
async function expectRefused(work: () => Promise<Arrival>, why: string, provider = 'corp') {
  const before = await people();
  const count = (await refusals()).length;
  expect((await work()).status).toBe(403);
  await until(async () => (await refusals()).length > count);
  const events = await refusals();
  expect(events.length).toBe(count + 1);
  expect(events.at(-1)).toMatchObject({ actor: `provider:${provider}`, detail: { why: expect.stringContaining(why) } });
  expect(await people()).toEqual(before);
}

it('asks with state, nonce and PKCE, new ones each time, and lets the honest answer in', async () => {
  const one = await begin();
  const { browser, query, state, nonce, back } = await begin();
  expect(query).toMatchObject({
    response_type: 'code',
    code_challenge_method: 'S256',
    redirect_uri: callbackOf('corp'),
  });
  for (const name of ['state', 'nonce', 'code_challenge']) {
    expect(query[name]).toMatch(/^[\w-]{43}$/);
    expect(query[name]).not.toBe(one.query[name]);
  }
  let verifier = '';
  op.answer = async (form) => {
    verifier = form.get('code_verifier') ?? '';
    return {
      access_token: 'a',
      token_type: 'bearer',
      id_token: await op.sign(op.honest({ nonce, sub: 'honest', preferred_username: 'honest' })),
    };
  };
  const before = browser.cookies().join();
  await back({ code: 'c', state });
  expect(createHash('sha256').update(verifier).digest('base64url')).toBe(query['code_challenge']);
  expect(await signedInAs(gateway, browser)).toBe('honest');
  // Nobody who knew the browser's id before knows it now.
  expect(browser.cookies().filter((cookie) => before.includes(cookie))).toEqual([]);
});

type Row = [name: string, forge: (nonce: string) => Promise<string | undefined>, why: string];
const says = (change: Record<string, unknown>) => (nonce: string) => op.sign(op.honest({ nonce, ...change }));
const now = () => Math.floor(Date.now() / 1000);
const rows: Row[] = [
  ['that is not there', async () => undefined, 'property must be a string'],
  ['that is no token', async () => 'a.b.c', 'OAUTH_PARSE_ERROR'],
  [
    'without a signature (alg none)',
    async (nonce) => new UnsecuredJWT(op.honest({ nonce })).encode(),
    'OAUTH_UNSUPPORTED_OPERATION',
  ],
  [
    'with the signature taken away',
    async (nonce) => (await op.sign(op.honest({ nonce }))).replace(/[^.]*$/, ''),
    'JWT signature verification failed',
  ],
  [
    'by another key',
    async (nonce) => {
      const { privateKey } = await generateKeyPair('RS256');
      return new SignJWT(op.honest({ nonce })).setProtectedHeader({ alg: 'RS256', kid: op.keys.kid }).sign(privateKey);
    },
    'JWT signature verification failed',
  ],
  [
    'by a key that it brings along',
    async (nonce) => {
      const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
      return new SignJWT(op.honest({ nonce }))
        .setProtectedHeader({ alg: 'RS256', jwk: await exportJWK(publicKey) })
        .sign(privateKey);
    },
    'JWT signature verification failed',
  ],
  [
    'by the public key as a secret (key confusion)',
    async (nonce) =>
      new SignJWT(op.honest({ nonce }))
        .setProtectedHeader({ alg: 'HS256', kid: op.keys.kid })
        .sign(Buffer.from(op.keys.publicPem)),
    'OAUTH_UNSUPPORTED_OPERATION',
  ],
  [
    'by the secret of the client',
    async (nonce) =>
      new SignJWT(op.honest({ nonce })).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(clientSecret)),
    'OAUTH_UNSUPPORTED_OPERATION',
  ],
  [
    'by an algorithm that the provider does not name',
    async (nonce) => {
      const { privateKey } = await generateKeyPair('ES256');
      return new SignJWT(op.honest({ nonce })).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
    },
    'unexpected JWT "alg"',
  ],
  ['by the key of another provider', async (nonce) => other.sign(op.honest({ nonce })), 'no applicable keys found'],
  [
    'with other contents than were signed',
    async (nonce) => {
      const [header, , signature] = (await op.sign(op.honest({ nonce }))).split('.');
      return [
        header,
        Buffer.from(JSON.stringify(op.honest({ nonce, sub: 'admin' }))).toString('base64url'),
        signature,
      ].join('.');
    },
    'JWT signature verification failed',
  ],
  [
    'with an extension that must be understood',
    async (nonce) =>
      new SignJWT(op.honest({ nonce }))
        .setProtectedHeader({ alg: 'RS256', kid: op.keys.kid, crit: ['weir'], weir: 1 })
        .sign(op.keys.privateKey, { crit: { weir: true } }),
    'OAUTH_UNSUPPORTED_OPERATION',
  ],
  ['for another client', says({ aud: 'another' }), 'unexpected JWT "aud"'],
  ['for several, by another of them', says({ aud: ['weir', 'another'], azp: 'another' }), 'azp'],
  ['for several, by nobody says whom', says({ aud: ['weir', 'another'] }), 'additional untrusted audiences'],
  ['by another issuer', says({ iss: 'https://evil.example' }), 'unexpected JWT "iss"'],
  ['that has expired', says({ iat: now() - 600, exp: now() - 60 }), '"exp"'],
  ['that never expires', says({ exp: undefined }), '"exp"'],
  ['that is not valid yet', says({ nbf: now() + 120 }), '"nbf"'],
  ['of an unknown time', says({ iat: undefined }), '"iat"'],
  ['with another nonce', says({ nonce: 'another' }), 'unexpected ID Token "nonce"'],
  ['without a nonce', says({ nonce: undefined }), '"nonce" (nonce) claim missing'],
  ['that names nobody', says({ sub: undefined }), '"sub" (subject) claim missing'],
];

describe('an ID token', () => {
  it.each(rows)('%s gets nothing', async (_, forge, why) => {
    const { browser, state, nonce, back, tokens } = await begin();
    tokens(await forge(nonce));
    await expectRefused(() => back({ code: 'c', state }), why);
    expect(await signedInAs(gateway, browser)).toBeUndefined();
  });

  it('of another sign-in gets nothing (its nonce is of that one)', async () => {
    const [stolen, own] = [await begin(), await begin()];
    own.tokens(await op.sign(op.honest({ nonce: stolen.nonce })));
    await expectRefused(() => own.back({ code: 'c', state: own.state }), 'unexpected ID Token "nonce"');
  });

  it('gets nothing with claims about somebody else', async () => {
    const { browser, state, nonce, back, tokens } = await begin('other');
    tokens(await other.sign(other.honest({ nonce, groups: undefined })));
    other.userInfo = { sub: 'admin', groups: ['admins'] };
    await expectRefused(
      () => back({ code: 'c', state, iss: other.issuer }),
      'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED',
      'other',
    );
    expect(await signedInAs(gateway, browser)).toBeUndefined();
  });
});

describe('what a browser brings back', () => {
  it.each<[string, (own: Record<'state' | 'stranger', string>) => Record<string, string>, string]>([
    ['without a state', () => ({ code: 'c' }), 'no sign-in waits for it (state)'],
    ['with a made-up state', () => ({ code: 'c', state: 'made-up' }), 'no sign-in waits for it (state)'],
    [
      'with the state of another browser',
      ({ stranger }) => ({ code: 'c', state: stranger }),
      'another browser began it',
    ],
    ['without a code', ({ state }) => ({ state }), 'OAUTH_INVALID_RESPONSE'],
    ['as an error', ({ state }) => ({ error: 'access_denied', state }), 'the provider says access_denied'],
    [
      'with the name of another issuer',
      ({ state }) => ({ code: 'c', state, iss: other.issuer }),
      'OAUTH_INVALID_RESPONSE',
    ],
  ])('%s gets nothing', async (_, parameters, why) => {
    const stranger = await begin();
    const { browser, state, nonce, back, tokens } = await begin();
    tokens(await op.sign(op.honest({ nonce })));
    await expectRefused(() => back(parameters({ state, stranger: stranger.state })), why);
    expect(await signedInAs(gateway, browser)).toBeUndefined();
  });

  it.each<[string, string, string]>([
    ['a word', 'access_denied', 'It answered: access_denied.'],
    ['a text of a stranger', 'call 555-0100 to sign in <b>', 'What came back from it was not the answer'],
    ['a long text', 'x'.repeat(5000), 'What came back from it was not the answer'],
  ])('says no by %s: that is on the page as far as it is a word', async (_, error, shown) => {
    const { state, back } = await begin();
    let page = '';
    const work = async () => {
      const arrival = await back({ error, state });
      page = arrival.text;
      return arrival;
    };
    await expectRefused(work, `the provider says ${error}`.slice(0, 300));
    expect(page).toContain(shown);
    expect(page).not.toContain('555');
  });

  it('is taken once', async () => {
    const { state, nonce, back, tokens } = await begin();
    tokens(await op.sign(op.honest({ nonce, sub: 'honest', preferred_username: 'honest' })));
    expect((await back({ code: 'c', state })).status).toBe(200);
    await expectRefused(() => back({ code: 'c', state }), 'no sign-in waits for it (state)');
  });

  it('is worth nothing after a refusal: the state is used up', async () => {
    const { state, nonce, back, tokens } = await begin();
    tokens(undefined);
    await expectRefused(() => back({ code: 'c', state }), 'property must be a string');
    tokens(await op.sign(op.honest({ nonce })));
    await expectRefused(() => back({ code: 'c', state }), 'no sign-in waits for it (state)');
  });

  it('from one provider gets nothing at the address of another (mix-up)', async () => {
    const { browser, state, nonce, back, tokens } = await begin();
    let isAsked = false;
    tokens(await op.sign(op.honest({ nonce })));
    other.answer = async () => {
      isAsked = true;
      return undefined;
    };
    await expectRefused(() => back({ code: 'c', state }, 'other'), 'no sign-in waits for it (state)', 'other');
    expect(await signedInAs(gateway, browser)).toBeUndefined();
    // The code of the one is never shown to the other.
    expect(isAsked).toBe(false);
  });

  it.each<[string, Record<string, string>]>([
    ['another issuer', { iss: 'https://evil.example' }],
    ['no issuer', {}],
  ])('names %s, where the provider says that it names itself (RFC 9207): gets nothing', async (_, iss) => {
    const { state, nonce, back, at } = await begin('other');
    let isAsked = false;
    at.answer = async () => {
      isAsked = true;
      return { access_token: 'a', token_type: 'bearer', id_token: await other.sign(other.honest({ nonce })) };
    };
    await expectRefused(() => back({ code: 'c', state, ...iss }), 'iss', 'other');
    expect(isAsked).toBe(false);
  });

  it('comes too late after ten minutes', async () => {
    const { state, nonce, back, tokens } = await begin();
    tokens(await op.sign(op.honest({ nonce })));
    gateway.advance(600_001);
    await expectRefused(() => back({ code: 'c', state }), 'no sign-in waits for it (state)');
  });

  it('leads to no other site, whatever the sign-in page was asked for', async () => {
    const { addresses } = gateway.gateway;
    for (const next of ['https://evil.example', '//evil.example', '/\\evil.example', 'javascript:alert(1)']) {
      const answer = await fetch(`${addresses.api}/sign-in?next=${encodeURIComponent(next)}`, { redirect: 'manual' });
      expect(answer.headers.get('location') ?? '').not.toContain('evil');
      expect(answer.status).toBe(400);
    }
    const made = `page.${Buffer.from('https://evil.example').toString('base64url')}`;
    const start = await fetch(`${addresses.api}/sign-in/${made}/by/corp`, { redirect: 'manual' });
    expect([start.status, start.headers.get('location')]).toEqual([401, null]);
  });
});

describe('a provider that has to ask the person again', () => {
  it.each<[string, Record<string, unknown>, string | undefined]>([
    ['is believed when it did', { auth_time: now() - 50 }, undefined],
    ['is not when that is too long ago', { auth_time: now() - 200 }, 'too much time has elapsed'],
    ['is not when it does not say', { auth_time: undefined }, 'auth_time'],
  ])('%s', async (name, claims, why) => {
    const { browser, query, state, nonce, back, tokens } = await begin('strict');
    expect(query['max_age']).toBe('60');
    tokens(await op.sign(op.honest({ nonce, sub: name, preferred_username: 'strict', ...claims })));
    if (why !== undefined) return expectRefused(() => back({ code: 'c', state }), why, 'strict');
    await back({ code: 'c', state });
    expect(await signedInAs(gateway, browser)).toBe('strict');
  });

  it.each<[string, Record<string, unknown>, boolean]>([
    ['with a second factor and its time', { amr: ['pwd', 'mfa'], auth_time: now() - 50 }, true],
    ['with a second factor of an unknown time', { amr: ['mfa'] }, false],
    ['with a factor that does not count', { amr: ['pwd', 'otp'], auth_time: now() }, false],
    ['with a second factor as a text', { amr: 'mfa', auth_time: now() }, false],
  ])('and says that the person signed in %s', async (name, claims, counts) => {
    const { browser, state, nonce, back, tokens } = await begin();
    tokens(await op.sign(op.honest({ nonce, sub: name, preferred_username: 'factor', ...claims })));
    await back({ code: 'c', state });
    const [, id = ''] =
      browser
        .cookies()
        .join(';')
        .match(/weir-\d+=([\w-]{43})/) ?? [];
    const session = await gateway.gateway.repositories.browserSessions.find(id, new Date());
    expect(session?.mfa_at?.getTime()).toBe(counts ? Number(claims['auth_time']) * 1000 : undefined);
  });
});

describe('a logout token', () => {
  const event = { 'http://schemas.openid.net/event/backchannel-logout': {} };
  let count = 0;
  const claims = (change: Record<string, unknown> = {}) => {
    count += 1;
    const common = {
      iss: op.issuer,
      aud: clientId,
      iat: now(),
      jti: `j${count}`,
      sub: 'victim',
      sid: 's1',
      events: event,
    };
    return { ...common, ...change };
  };
  const typ = { typ: 'logout+jwt' };
  const send = (token: string | undefined, name = 'corp') =>
    fetch(`${gateway.gateway.addresses.api}/upstream/${name}/logout`, {
      method: 'POST',
      body: new URLSearchParams(token === undefined ? {} : { logout_token: token }),
    });
  /** Somebody with a sign-in here and a session there. */
  const victim = async (sub = 'victim', sid = 's1') => {
    const { browser, state, nonce, back, tokens } = await begin();
    tokens(await op.sign(op.honest({ nonce, sub, sid, preferred_username: sub })));
    await back({ code: 'c', state });
    expect(await signedInAs(gateway, browser)).toBe(sub);
    return browser;
  };
  let shared: ReturnType<typeof victim> | undefined;
  const logoutRefusals = () => eventsOf(gateway, 'upstream-logout-refused');

  it.each<[string, () => Promise<string>, string]>([
    [
      'without a signature',
      async () => new UnsecuredJWT(claims()).encode(),
      'Algorithm) Header Parameter value not allowed',
    ],
    ['by another key', async () => other.sign(claims(), typ), 'ERR_JWKS_NO_MATCHING_KEY'],
    [
      'by the secret of the client',
      async () => new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', ...typ }).sign(Buffer.from(clientSecret)),
      'Algorithm) Header Parameter value not allowed',
    ],
    [
      'by the public key as a secret',
      async () =>
        new SignJWT(claims())
          .setProtectedHeader({ alg: 'HS256', kid: op.keys.kid, ...typ })
          .sign(Buffer.from(op.keys.publicPem)),
      'Algorithm) Header Parameter value not allowed',
    ],
    ['by another issuer', () => op.sign(claims({ iss: other.issuer }), typ), 'unexpected "iss"'],
    ['for another client', () => op.sign(claims({ aud: 'another' }), typ), 'unexpected "aud"'],
    ['that is old', () => op.sign(claims({ iat: now() - 400 }), typ), 'too far in the past'],
    ['from the future', () => op.sign(claims({ iat: now() + 120 }), typ), 'it should be in the past'],
    ['of an unknown time', () => op.sign(claims({ iat: undefined }), typ), 'missing required "iat"'],
    ['that has expired', () => op.sign(claims({ exp: now() - 60 }), typ), '"exp" claim timestamp check failed'],
    ['without an id', () => op.sign(claims({ jti: undefined }), typ), 'missing required "jti"'],
    ['without events', () => op.sign(claims({ events: undefined }), typ), 'missing required "events"'],
    [
      'about another event',
      () => op.sign(claims({ events: { 'https://example.com/other': {} } }), typ),
      'it does not speak of a logout',
    ],
    [
      'whose event is no object',
      () => op.sign(claims({ events: { [Object.keys(event)[0] ?? '']: true } }), typ),
      'it does not speak of a logout',
    ],
    ['with a nonce', () => op.sign(claims({ nonce: 'n' }), typ), 'it has a nonce'],
    [
      'about nobody',
      () => op.sign(claims({ sub: undefined, sid: undefined }), typ),
      'it names neither a person nor a session',
    ],
    ['of another type', () => op.sign(claims(), { typ: 'at+jwt' }), 'it is a token of another kind'],
    ['that is an ID token', () => op.sign(op.honest({ sub: 'victim', sid: 's1' })), 'missing required "events"'],
    ['that is no token', async () => 'x', 'ERR_JWS_INVALID'],
  ])('%s ends nothing', async (_, forge, why) => {
    // One for all rows: none of them ends his sign-in.
    shared ??= victim();
    const browser = await shared;
    const before = (await logoutRefusals()).length;
    expect((await send(await forge())).status).toBe(400);
    await until(async () => (await logoutRefusals()).length > before);
    expect((await logoutRefusals()).at(-1)).toMatchObject({
      actor: 'provider:corp',
      detail: { why: expect.stringContaining(why) },
    });
    expect(await signedInAs(gateway, browser)).toBe('victim');
  });

  it.each<[string, Record<string, unknown>]>([
    ['person', { sid: undefined }],
    ['session', { sub: undefined }],
  ])('about a %s ends the sign-in, once', async (what, change) => {
    const first = await victim(`by-${what}`, `of-${what}`);
    const bystander = await victim('bystander', 's-bystander');
    const named = { sub: `by-${what}`, sid: `of-${what}`, ...change };
    const token = await op.sign(claims(named), typ);
    expect((await send(token)).status).toBe(200);
    expect(await signedInAs(gateway, first)).toBeUndefined();
    expect(await signedInAs(gateway, bystander)).toBe('bystander');
    // He signs in again: the token that somebody kept ends nothing any more.
    const second = await victim(`by-${what}`, `of-${what}`);
    expect((await send(token)).status).toBe(400);
    expect(await signedInAs(gateway, second)).toBe(`by-${what}`);
    await until(async () => (await logoutRefusals()).at(-1)?.detail['why'] === 'it was used before (jti)');
  });

  it('about another session than the person named has ends nothing of that session', async () => {
    const browser = await victim('owner', 's-owner');
    expect((await send(await op.sign(claims({ sub: 'somebody-else', sid: 's-owner' }), typ))).status).toBe(200);
    expect(await signedInAs(gateway, browser)).toBe('owner');
  });

  it('of one provider ends nothing of another', async () => {
    const browser = await victim();
    expect((await send(await op.sign(claims(), typ), 'other')).status).toBe(400);
    expect((await send(undefined)).status).toBe(400);
    expect((await send(await op.sign(claims(), typ), 'nobody')).status).toBe(404);
    expect(await signedInAs(gateway, browser)).toBe('victim');
  });
});

// The last, because it moves the clock away from that of the tokens.
describe('an answer to the question whether somebody is still there', () => {
  type Answer = (sub: string) => Promise<string | undefined>;
  const about = (change: Record<string, unknown>) => (sub: string) => op.sign(op.honest({ sub, ...change }));
  it.each<[string, Answer, string, string[]]>([
    ['about somebody else takes what he had', about({ sub: 'admin', groups: ['admins'] }), 'upstream-access-ended', []],
    ['without groups takes what he had', about({ groups: undefined }), 'upstream-access-ended', []],
    ['for another client takes what he had', about({ aud: 'another' }), 'upstream-access-ended', []],
    ['by another key gives nothing new', (sub) => other.sign(op.honest({ sub })), 'upstream-silent', ['guests']],
    [
      'without a signature gives nothing new',
      async (sub) => new UnsecuredJWT(op.honest({ sub, groups: ['admins'] })).encode(),
      'upstream-silent',
      ['guests'],
    ],
  ])('%s', async (name, answer, action, groups) => {
    const sub = `asked-${name.replaceAll(' ', '-').slice(0, 40)}`;
    const { browser, state, nonce, back, at } = await begin();
    const signedIn = await op.sign(op.honest({ nonce, sub, preferred_username: sub }));
    const common = { access_token: 'a', token_type: 'bearer', refresh_token: 'r' };
    at.answer = async () => ({ ...common, id_token: signedIn });
    await back({ code: 'c', state });
    expect(await signedInAs(gateway, browser)).toBe(sub);
    at.answer = async () => ({ ...common, id_token: await answer(sub) });
    // The gateway may look by itself as soon as the time has come.
    const before = (await eventsOf(gateway, action)).length;
    gateway.advance(15.1 * 60_000);
    await gateway.gateway.capabilities.upstreamWatch.look();
    const user = await gateway.gateway.repositories.users.findByName(sub);
    expect(user?.groups).toEqual(groups);
    expect(await signedInAs(gateway, browser)).toBe(groups.length === 0 ? undefined : sub);
    expect((await eventsOf(gateway, action)).length).toBeGreaterThan(before);
    // He is not asked about in the next row.
    at.answer = async () => ({ ...common, id_token: await about({ sub: 'admin' })(sub) });
    gateway.advance(15.1 * 60_000);
    await gateway.gateway.capabilities.upstreamWatch.look();
  });

  it.each([
    ['with other groups', ['guests', 'dba']],
    ['with the groups of before', ['guests']],
  ])('gives nothing back to somebody who has signed out meanwhile, %s', async (name, groups) => {
    const sub = `late-${name.replaceAll(' ', '-')}`;
    const { state, nonce, back, at } = await begin();
    const signedIn = await op.sign(op.honest({ nonce, sub, preferred_username: sub }));
    at.answer = async () => ({ access_token: 'a', token_type: 'bearer', refresh_token: 'r', id_token: signedIn });
    await back({ code: 'c', state });
    const { users, identities } = gateway.gateway.repositories;
    const asked = await identities.find('corp', sub);
    const [provider] = gateway.config.identity.providers;
    if (asked === undefined || provider === undefined) throw new Error('nobody is signed in');
    // The log is slow: the sign-out has begun and is not over when the answer is applied.
    const audit = { append: () => setTimeout(5) };
    const changes = createAccountChanges({ users, audit, roleGroups: {} });
    const upstream = createUpstreamIdentities({
      ...{ users, identities, changes, now: () => Date.now(), endSessions: async () => undefined },
    });
    const ending = upstream.end(asked, 'upstream-logout', {});
    await Promise.all([ending, upstream.confirm(provider, asked, { email: null, refreshToken: 'newer', groups })]);
    const after = await identities.find('corp', sub);
    expect(after).toMatchObject({ groups: [], refresh_token: null });
  });

  it('does not hold up questions about others when it never comes', async () => {
    const common = { access_token: 'a', token_type: 'bearer', refresh_token: 'r' };
    for (let number = 0; number < 12; number++) {
      const { state, nonce, back, at } = await begin();
      const token = await op.sign(op.honest({ nonce, sub: `many-${number}`, preferred_username: 'many' }));
      at.answer = async () => ({ ...common, id_token: token });
      await back({ code: 'c', state });
    }
    let asked = 0;
    op.answer = async () => {
      asked += 1;
      throw new Error('no answer');
    };
    const before = (await eventsOf(gateway, 'upstream-silent')).length;
    gateway.advance(15.1 * 60_000);
    await gateway.gateway.capabilities.upstreamWatch.look();
    expect(asked).toBe(8);
    expect((await eventsOf(gateway, 'upstream-silent')).length).toBe(before + 1);
  });
});
