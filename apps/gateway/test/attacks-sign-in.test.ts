import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { createDpopKey, type DpopKey, sha256 } from '@weir/api';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { LedAway, ledTo, openBrowser, type Shown, type TestBrowser } from './fixture/browser.ts';
import { forgeProof } from './fixture/forged-tokens.ts';
import { password, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

const tool = 'https://tool.example.com/callback';
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway((config) => {
    const clients = [{ id: 'tool', name: 'The tool', redirectUris: [tool] }];
    return { ...config, identity: { ...config.identity, clients } };
  });
});
afterAll(() => gateway.close());

const api = () => gateway.gateway.addresses.api;
const eventsOf = async (action: string) => (await gateway.as('admin')).listAuditEvents({ action, limit: 1000 });
/** Expects that an action leaves one event more that looks like this. */
async function logs(action: string, detail: object, act: () => Promise<unknown>): Promise<void> {
  const before = (await eventsOf(action)).length;
  await act();
  await vi.waitFor(async () => {
    const events = (await eventsOf(action)).slice(before);
    expect(events.map((event) => event.detail)).toContainEqual(expect.objectContaining(detail));
  });
}

const verifier = randomBytes(32).toString('base64url');
/** An authorization request of the `weir` command as it should be, changed; undefined leaves a parameter out. */
async function requestPath(changes: Record<string, string | undefined> = {}, more = ''): Promise<string> {
  const usual = {
    ...{ client_id: 'weir-cli', response_type: 'code', redirect_uri: 'http://127.0.0.1:5/callback', scope: 'api' },
    ...{ state: 'the-state', code_challenge: await sha256(verifier), code_challenge_method: 'S256' },
  };
  const given = Object.entries({ ...usual, ...changes }).filter(([, value]) => value !== undefined);
  return `/oauth/auth?${new URLSearchParams(given as [string, string][])}${more}`;
}
const toolRequest = (changes: Record<string, string | undefined> = {}) =>
  requestPath({ client_id: 'tool', redirect_uri: tool, ...changes });
/** Signs in for a request. @returns where the code goes */
async function callback(path: string, user = 'alice', browser = openBrowser(gateway)): Promise<URL> {
  await browser.get(path);
  return ledTo(browser.submit({ user, password }));
}

/** Asks the token endpoint as the `weir` command, with a proof of `key`; undefined leaves a parameter out. */
async function ask(
  key: DpopKey | undefined,
  fields: Record<string, string | undefined>,
): Promise<{ status: number; body: Record<string, string> }> {
  const at = `${api()}/oauth/token`;
  const dpop = key && (await key.prove({ method: 'POST', url: at, nowMs: Date.now() }));
  return askWith(dpop, fields);
}
async function askWith(dpop: string | undefined, fields: Record<string, string | undefined>) {
  const given = Object.entries({ client_id: 'weir-cli', ...fields }).filter(([, value]) => value !== undefined);
  const response = await fetch(`${api()}/oauth/token`, {
    method: 'POST',
    headers: dpop === undefined ? {} : { dpop },
    body: new URLSearchParams(given as [string, string][]),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}
/** The parameters by which a code is exchanged. */
const exchange = (code: string | null): Record<string, string> => ({
  ...{ grant_type: 'authorization_code', code: code ?? '', redirect_uri: 'http://127.0.0.1:5/callback' },
  code_verifier: verifier,
});

describe('an authorization request gets no code and leads nowhere else', () => {
  const elsewhere: [string, string][] = [
    ['another server', 'https://evil.example/callback'],
    ['a server whose name begins so', 'http://127.0.0.1.evil.example/callback'],
    ['a server behind a user name', 'http://127.0.0.1:5@evil.example/callback'],
    ['localhost by name', 'http://localhost:5/callback'],
    ['another path', 'http://127.0.0.1:5/other'],
    ['a path that climbs', 'http://127.0.0.1:5/callback/../other'],
    ['a query of its own', 'http://127.0.0.1:5/callback?x=https://evil.example'],
    ['a fragment', 'http://127.0.0.1:5/callback#x'],
    ['https on loopback', 'https://127.0.0.1:5/callback'],
    ['a script', 'javascript:alert(1)'],
  ];
  test.each([
    ...elsewhere.map(([what, uri]) => [`of the command, with ${what} as target`, { redirect_uri: uri }] as const),
    ['of the tool, with the target of the command', { client_id: 'tool' }] as const,
    ['of the tool, with a longer target', { client_id: 'tool', redirect_uri: `${tool}/more` }] as const,
    ['of the tool, with http', { client_id: 'tool', redirect_uri: tool.replace('https', 'http') }] as const,
    ['of the tool, with a port', { client_id: 'tool', redirect_uri: tool.replace('.com', '.com:444') }] as const,
    ['without target', { redirect_uri: undefined }] as const,
    ['of a program that is none', { client_id: 'nobody' }] as const,
    ['without program', { client_id: undefined }] as const,
  ])('%s', async (_, changes) => {
    await logs('oauth-refused', { endpoint: 'authorization' }, async () => {
      const shown = await openBrowser(gateway).get(await requestPath(changes));
      expect(shown.status).toBe(400);
      expect(shown.text).toContain('This cannot go on');
    });
  });

  test('two targets', async () => {
    const more = `&redirect_uri=${encodeURIComponent('https://evil.example/callback')}`;
    const shown = await openBrowser(gateway).get(await requestPath({}, more));
    expect(shown.status).toBe(400);
  });

  test.each<[string, Record<string, string | undefined>, string]>([
    ['without PKCE', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    ['with PKCE by plain', { code_challenge_method: 'plain', code_challenge: verifier }, 'invalid_request'],
    ['with PKCE whose method is left out', { code_challenge_method: undefined }, 'invalid_request'],
    ['with a challenge that is none', { code_challenge: 'short' }, 'invalid_request'],
    ['for a token instead of a code', { response_type: 'token' }, 'unsupported_response_type'],
    ['for an id token, too', { response_type: 'code id_token' }, 'unsupported_response_type'],
    ['for another resource', { resource: 'https://other.example/api' }, 'invalid_target'],
    ['with parameters in a JWT that nobody signed', { request: 'e30.e30.' }, 'request_not_supported'],
    ['without asking the person', { prompt: 'none' }, 'login_required'],
  ])('%s', async (_, changes, error) => {
    await logs('oauth-refused', { endpoint: 'authorization', error }, async () => {
      const url = await ledTo(openBrowser(gateway).get(await requestPath(changes)));
      expect(url.origin + url.pathname).toBe('http://127.0.0.1:5/callback');
      const answer = new URLSearchParams(url.search || url.hash.slice(1));
      expect(answer.get('code')).toBeNull();
      expect(answer.get('access_token')).toBeNull();
      expect(answer.get('error')).toBe(error);
    });
  });

  test('the right one gets a code, with its state and the issuer (RFC 9207)', async () => {
    const { searchParams } = await callback(await requestPath());
    expect(Object.fromEntries(searchParams)).toEqual({
      code: expect.any(String),
      state: 'the-state',
      iss: api(),
    });
  });
});

describe('a stolen code gets no token', () => {
  let owner: DpopKey;
  let code: string | null;
  beforeAll(async () => {
    owner = await createDpopKey();
  });
  const fresh = async () => {
    code = (await callback(await requestPath({ dpop_jkt: owner.thumbprint }))).searchParams.get('code');
    return exchange(code);
  };
  test.each<[string, Record<string, string | undefined>, string]>([
    ['without verifier', { code_verifier: undefined }, 'invalid_grant'],
    ['with another verifier', { code_verifier: 'x'.repeat(43) }, 'invalid_grant'],
    ['with another target', { redirect_uri: 'http://127.0.0.1:6/callback' }, 'invalid_grant'],
    ['by another program', { client_id: 'tool', redirect_uri: 'http://127.0.0.1:5/callback' }, 'invalid_grant'],
    ['by a program that is none', { client_id: 'nobody' }, 'invalid_client'],
    ['for another resource', { resource: 'https://other.example/api' }, 'invalid_target'],
  ])('%s', async (_, changes, error) => {
    const fields = await fresh();
    await logs('oauth-refused', { endpoint: 'token', error }, async () => {
      const { status, body } = await ask(owner, { ...fields, ...changes });
      expect([status, body['error'], body['access_token']]).toEqual([
        error === 'invalid_client' ? 401 : 400,
        error,
        undefined,
      ]);
    });
  });

  test('with the challenge as verifier', async () => {
    const fields = await fresh();
    const { body } = await ask(owner, { ...fields, code_verifier: await sha256(verifier) });
    expect(body).toMatchObject({ error: 'invalid_grant' });
  });

  test('without a proof, or with one of another key, although all else is known', async () => {
    expect((await ask(undefined, await fresh())).body['access_token']).toBeUndefined();
    await logs('oauth-refused', { endpoint: 'token' }, async () => {
      expect((await ask(await createDpopKey(), await fresh())).body['access_token']).toBeUndefined();
    });
  });

  test.each<[string, (claims: { htm: string; htu: string }) => object]>([
    ['another method', (claims) => ({ ...claims, htm: 'GET' })],
    ['another address', (claims) => ({ ...claims, htu: 'https://evil.example/oauth/token' })],
    ['an hour ago', (claims) => ({ ...claims, iat: Math.floor(Date.now() / 1000) - 3600 })],
  ])('with a proof for %s', async (_, change) => {
    const claims = change({ htm: 'POST', htu: `${api()}/oauth/token` });
    const dpop = await forgeProof({ key: owner }, claims as Record<string, unknown>);
    const { body } = await askWith(dpop, await fresh());
    expect(body).toMatchObject({ error: 'invalid_dpop_proof' });
  });

  test('with a proof that was used', async () => {
    const dpop = await forgeProof({ key: owner }, { htm: 'POST', htu: `${api()}/oauth/token` });
    expect((await askWith(dpop, await fresh())).body['access_token']).toEqual(expect.any(String));
    expect((await askWith(dpop, await fresh())).body['access_token']).toBeUndefined();
  });

  test('a second time, and the tokens of the first time end', async () => {
    const fields = await fresh();
    const { body } = await ask(owner, fields);
    const whoami = async () => {
      const url = `${api()}/api/v1/whoami`;
      const accessToken = String(body['access_token']);
      const dpop = await owner.prove({ method: 'GET', url, accessToken, nowMs: Date.now() });
      return (await fetch(url, { headers: { authorization: `DPoP ${accessToken}`, dpop } })).status;
    };
    expect(await whoami()).toBe(200);
    await logs('sign-in-revoked', { client: 'weir-cli' }, async () => {
      expect((await ask(owner, fields)).body).toMatchObject({ error: 'invalid_grant' });
    });
    expect(await whoami()).toBe(401);
    const again = { grant_type: 'refresh_token', refresh_token: body['refresh_token'] };
    expect((await ask(owner, again)).body).toMatchObject({ error: 'invalid_grant' });
  });

  test.each<[string, Record<string, string>, string]>([
    ['name and password', { grant_type: 'password', username: 'alice', password }, 'unsupported_grant_type'],
    ['nothing but its name', { grant_type: 'client_credentials' }, 'unsupported_grant_type'],
  ])('there is no way by %s', async (_, fields, error) => {
    expect((await ask(owner, fields)).body).toMatchObject({ error });
  });
});

describe('a stolen refresh token gets no token', () => {
  const tokens = async () => {
    const key = await createDpopKey();
    const { searchParams } = await callback(await requestPath());
    const { body } = await ask(key, exchange(searchParams.get('code')));
    return { key, refresh: { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) } };
  };
  test.each<[string, (key: DpopKey) => Promise<DpopKey | undefined>, Record<string, string>]>([
    ['without a proof', async () => undefined, {}],
    ['with a proof of another key', () => createDpopKey(), {}],
    ['by another program', async (key) => key, { client_id: 'tool' }],
    ['for more than was granted', async (key) => key, { scope: 'api admin' }],
    ['for another resource', async (key) => key, { resource: 'https://other.example/api' }],
  ])('%s', async (_, keyOf, changes) => {
    const { key, refresh } = await tokens();
    await logs('oauth-refused', { endpoint: 'token' }, async () => {
      const { status, body } = await ask(await keyOf(key), { ...refresh, ...changes });
      expect([status, body['access_token']]).toEqual([400, undefined]);
    });
  });

  test('after its owner has used it: the whole sign-in ends, whoever was first', async () => {
    const { key, refresh } = await tokens();
    const { body } = await ask(key, refresh);
    await logs('sign-in-revoked', { client: 'weir-cli' }, async () => {
      expect((await ask(key, refresh)).body).toMatchObject({ error: 'invalid_grant' });
    });
    const next = { ...refresh, refresh_token: body['refresh_token'] };
    expect((await ask(key, next)).body).toMatchObject({ error: 'invalid_grant' });
  });

  test('nor does it end the sign-in of somebody else: only its own program revokes it', async () => {
    const { key, refresh } = await tokens();
    const body = new URLSearchParams({ client_id: 'tool', token: refresh.refresh_token });
    await fetch(`${api()}/oauth/revoke`, { method: 'POST', body });
    expect((await ask(key, refresh)).status).toBe(200);
  });
});

describe('a browser', () => {
  /** The names of cookies that stand for a browser, with their values. */
  const cookiesOf = ({ cookies }: TestBrowser) =>
    [...cookies.entries()].filter(([name]) => /^weir-(oauth-)?\d+$/.test(name));

  test('has other cookies after the sign-in than before: who planted one has nothing', async () => {
    const [attacker, victim] = [openBrowser(gateway), openBrowser(gateway)];
    await attacker.get(await toolRequest());
    for (const [name, value] of attacker.cookies) victim.cookies.set(name, value);
    await victim.get(await toolRequest());
    const shown = await victim.submit({ user: 'alice', password });
    expect(shown.text).toContain('Let The tool act for you?');
    expect((await attacker.get('/signed-in')).path).toContain('/sign-in/');
    expect((await attacker.get(await toolRequest())).path).toContain('/sign-in/');
    const kept = cookiesOf(attacker).filter(([name, value]) => victim.cookies.get(name) === value);
    expect(kept).toEqual([]);
  });

  test('does not sign in for a request that was begun in another browser', async () => {
    const { path } = await openBrowser(gateway).get(await requestPath());
    await logs('form-refused', { why: 'it was begun in another browser' }, async () => {
      const victim = openBrowser(gateway);
      await victim.get(path);
      expect((await victim.submit({ user: 'alice', password })).status).toBe(410);
    });
  });

  test('goes on to pages of the gateway only', async () => {
    for (const next of [
      'https://evil.example',
      '//evil.example',
      '/\\evil.example',
      '/%5cevil.example/..',
      '\t//evil.example',
    ]) {
      const browser = openBrowser(gateway);
      const shown = await browser.get(`/sign-in?next=${encodeURIComponent(next)}`).catch((error: unknown) => error);
      if (shown instanceof LedAway) throw shown;
      if ((shown as Shown).status !== 200) continue;
      expect(await browser.submit({ user: 'alice', password }).catch((error: unknown) => error)).not.toBeInstanceOf(
        LedAway,
      );
    }
  });
});

describe('a gateway behind a proxy that ends TLS', () => {
  let other: TestGateway;
  beforeAll(async () => {
    const issuer = 'https://weir.example.com';
    other = await startTestGateway((config) => ({ ...config, identity: { ...config.identity, issuer } }));
  });
  afterAll(() => other.close());
  /** A request with headers that fetch does not let pass. */
  const get = (path: string, headers: Record<string, string>) =>
    new Promise<{ text: string; cookies: string[] }>((resolve, reject) => {
      const sent = request(other.gateway.addresses.api + path, { headers }, (answer) => {
        let body = '';
        answer.on('data', (bytes: Buffer) => {
          body += bytes.toString();
        });
        answer.on('end', () => {
          resolve({ text: `${answer.headers.location ?? ''} ${body}`, cookies: answer.headers['set-cookie'] ?? [] });
        });
      });
      sent.once('error', reject).end();
    });

  test.each<[string, Record<string, string>]>([
    ['Host', { host: 'evil.example' }],
    ['X-Forwarded-Host', { 'x-forwarded-host': 'evil.example' }],
    ['X-Forwarded-Proto', { 'x-forwarded-proto': 'http' }],
    ['Forwarded', { forwarded: 'host=evil.example;proto=http' }],
  ])('names its own address, whatever the header %s says', async (_, headers) => {
    for (const path of ['/.well-known/oauth-authorization-server', '/oauth/device', await requestPath()]) {
      const { text } = await get(path, headers);
      expect(text).not.toContain('evil.example');
      expect(text).not.toContain('http://weir.example.com');
    }
  });

  test('gives cookies to https alone, and to this host alone', async () => {
    const [page] = (await get('/sign-in/page.L3NpZ25lZC1pbg', {})).cookies;
    expect(page).toMatch(/^__Host-weir=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/);
    const { cookies } = await get(await requestPath(), {});
    expect(cookies.length).toBeGreaterThan(0);
    for (const cookie of cookies) expect(cookie).toMatch(/; samesite=lax; secure; httponly$/i);
  });
});

describe("a form that another site sends in the person's browser does nothing", () => {
  /** A browser with a form before it, and what shows that it was sent. */
  type Opened = { browser: TestBrowser; fields: Record<string, string>; isDone: (shown: Shown | LedAway) => boolean };
  const forms: [string, () => Promise<Opened>][] = [
    [
      'sign-in',
      async () => {
        const browser = openBrowser(gateway);
        await browser.get('/sign-in');
        return {
          browser,
          fields: { user: 'alice', password },
          isDone: (shown) => 'text' in shown && shown.text.includes('Signed in as'),
        };
      },
    ],
    [
      'sign-in for a program',
      async () => {
        const browser = openBrowser(gateway);
        await browser.get(await requestPath());
        return { browser, fields: { user: 'alice', password }, isDone: (shown) => shown instanceof LedAway };
      },
    ],
    [
      'consent',
      async () => {
        const browser = openBrowser(gateway);
        await browser.get(await toolRequest());
        await browser.submit({ user: 'alice', password });
        return { browser, fields: { decision: 'allow' }, isDone: (shown) => shown instanceof LedAway };
      },
    ],
    [
      'sign-out',
      async () => {
        const browser = openBrowser(gateway);
        await browser.get('/sign-in');
        await browser.submit({ user: 'alice', password });
        return { browser, fields: {}, isDone: (shown) => 'text' in shown && shown.text.includes('Signed out') };
      },
    ],
  ];
  const forgeries: [string, (browser: TestBrowser) => Promise<[Record<string, string>, Record<string, string>]>][] = [
    ['without its token', async () => [{ csrf: '' }, {}]],
    [
      'with a token of another browser',
      async () => {
        const { text } = await openBrowser(gateway).get('/sign-in');
        return [{ csrf: /name="csrf" value="([^"]*)"/.exec(text)?.[1] ?? '' }, {}];
      },
    ],
    ['with all that it needs', async () => [{}, { origin: 'https://evil.example' }]],
    ['from a page without origin', async () => [{}, { origin: 'null' }]],
    [
      'without the cookie',
      async (browser) => {
        for (const name of browser.cookies.keys()) if (/^weir-\d+$/.test(name)) browser.cookies.delete(name);
        return [{}, {}];
      },
    ],
  ];
  test.each(forms.flatMap(([form, open]) => forgeries.map(([how, forge]) => [form, how, open, forge] as const)))(
    '%s: %s',
    async (_form, _how, open, forge) => {
      const { browser, fields, isDone } = await open();
      const [hidden, headers] = await forge(browser);
      await logs('form-refused', {}, async () => {
        const shown = await browser
          .submit({ ...fields, ...hidden }, headers)
          .catch((error: unknown) => error as LedAway);
        expect(isDone(shown)).toBe(false);
      });
    },
  );
  test.each(forms)('%s: sent by its owner it does', async (_form, open) => {
    const { browser, fields, isDone } = await open();
    expect(isDone(await browser.submit(fields).catch((error: unknown) => error as LedAway))).toBe(true);
  });
});
