import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beginCodeFlow, beginDeviceFlow, createDpopKey, discover, type ServerMetadata } from '@weir/api';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { describeInChromium, startChromium } from './fixture/chromium.ts';
import { arrive, press, tabTo, type } from './fixture/keyboard.ts';
import { sshClient } from './fixture/ssh-client.ts';
import { password, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

describeInChromium('in Chromium, by keyboard alone and without scripts', () => {
  let browser: Browser;
  let gateway: TestGateway;
  let metadata: ServerMetadata;
  /** Where programs get their answers. */
  let callback: Server;
  let callbackUrl: string;
  /** What the browser complained about, e.g. what its content security policy kept it from. */
  const complaints: string[] = [];

  beforeAll(async () => {
    callback = createServer((_request, response) => response.end('<h1>Back at the program</h1>'));
    await new Promise<void>((resolve) => callback.listen(0, '127.0.0.1', resolve));
    callbackUrl = `http://127.0.0.1:${(callback.address() as AddressInfo).port}/callback`;
    const clients = [{ id: 'tool', name: 'The tool', redirectUris: [callbackUrl] }];
    [browser, gateway] = await Promise.all([
      startChromium(),
      startTestGateway((config) => ({ ...config, identity: { ...config.identity, clients } })),
    ]);
    metadata = await discover(gateway.gateway.addresses.api);
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    callback.close();
    await gateway.close();
  });
  afterEach(() => {
    expect(complaints.splice(0)).toEqual([]);
  });

  const open = async (url: string): Promise<Page> => {
    const page = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().includes('favicon')) complaints.push(message.text());
    });
    await page.goto(url);
    return page;
  };
  const signIn = async (page: Page, by = password): Promise<void> => {
    await arrive(page, 'Sign in');
    await type(page, 'Name', 'alice');
    await type(page, 'Password', by);
    await page.keyboard.press('Enter');
  };
  const toolUrl = async (): Promise<string> => {
    const url = new URL((await beginCodeFlow(metadata, await createDpopKey(), callbackUrl)).url);
    url.searchParams.set('client_id', 'tool');
    return url.href;
  };

  it('a person signs in, is told of a wrong password, and signs out', async () => {
    const page = await open(`${gateway.gateway.addresses.api}/sign-in`);
    await signIn(page, 'wrong');
    const alert = page.getByRole('alert');
    await alert.waitFor();
    expect(await alert.textContent()).toContain('Name or password is wrong.');
    complaints.splice(0);
    await type(page, 'Password', password);
    await page.keyboard.press('Enter');
    await arrive(page, 'Signed in as alice');
    await press(page, 'Sign out');
    await arrive(page, 'Signed out');
  });

  it('a person signs in for the command and is back at it with a code', async () => {
    const key = await createDpopKey();
    const flow = await beginCodeFlow(metadata, key, callbackUrl);
    const page = await open(flow.url);
    await signIn(page);
    await arrive(page, 'Back at the program');
    expect(await flow.finish(new URL(page.url()))).toMatchObject({ refreshToken: expect.any(String) });
  });

  it('a person lets a program act for him, or does not', async () => {
    for (const [button, parameter] of [
      ['Allow', 'code'],
      ['Do not allow', 'error'],
    ] as const) {
      const page = await open(await toolUrl());
      await signIn(page);
      await arrive(page, 'Let The tool act for you?');
      expect(await page.locator('main').textContent()).toContain(new URL(callbackUrl).origin);
      await press(page, button);
      await arrive(page, 'Back at the program');
      expect(new URL(page.url()).searchParams.has(parameter)).toBe(true);
    }
  });

  it('a person signs in a device', async () => {
    const flow = await beginDeviceFlow(metadata, await createDpopKey());
    const done = flow.finish();
    const page = await open(flow.address);
    await type(page, 'Code that the device shows', 'BBBB-BBBB');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    await type(page, 'Code that the device shows', flow.userCode);
    await page.keyboard.press('Enter');
    await arrive(page, 'Is this your device?');
    expect(await page.locator('.code').textContent()).toBe(flow.userCode);
    // The first button that the Tab key reaches must not be a trap either way: both are reached, and named.
    await tabTo(page, 'Stop');
    await page.keyboard.press('Shift+Tab');
    await press(page, 'It is mine: continue');
    await signIn(page);
    await arrive(page, 'The device is signed in');
    expect(await done).toMatchObject({ accessToken: expect.any(String) });
  });

  it('a person confirms an SSH client, or sends it away', async () => {
    for (const [button, heading, kind] of [
      ['Yes, it is mine', 'Signed in', 'accepted'],
      ['No, deny it', 'Denied', 'rejected'],
    ] as const) {
      const asked = await sshClient(gateway, 'alice').byBrowser();
      if (asked.kind !== 'ask') throw new Error('the client is not asked');
      const answer = asked.respond([]);
      const [, link = '', code = ''] = /(http:\S+)\s+code (\S+)/.exec(asked.question.instruction) ?? [];
      const page = await open(link);
      await signIn(page);
      await arrive(page, 'Sign in an SSH client');
      expect(await page.locator('.code').textContent()).toBe(code);
      await tabTo(page, 'No, deny it');
      await page.keyboard.press('Shift+Tab');
      await press(page, button);
      await arrive(page, heading);
      expect((await answer).kind).toBe(kind);
    }
  });

  it('pages are in no frame, and say so where a request cannot go on', async () => {
    const url = new URL(await toolUrl());
    url.searchParams.set('redirect_uri', 'https://evil.example/');
    const page = await open(url.href);
    await arrive(page, 'This cannot go on');
    complaints.splice(0);
    expect(new URL(page.url()).origin).toBe(gateway.gateway.addresses.api);
    const framed = await open(`data:text/html,<iframe src="${gateway.gateway.addresses.api}/sign-in"></iframe>`);
    await framed.waitForLoadState('networkidle');
    expect(await framed.frames()[1]?.content()).not.toContain('Password');
    complaints.splice(0);
  });
});
