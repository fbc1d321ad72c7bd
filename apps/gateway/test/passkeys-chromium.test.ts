import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beginCodeFlow, createApiClient, createDpopKey, createTokenHolder, discover } from '@weir/api';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeInChromium, startChromium } from './fixture/chromium.ts';
import { type LocalhostGateway, startLocalhostGateway } from './fixture/localhost-gateway.ts';
import { password } from './fixture/test-gateway.ts';

describeInChromium('in Chromium, by keyboard alone, a person', () => {
  let browser: Browser;
  let gateway: LocalhostGateway;
  let page: Page;
  let devtools: CDPSession;
  let authenticatorId: string;
  beforeAll(async () => {
    [browser, gateway] = await Promise.all([startChromium(), startLocalhostGateway()]);
    page = await (await browser.newContext()).newPage();
    devtools = await page.context().newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    const options = {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
    } as const;
    const added = await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: { ...options, isUserVerified: true, automaticPresenceSimulation: true },
    });
    authenticatorId = added.authenticatorId;
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    await gateway.close();
  });

  const heading = (text: string) => page.getByRole('heading', { name: text }).waitFor({ timeout: 20_000 });
  /** Goes to a button or link by the Tab key and presses it. */
  const press = async (label: string) => {
    await page.locator('button:enabled, a').filter({ hasText: label }).first().waitFor({ timeout: 20_000 });
    for (let steps = 0; steps < 20; steps++) {
      await page.keyboard.press('Tab');
      if ((await page.evaluate('document.activeElement.textContent.trim()')) === label) break;
    }
    await page.keyboard.press('Enter');
  };
  const problems: string[] = [];

  it('adds a passkey after signing in with the password', async () => {
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    await page.goto(`${gateway.origin}/sign-in?next=/account`);
    await page.getByLabel('Name').focus();
    await page.keyboard.type('alice');
    await page.keyboard.press('Tab');
    await page.keyboard.type(password);
    await page.keyboard.press('Enter');
    await heading('Account alice');
    await press('Add a passkey');
    await page.getByText('Passkey (last used never)').waitFor({ timeout: 20_000 });
    const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId });
    expect(credentials).toMatchObject([{ isResidentCredential: true, rpId: 'localhost' }]);
  });

  it('signs in with it, without a name or password', async () => {
    await page.goto(`${gateway.origin}/signed-in`);
    await press('Sign out');
    await heading('Signed out');
    await page.goto(`${gateway.origin}/sign-in`);
    await press('Sign in with a passkey');
    await heading('Sign in with a passkey');
    await press('Use a passkey');
    await heading('Signed in as alice');
    expect(problems).toEqual([]);
  });

  it('steps a program up', async () => {
    const client = await gateway.client('alice');
    expect((await client.whoami()).mfaAt).toBeNull();
    await page.goto((await client.beginStepUp()).url);
    await heading('Prove that it is you');
    await press('It is me: use a passkey');
    await heading('You have proved that it is you');
    expect((await client.whoami()).mfaAt).not.toBeNull();
  });

  it('signs a program in, whose sign-in then has a second factor', async () => {
    const arrived = Promise.withResolvers<URL>();
    const server = createServer((request, response) => {
      response.end('You can go back.');
      if (request.url?.startsWith('/callback') === true) arrived.resolve(new URL(request.url, 'http://127.0.0.1'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const key = await createDpopKey();
      const flow = await beginCodeFlow(await discover(gateway.origin), key, `http://127.0.0.1:${port}/callback`);
      await page.goto(flow.url);
      await press('Sign in with a passkey');
      await press('Use a passkey');
      const tokens = await flow.finish(await arrived.promise);
      const authorizer = createTokenHolder({ key, tokens, renew: async () => tokens, now: gateway.now });
      const { user, mfaAt } = await createApiClient({ baseUrl: gateway.origin, authorizer }).whoami();
      expect(user).toBe('alice');
      expect(gateway.now() - Date.parse(mfaAt ?? '')).toBeLessThan(60_000);
      expect(problems.filter((text) => text.includes('Content Security Policy'))).toEqual([]);
    } finally {
      server.close();
    }
  });

  it('is refused when the device does not verify him, and reads it', async () => {
    await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
    await page.goto(`${gateway.origin}/sign-in`);
    await press('Sign in with a passkey');
    await press('Use a passkey');
    await page.getByText('No passkey was used').waitFor({ timeout: 20_000 });
    await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });
  });

  it('finds the passkey locked when a copy of it was used', async () => {
    const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId });
    const [credential] = credentials;
    if (credential === undefined) throw new Error('the passkey is gone');
    await devtools.send('WebAuthn.clearCredentials', { authenticatorId });
    await devtools.send('WebAuthn.addCredential', { authenticatorId, credential: { ...credential, signCount: 0 } });
    await page.goto(`${gateway.origin}/sign-in`);
    await press('Sign in with a passkey');
    await press('Use a passkey');
    await page.getByRole('alert').waitFor({ timeout: 20_000 });
    expect(await page.getByRole('alert').textContent()).toContain('a copy of it was used');
  });
});
