import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createApiClient, holdPasswordSignIn } from '@weir/api';
import { createTemporaryFolder, freePort } from '@weir/testkit';
import { createAuthenticator } from '@weir/testkit/authenticator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWeirCli } from './fixture/cli.ts';
import { livePg } from './fixture/drivers.ts';
import { startPsql } from './fixture/psql.ts';
import { passwords, type System, startSystem } from './fixture/system.ts';
import { root, waitFor } from './fixture/wait.ts';

const demo = readFileSync(join(root, 'apps/demo/policy/shop.yaml'), 'utf8');
const closed = demo.replace('groups: [developers, security]', 'groups: [security, provisioned]');
const fresh = `apiVersion: weir.dev/v1
kind: Access
metadata: { name: developers-with-a-second-factor }
spec:
  who: { groups: [developers] }
  connections: { names: [demo-pg] }
  when: mfa.ageSeconds < 900
`;
const token = 'a-token-of-the-directory-for-this-test';
const password = 'a password of eighteen';

describe('a gateway with a directory and passkeys', () => {
  const folder = createTemporaryFolder('weir-e2e-scim');
  let system: System;
  beforeAll(async () => {
    expect(closed).not.toBe(demo);
    const path = join(folder.path, 'token');
    writeFileSync(path, token);
    const port = await freePort();
    const address = `http://localhost:${port}`;
    const identity = { issuer: address, scim: { tokens: [{ from: 'file', path }] } };
    const config = { api: { host: '127.0.0.1', port }, identity };
    system = await startSystem({ customers: 20, policy: `${closed}\n---\n${fresh}`, address, config });
  });
  afterAll(async () => {
    await system?.stop();
    folder.remove();
  });

  const scim = async (method: string, path: string, body: object): Promise<{ id: string }> => {
    const response = await fetch(`${system.api}/scim/v2${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/scim+json' },
      body: JSON.stringify(body),
    });
    expect(response.status).toBeLessThan(300);
    return (await response.json()) as { id: string };
  };
  const patchOf = (...Operations: object[]) => ({
    schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
    Operations,
  });
  /** Somebody whom the directory has put into the group that may use the shop, with a DSN of a session. */
  const provisioned = async (name: string) => {
    const user = await scim('POST', '/Users', { userName: `${name}@example.com` });
    const group = await scim('POST', '/Groups', { displayName: 'provisioned', members: [{ value: user.id }] });
    await (await system.as('admin')).putUser(name, { password });
    const authorizer = await holdPasswordSignIn(system.api, { user: name, password });
    const session = await createApiClient({ baseUrl: system.api, authorizer }).openSession({
      connection: 'demo-pg',
      via: 'native',
    });
    return { user, group, dsn: session.native.dsn };
  };

  it.each([
    [
      'disables him',
      (user: string) => scim('PATCH', `/Users/${user}`, patchOf({ op: 'replace', value: { active: false } })),
    ],
    [
      'takes him out of the group',
      (_user: string, group: string) => scim('PATCH', `/Groups/${group}`, patchOf({ op: 'remove', path: 'members' })),
    ],
  ])('ends the psql of a person when the directory %s', async (how, end) => {
    const { user, group, dsn } = await provisioned(how.startsWith('disables') ? 'nora' : 'nils');
    const client = await livePg(system, dsn);
    expect((await client.client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    const psql = startPsql(dsn);
    psql.send("select 'it ' || 'works';");
    await psql.waitFor(/it works/);
    psql.clear();
    await end(user.id, group.id);
    expect(await client.lost).toMatchObject({ code: '57P01' });
    psql.send('select 2;');
    await psql.waitFor(/FATAL|terminat|server closed/);
    await psql.end();
    await fetch(`${system.api}/scim/v2/Groups/${group.id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${token}` },
    });
  });

  it('says what is missing, steps a sign-in up, and then lets it in', async () => {
    const alice = createWeirCli(system, 'alice');
    expect((await alice.login()).status).toBe(0);
    const denied = await alice.run(['exec', 'demo-pg', 'SELECT 1']);
    expect(denied.status).not.toBe(0);
    expect(denied.stderr).toContain('weir login --step-up');
    const without = await alice.run(['login', '--step-up']);
    expect(without.stderr).toContain('You have no passkey');

    const browser = openPages(system.api);
    const key = createAuthenticator(system.api);
    await browser.send(await browser.get('/sign-in?next=/account'), { user: 'alice', password: passwords.alice });
    const account = await browser.get('/account');
    const added = await browser.send(account, { name: 'laptop', answer: key.create(optionsOf(account)) });
    expect(added).toContain('laptop (last used never)');

    const stepUp = alice.start(['login', '--step-up']);
    const [path] = await waitFor('the address of the page', () => /\/step-up\/\S+/.exec(stepUp.stderr) ?? undefined);
    const page = await browser.get(path);
    expect(await browser.send(page, { answer: key.get(optionsOf(page)) })).toContain('You have proved that it is you');
    expect(await stepUp.ended).toBe(0);
    const allowed = await alice.run(['exec', 'demo-pg', 'SELECT 1 AS one']);
    expect([allowed.status, allowed.stdout]).toMatchObject([0, expect.stringContaining('1')]);
    // Another sign-in of the same person knows nothing of it.
    const { dsn } = await system.dsn('alice');
    const client = await livePg(system, dsn);
    const refused = await client.client.query('select 1').catch((error: unknown) => error);
    expect(refused).toMatchObject({ hint: expect.stringContaining('weir login --step-up') });
    await client.client.end();
  });
});

/** Options for the authenticator that a page holds. */
function optionsOf(page: string): object {
  const options = /data-options="([^"]*)"/.exec(page)?.[1] ?? '';
  return JSON.parse(options.replaceAll('&quot;', '"').replaceAll('&amp;', '&')) as object;
}

/** Reads pages and sends their forms, with cookies. */
function openPages(base: string) {
  const cookies = new Map<string, string>();
  const go = async (path: string, body?: URLSearchParams): Promise<string> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const init = body === undefined ? {} : { method: 'POST', body };
    const response = await fetch(new URL(path, base), { ...init, headers: { cookie }, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [name = '', value = ''] = (line.split(';', 1)[0] ?? '').split('=', 2);
      cookies.set(name, value);
    }
    const location = response.headers.get('location');
    return location === null ? response.text() : go(location);
  };
  return {
    get: (path: string) => go(path),
    /** The one form of the page that is no form of a row. */
    send: (page: string, fields: Readonly<Record<string, string>>) => {
      const action = /<form method="post" action="([^"]*)"/.exec(page)?.[1] ?? '';
      const csrf = /name="csrf" value="([^"]*)"/.exec(page)?.[1] ?? '';
      return go(action, new URLSearchParams({ csrf, ...fields }));
    },
  };
}
