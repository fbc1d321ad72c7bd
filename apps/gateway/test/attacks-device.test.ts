import { beginDeviceFlow, createDpopKey, type DpopKey, discover } from '@weir/api';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openBrowser, type Shown, signedInBrowser, type TestBrowser } from './fixture/browser.ts';
import { failure, password, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.close());

interface Device {
  readonly userCode: string;
  readonly link: string;
  /** Asks for the tokens once. */
  poll(changes?: { readonly client?: string; readonly key?: DpopKey | null }): Promise<Record<string, string>>;
}

const api = () => gateway.gateway.addresses.api;
const post = async (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) => {
  const response = await fetch(api() + path, { method: 'POST', headers, body: new URLSearchParams(fields) });
  return (await response.json()) as Record<string, string>;
};
/** Starts a device that wants to be signed in. */
async function startDevice(): Promise<Device> {
  const own = await createDpopKey();
  const asked = await post('/oauth/device/auth', { client_id: 'weir-cli', scope: 'api' });
  return {
    userCode: String(asked['user_code']),
    link: String(asked['verification_uri_complete']),
    poll: async ({ client = 'weir-cli', key = own } = {}) => {
      const dpop = key && (await key.prove({ method: 'POST', url: `${api()}/oauth/token`, nowMs: Date.now() }));
      const fields = {
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        device_code: String(asked['device_code']),
        client_id: client,
      };
      return post('/oauth/token', fields, dpop === null ? {} : { dpop });
    },
  };
}
const enter = async (browser: TestBrowser, user_code: string): Promise<Shown> => {
  await browser.get('/oauth/device');
  return browser.submit({ user_code });
};
const refusals = async () => {
  const events = await (await gateway.as('admin')).listAuditEvents({ action: 'oauth-refused', limit: 1000 });
  return events.map(({ detail }) => detail);
};

test('a device is signed in by somebody who types its code, sees it again and signs in', async () => {
  const device = await startDevice();
  expect(await device.poll()).toMatchObject({ error: 'authorization_pending' });
  const browser = openBrowser(gateway);
  const confirm = await enter(browser, device.userCode.toLowerCase().replace('-', ' '));
  expect(confirm.text).toContain(`<p class="code">${device.userCode}</p>`);
  expect(confirm.text).toMatch(/the weir command.*127\.0\.0\.1/s);
  expect(await device.poll()).toMatchObject({ error: 'authorization_pending' });
  await browser.submit({ confirm: 'yes' });
  expect(await device.poll()).toMatchObject({ error: 'authorization_pending' });
  expect((await browser.submit({ user: 'alice', password })).text).toContain('The device is signed in');
  expect(await device.poll()).toMatchObject({ token_type: 'DPoP', access_token: expect.any(String) });
  expect(await device.poll()).toMatchObject({ error: 'invalid_grant' });
});

test('a link that brings the code along does not fill it in: its sender would have typed it for the person', async () => {
  const { link, userCode } = await startDevice();
  const shown = await openBrowser(gateway).get(link.slice(api().length));
  expect(shown.text).toContain('Code that the device shows');
  expect(shown.text).not.toContain(userCode);
});

test('somebody who is signed in already has to sign in again: a slip of the hand gives nothing away', async () => {
  const device = await startDevice();
  const browser = await signedInBrowser(gateway, 'alice');
  await enter(browser, device.userCode);
  const shown = await browser.submit({ confirm: 'yes' });
  expect(shown.path).toMatch(/^\/sign-in\//);
  expect(await device.poll()).toMatchObject({ error: 'authorization_pending' });
});

test('the person stops: the device gets nothing, and the code is dead', async () => {
  const device = await startDevice();
  const browser = openBrowser(gateway);
  await enter(browser, device.userCode);
  expect((await browser.submit({ abort: 'yes' })).text).toContain('Stopped');
  expect(await device.poll()).toMatchObject({ error: 'access_denied' });
  expect((await enter(openBrowser(gateway), device.userCode)).text).toContain('unknown or was used');
});

test.each<[string, Record<string, string>]>([
  ['without its token', { xsrf: '' }],
  ['with a token of another browser', { xsrf: 'f'.repeat(48) }],
])('a form of another site confirms nothing: %s', async (_, forged) => {
  const device = await startDevice();
  const browser = openBrowser(gateway);
  await enter(browser, device.userCode);
  const shown = await browser.submit({ confirm: 'yes', ...forged });
  expect(shown.path).toBe('/oauth/device');
  expect(shown.text).toContain('did not come from this page');
  expect(await device.poll()).toMatchObject({ error: 'authorization_pending' });
  await vi.waitFor(async () => {
    const refused = { endpoint: 'code_verification', description: expect.stringContaining('xsrf') };
    expect(await refusals()).toContainEqual(expect.objectContaining(refused));
  });
});

test('the code of a device is for its program, and for the key that asks', async () => {
  const device = await startDevice();
  const browser = openBrowser(gateway);
  await enter(browser, device.userCode);
  await browser.submit({ confirm: 'yes' });
  await browser.submit({ user: 'alice', password });
  expect(await device.poll({ client: 'nobody' })).toMatchObject({ error: 'invalid_client' });
  expect((await device.poll({ key: null }))['access_token']).toBeUndefined();
});

test('a gateway can switch this way off', async () => {
  const other = await startTestGateway((config) => ({
    ...config,
    identity: { ...config.identity, deviceFlow: false },
  }));
  const at = other.gateway.addresses.api;
  expect((await fetch(`${at}/oauth/device`)).status).toBe(404);
  const body = new URLSearchParams({ client_id: 'weir-cli', scope: 'api' });
  expect((await fetch(`${at}/oauth/device/auth`, { method: 'POST', body })).status).toBe(404);
  const error = await failure(beginDeviceFlow(await discover(at), await createDpopKey()));
  expect(error).toMatchObject({ code: 'not_permitted', message: 'This gateway does not sign in other devices.' });
  await other.close();
});

test('codes cannot be guessed: 20 attempts a minute from one address, each in the log', async () => {
  gateway.advance(61_000);
  const device = await startDevice();
  const browser = openBrowser(gateway);
  const before = (await refusals()).filter(({ error }) => error === 'unknown_code').length;
  for (let guess = 0; guess < 20; guess++) {
    expect((await enter(browser, `BBBB-BBB${'BCDFGHJKLMNPQRSTVWXZ'[guess]}`)).text).toContain('unknown or was used');
  }
  const blocked = await enter(browser, device.userCode);
  expect([blocked.status, blocked.text]).toEqual([429, expect.stringContaining('Wait')]);
  await vi.waitFor(async () => {
    const errors = (await refusals()).map(({ error }) => error);
    expect(errors.filter((error) => error === 'unknown_code')).toHaveLength(before + 20);
    expect(errors).toContain('too_many_attempts');
  });
  gateway.advance(61_000);
  expect((await enter(browser, device.userCode)).text).toContain('Is this your device?');
});
