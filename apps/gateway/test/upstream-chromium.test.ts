import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  beginCodeFlow,
  beginDeviceFlow,
  createDpopKey,
  createTokenHolder,
  type DpopKey,
  discover,
  type Tokens,
} from '@weir/api';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeInChromium, startChromium } from './fixture/chromium.ts';
import { type OidcIdp, startOidcIdp } from './fixture/oidc-idp.ts';
import { type SamlIdp, startSamlIdp } from './fixture/saml-idp.ts';
import type { TestGateway } from './fixture/test-gateway.ts';
import { oidcConfig, startUpstreamGateway } from './fixture/upstream-gateway.ts';

describeInChromium('in Chromium, by keyboard alone, a person signs in', () => {
  let browser: Browser;
  let oidc: OidcIdp;
  let saml: SamlIdp;
  let gateway: TestGateway;

  beforeAll(async () => {
    [browser, oidc, saml] = await Promise.all([startChromium(), startOidcIdp(), startSamlIdp()]);
    gateway = await startUpstreamGateway([
      oidcConfig('okta', oidc.issuer, { label: 'Okta' }),
      { name: 'corp', label: 'Corp', type: 'saml', metadataUrl: saml.metadataUrl, groups: { claim: 'groups' } },
    ]);
    const at = `${gateway.gateway.addresses.api}/upstream`;
    oidc.open({ redirectUri: `${at}/okta/callback`, logoutUri: `${at}/okta/logout` });
    saml.open(await (await fetch(`${at}/corp/metadata`)).text());
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    await gateway.close();
    await Promise.all([oidc.close(), saml.close()]);
  });

  /** Opens a page that leads to the sign-in page. */
  const open = async (url = `${gateway.gateway.addresses.api}/sign-in`): Promise<Page> => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(url);
    return page;
  };
  /** Goes to a button by the Tab key and presses it. */
  const press = async (label: string, from?: Page): Promise<Page> => {
    const page = from ?? (await open());
    for (let steps = 0; steps < 10; steps++) {
      await page.keyboard.press('Tab');
      if ((await page.evaluate('document.activeElement.textContent')) === label) break;
    }
    await page.keyboard.press('Enter');
    return page;
  };
  const whoHas = async (tokens: Tokens, key: DpopKey): Promise<string> => {
    const holder = createTokenHolder({ key, tokens, renew: async () => tokens });
    return (await gateway.withToken(holder).whoami()).user;
  };
  const heading = (page: Page, text: string) => page.getByRole('heading', { name: text }).waitFor({ timeout: 20_000 });

  it('by OpenID Connect', async () => {
    oidc.people.set('o', { preferred_username: 'olga', groups: ['developers'] });
    oidc.signsIn = 'o';
    const page = await press('Okta');
    await heading(page, 'Signed in as olga');
    expect(new URL(page.url()).pathname).toBe('/signed-in');
  });

  it('by SAML, whose form comes from another site', async () => {
    saml.people.set('sven@example.com', ['developers']);
    saml.signsIn = 'sven@example.com';
    const page = await press('Corp');
    const button = page.getByRole('button', { name: 'Go on' });
    await button.focus();
    expect(new URL(page.url()).hostname).toBe('localhost');
    await page.keyboard.press('Enter');
    await heading(page, 'Signed in as sven');
    expect(new URL(page.url()).pathname).toBe('/signed-in');
  });

  it('by SAML for `weir login`, which is told on its loopback port', async () => {
    saml.people.set('lena@example.com', ['developers']);
    saml.signsIn = 'lena@example.com';
    const arrived = Promise.withResolvers<string>();
    const server = createServer((request, response) => {
      response.end('Done.');
      arrived.resolve(request.url ?? '');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`;
    const [metadata, key] = [await discover(gateway.gateway.addresses.api), await createDpopKey()];
    const flow = await beginCodeFlow(metadata, key, redirectUri);
    const page = await press('Corp', await open(flow.url));
    await page.getByRole('button', { name: 'Go on' }).press('Enter');
    const tokens = await flow.finish(new URL(await arrived.promise, redirectUri));
    expect(await whoHas(tokens, key)).toBe('lena');
    server.closeAllConnections();
    server.close();
  });

  it('by OpenID Connect for another device', async () => {
    oidc.people.set('d', { preferred_username: 'dora', groups: ['developers'] });
    oidc.signsIn = 'd';
    const [metadata, key] = [await discover(gateway.gateway.addresses.api), await createDpopKey()];
    const flow = await beginDeviceFlow(metadata, key);
    const tokens = flow.finish();
    const page = await open(flow.address);
    // The field has the focus by itself, but not before the page is drawn.
    await page.waitForFunction("document.activeElement.id === 'code'");
    await page.keyboard.type(flow.userCode);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'It is mine: continue' }).press('Enter');
    await heading(page, 'Sign in');
    await press('Okta', page);
    await heading(page, 'The device is signed in');
    expect(await whoHas(await tokens, key)).toBe('dora');
  });

  it('or reads why not', async () => {
    oidc.people.set('p', { preferred_username: 'peter' });
    oidc.signsIn = 'p';
    const page = await press('Okta');
    await heading(page, 'You are not signed in');
    expect(await page.getByRole('alert').textContent()).toBe('okta did not say which groups you are in.');
    await page.getByRole('link', { name: 'Sign in again' }).press('Enter');
    await heading(page, 'Sign in');
  });
});
