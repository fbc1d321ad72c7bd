import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ApiClient,
  createApiClient,
  createDpopKey,
  createTokenHolder,
  discover,
  type MachineSecret,
  signInAsMachine,
} from '@weir/api';
import { runCommand, startWorkloadIssuer, type WorkloadIssuer } from '@weir/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { livePg, readDirectly } from './fixture/drivers.ts';
import { type System, startSystem } from './fixture/system.ts';
import { root } from './fixture/wait.ts';

const demo = readFileSync(join(root, 'apps/demo/policy/shop.yaml'), 'utf8');
const program = join(root, 'apps/cli/dist/main.js');

/** Each platform's claims, shortened, and where its jobs find the token. */
const platforms: readonly {
  readonly name: string;
  readonly claims: Readonly<Record<string, string | object>>;
  readonly bound: string;
  readonly more?: string;
  readonly env: (token: string, file: (text: string) => string) => Record<string, string>;
  readonly args?: (token: string, file: (text: string) => string) => string[];
}[] = [
  {
    name: 'github',
    claims: {
      sub: 'repo:acme/shop:ref:refs/heads/main',
      repository: 'acme/shop',
      ref: 'refs/heads/main',
      event_name: 'push',
    },
    bound: '{ repository: acme/shop, ref: refs/heads/main }',
    env: () => ({
      GITHUB_ACTIONS: 'true',
      ACTIONS_ID_TOKEN_REQUEST_URL: `${issuer.url}/github?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'runner-token',
    }),
  },
  {
    name: 'gitlab',
    claims: {
      sub: 'project_path:acme/shop:ref_type:branch:ref:main',
      project_path: 'acme/shop',
      ref: 'main',
      ref_protected: 'true',
      pipeline_source: 'push',
    },
    bound: "{ project_path: acme/shop, ref: main, ref_protected: 'true' }",
    env: (token) => ({ GITLAB_CI: 'true', WEIR_ID_TOKEN: token }),
  },
  {
    name: 'kubernetes',
    claims: {
      sub: 'system:serviceaccount:jobs:nightly',
      'kubernetes.io': { namespace: 'jobs', serviceaccount: { name: 'nightly' } },
    },
    bound: "{ sub: 'system:serviceaccount:jobs:nightly', /kubernetes.io/namespace: jobs }",
    more: '  singleUse: false',
    env: (token, file) => ({ KUBERNETES_SERVICE_HOST: '10.0.0.1', WEIR_TOKEN_FILE: file(`${token}\n`) }),
  },
  {
    name: 'generic',
    claims: { sub: 'build-7', team: 'shop' },
    bound: '{ team: shop }',
    env: () => ({}),
    args: (token, file) => ['--token-file', file(token)],
  },
];

let issuer: WorkloadIssuer;
let system: System;
beforeAll(async () => {
  issuer = await startWorkloadIssuer();
  const rules = platforms.map(
    ({ name, bound, more = '' }) => `apiVersion: weir.dev/v1
kind: WorkloadTrust
metadata: { name: ${name} }
spec:
  issuer: ${issuer.url}
  audience: weir
  claims: ${bound}
  identity: ci-${name}
  groups: [developers]
${more}
`,
  );
  system = await startSystem({ customers: 20, policy: [demo, ...rules].join('\n---\n') });
});
afterAll(async () => {
  await system?.stop();
  await issuer?.close();
});

describe('weir login --ci', () => {
  it.each(platforms)('on $name: signs in, and its session works', async ({ name, claims, env, args }) => {
    const home = join(system.dir, `ci-${name}`);
    let files = 0;
    const file = (text: string) => {
      const path = join(system.dir, `token-${name}-${files++}`);
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    };
    const token = await issuer.sign(claims);
    // As GitHub's token service: it takes the audience and the runner's own token.
    issuer.more.set('/github', async (url, headers) => {
      const isAsked = url.searchParams.get('audience') === 'weir' && headers['authorization'] === 'Bearer runner-token';
      return isAsked ? { count: 1, value: token } : undefined;
    });
    const weir = (...words: string[]) =>
      runCommand(process.execPath, [program, ...words], {
        env: { PATH: process.env['PATH'] ?? '', WEIR_HOME: home, ...env(token, file) },
      });
    const more = args?.(token, file) ?? [];
    const login = await weir(
      'login',
      '--ci',
      '--gateway',
      system.api,
      '--ca',
      system.caFile,
      '--audience',
      'weir',
      ...more,
    );
    expect(login.stderr).toContain(`as ci-${name} (developers)`);
    expect(login.status).toBe(0);
    const exec = await weir('exec', 'demo-pg', 'SELECT count(*)::int AS n FROM customers', '--json');
    expect(exec.stderr).toBe('');
    expect(JSON.parse(exec.stdout)).toEqual([{ n: 20 }]);
    const denied = await weir('exec', 'demo-pg', 'DROP TABLE customers');
    expect(denied.status).toBe(5);
    expect((await weir('logout')).status).toBe(0);
    expect((await weir('whoami', '--json')).status).not.toBe(0);
    for (const { stdout, stderr } of [login, exec, denied]) expect(stdout + stderr).not.toContain(token);
  });

  it('is refused without a reason that a stranger could use, and the audit log has it', async () => {
    const token = await issuer.sign({ ...platforms[1]?.claims, project_path: 'mallory/shop' });
    const path = join(system.dir, 'bad-token');
    writeFileSync(path, token);
    const login = await runCommand(
      process.execPath,
      [program, 'login', '--ci', '--gateway', system.api, '--token-file', path],
      { env: { PATH: process.env['PATH'] ?? '', WEIR_HOME: join(system.dir, 'ci-bad') } },
    );
    expect(login.status).toBe(5);
    expect(login.stderr).toContain('The gateway does not take this token.');
    expect(login.stderr).not.toContain('mallory');
    const [refused] = (await (await system.as('admin')).listAuditEvents({ action: 'machine-refused' })).slice(-1);
    expect(refused).toMatchObject({ detail: { claims: { project_path: 'mallory/shop' } } });
  });
});

describe('a service account', () => {
  const signIn = async (secret: MachineSecret): Promise<ApiClient> => {
    const key = await createDpopKey();
    const tokens = await signInAsMachine(await discover(system.api), secret, key);
    return createApiClient({
      baseUrl: system.api,
      authorizer: createTokenHolder({ key, tokens, renew: async (old) => old }),
    });
  };

  it('works by its key, and loses its connection within two seconds when the key is revoked', async () => {
    const admin = await system.as('admin');
    await admin.putServiceAccount('reporter', { groups: ['developers'] });
    const { id, key } = await admin.createServiceKey('reporter', { label: 'e2e', connections: ['demo-*'] });
    const session = await (await signIn({ by: 'key', secret: key })).openSession({
      connection: 'demo-pg',
      via: 'native',
    });
    const { client, lost } = await livePg(system, session.native.dsn);
    expect((await client.query('SELECT count(*)::int AS n FROM customers')).rows).toEqual([{ n: 20 }]);
    await admin.revokeServiceKey('reporter', id);
    expect((await lost).message).toContain('was revoked');
    await expect(signIn({ by: 'key', secret: key })).rejects.toThrow('does not take this key');
  });

  it('sees what both it and the person may see for whom it acts, and both names arrive at the database', async () => {
    const [admin, alice] = [await system.as('admin'), await system.as('alice')];
    await admin.putServiceAccount('helper', { kind: 'ai-agent', groups: ['admins'] });
    const { key } = await admin.createServiceKey('helper', { label: 'e2e' });
    await alice.createDelegation({ to: 'helper', seconds: 600 });
    const read = async (actingFor?: string) => {
      const api = await signIn({ by: 'key', secret: key, actingFor });
      const { id, native } = await api.openSession({ connection: 'demo-pg', via: 'native' });
      const { client } = await livePg(system, native.dsn);
      const { rows } = await client.query(
        "SELECT email, current_setting('application_name') AS name FROM customers WHERE id = 1",
      );
      await client.end();
      return { id, email: String(rows[0]?.email), name: String(rows[0]?.name) };
    };
    const own = await read();
    const forAlice = await read('alice');
    expect(own.email).toBe(await readDirectly(system, 'SELECT email FROM customers WHERE id = 1'));
    expect(forAlice.email).not.toBe(own.email);
    expect([own.name, forAlice.name]).toEqual([
      expect.stringMatching(/^weir:helper\b(?! for)/),
      expect.stringMatching(/^weir:helper for alice\b/),
    ]);
    expect(await admin.showSession(forAlice.id)).toMatchObject({ principal: 'helper', actingFor: 'alice' });
  });
});
