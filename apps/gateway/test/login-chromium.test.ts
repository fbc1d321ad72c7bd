import { spawn } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTemporaryFolder } from '@weir/testkit';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeInChromium, startChromium } from './fixture/chromium.ts';
import { arrive, press, type } from './fixture/keyboard.ts';
import { password, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

const program = fileURLToPath(new URL('../../cli/src/main.ts', import.meta.url));

describeInChromium('weir login with Chromium', () => {
  let browser: Browser;
  let gateway: TestGateway;
  const folder = createTemporaryFolder('weir-login', 0o700);
  beforeAll(async () => {
    [browser, gateway] = await Promise.all([startChromium(), startTestGateway()]);
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    await gateway.close();
    folder.remove();
  });

  /** Starts the command line. `said` waits for a text on standard error. */
  const weir = (home: string, ...args: string[]) => {
    const env = { PATH: process.env['PATH'] ?? '', WEIR_HOME: join(folder.path, home) };
    const child = spawn(process.execPath, ['--conditions=source', program, ...args], { env });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (bytes: Buffer) => {
      stdout += bytes.toString();
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    child.stdin.end();
    const said = (pattern: RegExp) =>
      new Promise<string>((resolve, reject) => {
        const look = () => {
          const found = pattern.exec(stderr)?.[1];
          if (found !== undefined) resolve(found);
        };
        child.stderr.on('data', look);
        void ended.then(() => reject(new Error(`weir ended: ${stderr}`)));
        look();
      });
    child.stderr.on('data', (bytes: Buffer) => {
      stderr += bytes.toString();
    });
    return { said, ended: ended.then((status) => ({ status, stdout, stderr })) };
  };
  const run = (home: string, ...args: string[]) => weir(home, ...args).ended;
  const login = (home: string, way: string) => weir(home, 'login', '--gateway', gateway.gateway.addresses.api, way);
  const open = async (url: string): Promise<Page> => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(url);
    return page;
  };
  const signIn = async (page: Page): Promise<void> => {
    await arrive(page, 'Sign in');
    await type(page, 'Name', 'alice');
    await type(page, 'Password', password);
    await page.keyboard.press('Enter');
  };
  interface StoredProfiles {
    profiles: Record<string, { signIn: { key: object; tokens: { expiresAtMs: number } } }>;
  }
  const change = (home: string, edit: (signIn: StoredProfiles['profiles'][string]['signIn']) => void) => {
    const path = join(folder.path, home, 'profiles.json');
    const stored = JSON.parse(readFileSync(path, 'utf8')) as StoredProfiles;
    for (const { signIn } of Object.values(stored.profiles)) edit(signIn);
    writeFileSync(path, JSON.stringify(stored), { mode: 0o600 });
  };

  it('on this computer: the browser comes back to a port of the command', async () => {
    const started = login('browser', '--browser');
    const page = await open(await started.said(/(http:\/\/\S+\/oauth\/auth\S+)/));
    await signIn(page);
    await page.getByText('You can close this page').waitFor({ timeout: 20_000 });
    const { status, stderr } = await started.ended;
    expect(stderr).toContain('as alice (developers)');
    expect(status).toBe(0);
    expect((await run('browser', 'whoami')).stdout).toContain('alice');
  });

  it('on another device: the person types the code there', async () => {
    const started = login('device', '--device');
    const code = await started.said(/code: (\S+)/);
    const page = await open(await started.said(/Open (\S+)/));
    await type(page, 'Code that the device shows', code);
    await page.keyboard.press('Enter');
    await arrive(page, 'Is this your device?');
    await press(page, 'It is mine: continue');
    await signIn(page);
    await arrive(page, 'The device is signed in');
    expect((await started.ended).status).toBe(0);
    expect((await run('device', 'whoami')).status).toBe(0);
  });

  it('on another device: the person stops it', async () => {
    const started = login('stopped', '--device');
    const code = await started.said(/code: (\S+)/);
    const page = await open(await started.said(/Open (\S+)/));
    await type(page, 'Code that the device shows', code);
    await page.keyboard.press('Enter');
    await arrive(page, 'Is this your device?');
    await press(page, 'Stop');
    const { status, stderr } = await started.ended;
    expect(stderr).toContain('stopped in the browser');
    expect(status).toBe(5);
  });

  it('commands at once renew the tokens once, and none loses the sign-in', async () => {
    change('browser', ({ tokens }) => {
      tokens.expiresAtMs = 0;
    });
    const runs = await Promise.all(Array.from({ length: 4 }, () => run('browser', 'whoami')));
    expect(runs.map(({ status, stderr }) => [status, stderr])).toEqual(Array(4).fill([0, '']));
    expect((await run('browser', 'whoami')).status).toBe(0);
  });

  it('a copy of the folder is noticed when both have renewed: the sign-in ends for both', async () => {
    cpSync(join(folder.path, 'device'), join(folder.path, 'copy'), { recursive: true });
    for (const home of ['device', 'copy']) {
      change(home, ({ tokens }) => {
        tokens.expiresAtMs = 0;
      });
    }
    expect((await run('copy', 'whoami')).status).toBe(0);
    expect((await run('device', 'whoami')).status).toBe(4);
    expect((await run('copy', 'whoami')).status).toBe(4);
    const events = await (await gateway.as('admin')).listAuditEvents({ action: 'sign-in-revoked', limit: 10 });
    expect(events.at(-1)).toMatchObject({ actor: 'alice', detail: { client: 'weir-cli' } });
  });

  it('logout ends it at the gateway, too', async () => {
    cpSync(join(folder.path, 'browser'), join(folder.path, 'kept'), { recursive: true });
    expect((await run('kept', 'whoami')).status).toBe(0);
    expect((await run('browser', 'logout')).status).toBe(0);
    expect((await run('browser', 'whoami')).status).toBe(4);
    expect((await run('kept', 'whoami')).status).toBe(4);
  });
});
