import type { ApiClient } from '@weir/api';
import { type Authenticator, createAuthenticator, type Deviation } from '@weir/testkit/authenticator';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBrowser, type Shown, signedInBrowser, type TestBrowser } from './fixture/browser.ts';
import { type LocalhostGateway, startLocalhostGateway } from './fixture/localhost-gateway.ts';
import { failure, password } from './fixture/test-gateway.ts';

let gateway: LocalhostGateway;
let admin: ApiClient;
beforeAll(async () => {
  gateway = await startLocalhostGateway();
  admin = await gateway.client('admin');
});
afterAll(() => gateway.close());

/** Options that a page gives to the browser. */
function optionsOf({ text, path }: Shown): object {
  const match = /data-options="([^"]*)"/.exec(text);
  if (match === null) throw new Error(`no passkey is asked for on ${path}: ${text}`);
  const plain = (match[1] ?? '').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
  return JSON.parse(plain) as object;
}
const alertOf = ({ text }: Shown): string => /role="alert">([^<]*)</.exec(text)?.[1]?.replaceAll('&#39;', "'") ?? '';
const lastEvent = async (action: string) => (await admin.listAuditEvents({ action, limit: 1000 })).at(-1);

/** Sends the form that asks for a passkey. */
async function send(
  browser: TestBrowser,
  page: Shown,
  answer: string,
  more: Record<string, string> = {},
): Promise<Shown> {
  const action = /<form method="post" action="([^"]*)" data-passkey/.exec(page.text)?.[1] ?? '';
  const csrf = /name="csrf" value="([^"]*)"/.exec(page.text)?.[1] ?? '';
  return browser.post(action, { csrf, answer, ...more });
}
async function register(browser: TestBrowser, key: Authenticator, deviation?: Deviation): Promise<Shown> {
  const page = await browser.get('/account');
  return send(browser, page, key.create(optionsOf(page), deviation), { name: 'laptop' });
}
let count = 0;
/** A person with a passkey. */
async function person(roles: string[] = []): Promise<{ name: string; key: Authenticator; browser: TestBrowser }> {
  const name = `person-${++count}`;
  await admin.putUser(name, { password, groups: ['developers'], roles: roles as [] });
  const key = createAuthenticator(gateway.origin);
  const browser = await signedInBrowser(gateway, name);
  const shown = await register(browser, key);
  expect(shown.text).toContain('laptop (last used never)');
  return { name, key, browser };
}

describe('a passkey', () => {
  test('is added on the page of the account and signs in, as two factors', async () => {
    const { name, key } = await person();
    expect(await lastEvent('passkey-added')).toMatchObject({
      actor: name,
      detail: { before: null, after: { name: 'laptop' } },
    });
    const browser = openBrowser(gateway);
    const methods = (await browser.get('/sign-in')).text;
    expect(methods).toContain('Sign in with a passkey');
    const page = await browser.get(/href="(\/sign-in\/[^"]*\/passkey)"/.exec(methods)?.[1] ?? '');
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
    expect(page.text).not.toMatch(/<script(?! src="\/pages\/passkey\.js")/);
    const shown = await send(browser, page, key.get(optionsOf(page)));
    expect(shown.text).toContain(`Signed in as ${name}`);
    expect(await lastEvent('login')).toMatchObject({ actor: name, detail: { by: ['hwk', 'user', 'mfa'] } });
  });

  test('is not added long after signing in, and a second one not by a password', async () => {
    const { name, browser } = await person();
    const again = await signedInBrowser(gateway, name);
    const page = await again.get('/account');
    expect(page.text).not.toContain('data-passkey');
    expect(page.text).toContain('Use a passkey to change passkeys');
    const csrf = /name="csrf" value="([^"]*)"/.exec(page.text)?.[1] ?? '';
    const forced = await again.post('/account/passkeys', { csrf, name: 'mine', answer: '{}' });
    expect([forced.status, alertOf(forced)]).toMatchObject([403, expect.stringContaining('right after proving')]);
    const removed = await again.post('/account/passkeys/remove', { csrf, id: 'x' });
    expect(removed.status).toBe(403);
    await admin.putUser('late', { password });
    const late = await signedInBrowser(gateway, 'late');
    gateway.advance(11 * 60_000);
    expect((await late.get('/account')).text).toContain('Sign in again to add a passkey');
    gateway.advance(-11 * 60_000);
    expect((await browser.get('/account')).text).toContain('laptop');
  });

  test('lets its owner add and remove others after its use', async () => {
    const { name, key } = await person();
    const browser = await signedInBrowser(gateway, name);
    await browser.get('/account');
    const page = await browser.submit({});
    expect(page.text).toContain('This browser asks for a second factor');
    const account = await send(browser, page, key.get(optionsOf(page)));
    const second = createAuthenticator(gateway.origin);
    const two = await send(browser, account, second.create(optionsOf(account)), { name: 'phone' });
    expect(two.text).toContain('phone (last used never)');
    const csrf = /name="csrf" value="([^"]*)"/.exec(two.text)?.[1] ?? '';
    const one = await browser.post('/account/passkeys/remove', { csrf, id: key.id });
    expect(one.text).not.toContain('laptop');
    expect(await lastEvent('passkey-removed')).toMatchObject({ actor: name, detail: { before: { name: 'laptop' } } });
    const foreign = await person();
    expect((await browser.post('/account/passkeys/remove', { csrf, id: foreign.key.id })).status).toBe(404);
  });

  test('is taken by administrators from those who lost it, and not from oneself', async () => {
    const { name, key } = await person();
    expect((await failure((await gateway.client(name)).resetPasskeys(name))).code).toBe('not_permitted');
    expect((await failure(admin.resetPasskeys('admin'))).code).toBe('not_permitted');
    await admin.resetPasskeys(name);
    expect(await lastEvent('passkeys-reset')).toMatchObject({
      actor: 'admin',
      subject: name,
      detail: { before: { passkeys: ['laptop'] } },
    });
    const browser = openBrowser(gateway);
    const page = await browser.get(`/sign-in/page.${Buffer.from('/signed-in').toString('base64url')}/passkey`);
    expect(alertOf(await send(browser, page, key.get(optionsOf(page))))).toContain('It is not known here.');
  });
});

describe('an answer to the sign-in page gives nothing', () => {
  const path = `/sign-in/page.${Buffer.from('/signed-in').toString('base64url')}/passkey`;
  let owner: Awaited<ReturnType<typeof person>>;
  beforeAll(async () => {
    owner = await person();
  });
  test.each<[string, Deviation, string]>([
    ['from a page of another origin', { origin: 'https://weir.example.net' }, 'origin'],
    ['from another port', { origin: 'http://localhost:1' }, 'origin'],
    ['for another name', { rpId: 'example.com' }, 'RP ID'],
    ['without verification of the person', { userVerified: false }, 'could not be verified'],
    ['without a person', { userPresent: false, userVerified: true }, 'not present'],
    ['with a signature of another key', { forged: true }, 'signature'],
    ['to another challenge', { challenge: Buffer.alloc(32, 1).toString('base64url') }, 'challenge'],
    ['that is a registration', { type: 'webauthn.create' }, 'type'],
    ['that names another account', { userHandle: Buffer.from('somebody').toString('base64url') }, 'another account'],
  ])('%s', async (_name, deviation, why) => {
    const browser = openBrowser(gateway);
    const page = await browser.get(path);
    const shown = await send(browser, page, owner.key.get(optionsOf(page), deviation));
    expect([shown.status, alertOf(shown)]).toMatchObject([401, expect.stringContaining('was not accepted')]);
    expect((await browser.get('/signed-in')).path).toMatch(/^\/sign-in\//);
    const event = await lastEvent('passkey-refused');
    expect(event).toMatchObject({ actor: owner.name, detail: { purpose: 'sign-in' } });
    expect(String(event?.detail['why']).toLowerCase()).toContain(why.toLowerCase());
  });

  test('a second time, and in another browser', async () => {
    const [one, other] = [openBrowser(gateway), openBrowser(gateway)];
    const [page, otherPage] = [await one.get(path), await other.get(path)];
    const answer = owner.key.get(optionsOf(page));
    // The thief sends what he saw with his own form; the challenge was given to the other browser.
    expect((await send(other, otherPage, answer)).status).toBe(401);
    expect((await send(one, page, answer)).status).toBe(401);
    const fresh = await one.get(path);
    const again = owner.key.get(optionsOf(fresh));
    expect((await send(one, fresh, again)).text).toContain('Signed in as');
    const replay = await one.get(path);
    expect((await send(one, replay, again)).status).toBe(401);
  });

  test('too late', async () => {
    const browser = openBrowser(gateway);
    const page = await browser.get(path);
    gateway.advance(301_000);
    expect((await send(browser, page, owner.key.get(optionsOf(page)))).status).toBe(401);
    gateway.advance(-301_000);
  });

  test('without the form of this browser', async () => {
    const browser = openBrowser(gateway);
    const page = await browser.get(path);
    const answer = owner.key.get(optionsOf(page));
    expect((await openBrowser(gateway).post(path, { answer })).status).toBe(403);
    const csrf = /name="csrf" value="([^"]*)"/.exec(page.text)?.[1] ?? '';
    expect((await browser.post(path, { csrf, answer }, { origin: 'https://evil.example' })).status).toBe(403);
  });

  test('of an account that is disabled, or comes from elsewhere', async () => {
    const { name, key } = await person();
    const { users } = gateway.gateway.repositories;
    const sign = async () => {
      const browser = openBrowser(gateway);
      const page = await browser.get(path);
      return send(browser, page, key.get(optionsOf(page)));
    };
    await admin.putUser(name, { disabled: true });
    expect(alertOf(await sign())).toContain('The account is disabled.');
    await admin.putUser(name, { disabled: false });
    await users.update(name, { source: 'okta' });
    expect(alertOf(await sign())).toContain('its passkey is a second factor');
    await users.update(name, { source: 'local' });
    expect((await sign()).status).toBe(200);
  });

  test('when its counter goes back: the passkey is locked, for the copy and the original', async () => {
    const { name, key } = await person();
    const sign = async (deviation: Deviation = {}) => {
      const browser = openBrowser(gateway);
      const page = await browser.get(path);
      return send(browser, page, key.get(optionsOf(page), deviation));
    };
    expect((await sign({ counter: 7 })).text).toContain('Signed in as');
    expect(alertOf(await sign({ counter: 7 }))).toContain('a copy of it was used');
    expect(await lastEvent('passkey-copy-suspected')).toMatchObject({ actor: name, detail: { counter: 7, before: 7 } });
    expect(alertOf(await sign({ counter: 99 }))).toContain('It is locked');
  });
});

describe('registration gives nothing', () => {
  test.each<[string, Deviation]>([
    ['on another origin', { origin: 'https://weir.example.net' }],
    ['without verification of the person', { userVerified: false }],
    ['to another challenge', { challenge: Buffer.alloc(32, 1).toString('base64url') }],
    ['by an answer for signing in', { type: 'webauthn.get' }],
  ])('%s', async (_name, deviation) => {
    const name = `reg-${++count}`;
    await admin.putUser(name, { password });
    const browser = await signedInBrowser(gateway, name);
    const shown = await register(browser, createAuthenticator(gateway.origin), deviation);
    expect(shown.status).toBe(401);
    expect((await browser.get('/account')).text).toContain('You have none yet.');
  });

  test('with the challenge of another person, and of a passkey that somebody else has', async () => {
    const [one, other] = [await person(), await person()];
    await admin.resetPasskeys(other.name);
    const browser = await signedInBrowser(gateway, other.name);
    const page = await browser.get('/account');
    const taken = await send(browser, page, one.key.create(optionsOf(page)), { name: 'x' });
    expect([taken.status, alertOf(taken)]).toMatchObject([409, expect.stringContaining('registered already')]);
    const foreign = await (await signedInBrowser(gateway, 'dave')).get('/account');
    const fresh = await browser.get('/account');
    const mixed = await send(browser, fresh, createAuthenticator(gateway.origin).create(optionsOf(foreign)), {
      name: 'x',
    });
    expect(mixed.status).toBe(401);
  });
});

describe('step-up', () => {
  test('gives the sign-in that asked for it a fresh second factor, and no other', async () => {
    const { name, key } = await person();
    const [client, other] = [await gateway.client(name), await gateway.client(name)];
    expect((await client.whoami()).mfaAt).toBeNull();
    const { url, expiresAt } = await client.beginStepUp();
    expect(url).toMatch(new RegExp(`^${gateway.origin}/step-up/[A-Za-z0-9_-]{43}$`));
    expect(new Date(expiresAt).getTime()).toBeGreaterThan(gateway.now());
    const browser = openBrowser(gateway);
    const page = await browser.get(new URL(url).pathname);
    expect(page.text).toContain('127.0.0.1');
    const shown = await send(browser, page, key.get(optionsOf(page)));
    expect(shown.text).toContain('You have proved that it is you');
    const { mfaAt } = await client.whoami();
    expect(gateway.now() - new Date(mfaAt ?? 0).getTime()).toBeLessThan(60_000);
    expect((await other.whoami()).mfaAt).toBeNull();
    expect(await lastEvent('stepped-up')).toMatchObject({ actor: name, detail: { for: 'program', passkey: 'laptop' } });
    expect((await browser.get(new URL(url).pathname)).status).toBe(410);
  });

  test('is refused by the passkey of another person, also of an administrator', async () => {
    const [victim, thief] = [await person(), await person(['admin'])];
    const client = await gateway.client(victim.name);
    const { pathname } = new URL((await client.beginStepUp()).url);
    const browser = openBrowser(gateway);
    const page = await browser.get(pathname);
    const shown = await send(browser, page, thief.key.get(optionsOf(page)));
    expect([shown.status, alertOf(shown)]).toMatchObject([401, expect.stringContaining('another account')]);
    // A challenge for signing in is none for this.
    const signIn = await browser.get(`/sign-in/page.${Buffer.from('/signed-in').toString('base64url')}/passkey`);
    const crossed = await send(browser, await browser.get(pathname), victim.key.get(optionsOf(signIn)));
    expect(crossed.status).toBe(401);
    // And the challenge of one page is none for another.
    const second = await browser.get(new URL((await client.beginStepUp()).url).pathname);
    expect((await send(browser, await browser.get(pathname), victim.key.get(optionsOf(second)))).status).toBe(401);
    expect((await client.whoami()).mfaAt).toBeNull();
  });

  test('works for accounts of providers and directories, too', async () => {
    const { name, key } = await person();
    const client = await gateway.client(name);
    await gateway.gateway.repositories.users.update(name, { source: 'scim' });
    const browser = openBrowser(gateway);
    const page = await browser.get(new URL((await client.beginStepUp()).url).pathname);
    expect((await send(browser, page, key.get(optionsOf(page)))).status).toBe(200);
    expect((await client.whoami()).mfaAt).not.toBeNull();
  });

  test('ends with the sign-in that asked for it', async () => {
    const { name, key } = await person();
    const client = await gateway.client(name);
    const { url } = await client.beginStepUp();
    await client.logout();
    const browser = openBrowser(gateway);
    const page = await browser.get(new URL(url).pathname);
    await send(browser, page, key.get(optionsOf(page)));
    expect((await failure(client.whoami())).code).toBe('sign_in_required');
  });

  test('needs a passkey, and ends', async () => {
    const dave = await gateway.client('dave');
    const none = await failure(dave.beginStepUp());
    expect([none.code, none.fix]).toMatchObject(['conflict', expect.stringContaining('/account')]);
    const { name } = await person();
    const { url } = await (await gateway.client(name)).beginStepUp();
    gateway.advance(601_000);
    expect((await openBrowser(gateway).get(new URL(url).pathname)).status).toBe(410);
    gateway.advance(-601_000);
    expect((await openBrowser(gateway).get('/step-up/none')).status).toBe(410);
  });
});
