import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { startWorkloadIssuer, type WorkloadIssuer } from '@weir/testkit';
import { generateKeyPair } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseConfig } from '../src/config/load-config.ts';
import type { PlatformRule } from '../src/config/platform-schema.ts';
import { type KubernetesApi, startKubernetesApi } from './fixture/kubernetes-api.ts';
import { failure, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

let gateway: TestGateway;
let issuer: WorkloadIssuer;
let evil: WorkloadIssuer;
let cluster: KubernetesApi;
beforeAll(async () => {
  [issuer, evil, cluster] = await Promise.all([startWorkloadIssuer(), startWorkloadIssuer(), startKubernetesApi()]);
  gateway = await startTestGateway((config) => {
    const tokenFile = join(config.stateDir, 'reviewer');
    writeFileSync(tokenFile, `${cluster.reviewer}\n`);
    const platforms: PlatformRule[] = [
      {
        ...{ name: 'runners', type: 'oidc', pool: 'edge', issuer: issuer.url, audience: 'weir-agents' },
        claims: { sub: 'repo:acme/*', environment: 'production' },
      },
      {
        ...{ name: 'lab', type: 'oidc', pool: 'lab', issuer: issuer.url, audience: 'weir-agents' },
        claims: { sub: 'repo:acme-lab/*' },
      },
      {
        ...{ name: 'cluster', type: 'kubernetes', pool: 'pods', issuer: cluster.issuer, apiServer: cluster.url },
        ...{ tokenFile, audience: 'weir-agents', serviceAccounts: ['weir/agent'] },
      },
    ];
    return { ...config, agents: { ...config.agents, platforms } };
  });
});
afterAll(async () => {
  await Promise.all([gateway.close(), issuer.close(), evil.close(), cluster.close()]);
});
beforeEach(() => {
  cluster.instead = undefined;
  cluster.deleted.clear();
  cluster.asked.length = 0;
});

const p256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
async function requestOf(): Promise<Buffer> {
  const keys = await crypto.subtle.generateKey(p256, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: 'CN=x', keys, signingAlgorithm: p256 });
  return Buffer.from(request.rawData);
}
const enrol = async (platformToken: string, pool?: string) =>
  gateway.dataPlane.controlPlane.enrol(
    {
      ...{ joinToken: '', platformToken, certificateRequest: await requestOf(), agentVersion: '0.1.0' },
      ...(pool === undefined ? {} : { pool }),
    },
    '192.0.2.7:1',
  );
const good = { sub: 'repo:acme/shop', environment: 'production', aud: 'weir-agents' };
const audit = async (action: string) => (await gateway.as('admin')).listAuditEvents({ action, limit: 1000 });
const lastRefusal = async () => (await audit('enrolment-refused')).at(-1);
const agents = async () => (await gateway.as('admin')).listAgents();

describe('an agent joins by a token of its platform', () => {
  test('of an OpenID Connect issuer, by claims', async () => {
    const { agentName, pool } = await enrol(await issuer.sign(good));
    expect(pool).toBe('edge');
    expect(agentName).toMatch(/^edge-[a-z0-9]{8}$/);
    expect((await audit('agent-enrolled')).at(-1)).toMatchObject({
      actor: agentName,
      detail: { platform: 'runners', subject: 'repo:acme/shop', pool: 'edge', address: '192.0.2.7:1' },
    });
    expect((await enrol(await issuer.sign({ ...good, sub: 'repo:acme-lab/x' }), 'lab')).pool).toBe('lab');
  });

  test('of a Kubernetes cluster: the same pod gets the same name again, another pod another one', async () => {
    const first = await enrol(await cluster.token('weir/agent', 'weir-agent-0'));
    expect(first).toMatchObject({ pool: 'pods', agentName: expect.stringMatching(/^pods-weir-agent-0-[0-9a-f]{8}$/) });
    const again = await enrol(await cluster.token('weir/agent', 'weir-agent-0'), 'pods');
    expect(again.agentName).toBe(first.agentName);
    expect(again.agentId).not.toBe(first.agentId);
    const other = await enrol(await cluster.token('weir/agent', 'weir-agent-1'));
    expect(other.agentName).not.toBe(first.agentName);
    expect((await agents()).filter(({ pool }) => pool === 'pods')).toHaveLength(2);
    expect((await audit('agent-enrolled')).at(-1)).toMatchObject({
      detail: { platform: 'cluster', subject: 'weir/agent', pod: 'weir/weir-agent-1' },
    });
  });
});

const seconds = (more: number) => Math.floor(Date.now() / 1000) + more;
/** What is tried, and what the audit log says of it. The agent hears the same in all cases. */
const attacks: [string, string | RegExp, () => Promise<unknown>][] = [
  [
    'the token of another agent, again',
    'used before',
    async () => {
      const token = await issuer.sign(good);
      await enrol(token);
      return enrol(token);
    },
  ],
  ['a token of another issuer', 'no rule trusts the issuer', async () => enrol(await evil.sign(good))],
  [
    'a token of another issuer under the name of the right one',
    'no key of the issuer',
    async () => enrol(await evil.sign({ ...good, iss: issuer.url })),
  ],
  ['a token for another audience', 'its audience is', async () => enrol(await issuer.sign({ ...good, aud: 'weir' }))],
  [
    'a token with an audience that only begins alike',
    'its audience is',
    async () => enrol(await issuer.sign({ ...good, aud: 'weir-agents-2' })),
  ],
  [
    'a token of another subject',
    'its claim sub',
    async () => enrol(await issuer.sign({ ...good, sub: 'repo:evil/x' })),
  ],
  [
    'a token without a claim that is wanted',
    'its claim environment is missing',
    async () => enrol(await issuer.sign({ ...good, environment: undefined })),
  ],
  [
    'an expired token',
    'it has expired',
    async () => enrol(await issuer.sign({ ...good, iat: seconds(-7200), exp: seconds(-3600) })),
  ],
  ['a token that is not yet good', 'nbf', async () => enrol(await issuer.sign({ ...good, nbf: seconds(600) }))],
  ['a token without an end', 'its claim exp', async () => enrol(await issuer.sign({ ...good, exp: undefined }))],
  [
    'a token without a signature',
    'its signature algorithm is not accepted',
    async () => enrol(await issuer.forge(good, 'unsigned')),
  ],
  [
    'a token signed with the public key as a secret',
    'its signature algorithm is not accepted',
    async () => enrol(await issuer.forge(good, 'public-key-as-secret')),
  ],
  ['a token that is too long', 'longer than', async () => enrol(await issuer.sign({ ...good, x: 'x'.repeat(20_000) }))],
  ['something that is no token', 'no signed token', async () => enrol('eyJhbGciOiJub25lIn0')],
  ['a good token for another pool', 'does not take it', async () => enrol(await issuer.sign(good), 'lab')],
  [
    'a good token for a pool without a rule',
    'into the pool local',
    async () => enrol(await issuer.sign(good), 'local'),
  ],
  [
    'a token of another service account',
    'not for the service account weir/other',
    async () => enrol(await cluster.token('weir/other', 'p')),
  ],
  [
    'a token of the same account in another namespace',
    'not for the service account evil/agent',
    async () => enrol(await cluster.token('evil/agent', 'p')),
  ],
  [
    'a service-account token for the API server itself',
    'another audience',
    async () => enrol(await cluster.token('weir/agent', 'p', { aud: ['https://kubernetes.default.svc'] })),
  ],
  [
    'the token of a pod that is gone',
    'pod has been deleted',
    async () => {
      cluster.deleted.add('gone');
      return enrol(await cluster.token('weir/agent', 'gone'));
    },
  ],
  [
    'a service-account token with a forged signature',
    'does not take it: invalid bearer token',
    async () => enrol(await cluster.token('weir/agent', 'p', {}, (await generateKeyPair('RS256')).privateKey)),
  ],
  [
    'an unbound service-account token, again',
    'used before',
    async () => {
      const token = await cluster.token('weir/agent');
      await enrol(token);
      return enrol(token);
    },
  ],
];

describe('an attacker gets no identity', () => {
  test.each(attacks)('with %s', async (_what, reason, attack) => {
    const refused = await failure(attack());
    expect(refused).toMatchObject({ code: 'not_permitted', message: 'The token of the platform is not accepted.' });
    expect(refused.why).toBe('No rule of the gateway takes it; the audit log of the gateway says why.');
    const event = await lastRefusal();
    expect(event).toMatchObject({ actor: 'unknown', detail: { address: '192.0.2.7:1', by: 'platform token' } });
    expect(event?.detail['reason']).toMatch(reason);
    expect(JSON.stringify(event)).not.toMatch(/eyJ/);
  });

  test('a token of another issuer never reaches the API server of the cluster', async () => {
    await failure(enrol(await evil.sign(good)));
    await failure(enrol(await cluster.token('weir/agent', 'p', { aud: ['other'] })));
    expect(cluster.asked).toEqual([]);
  });
});

describe('an API server that does not answer as it should lets nobody in', () => {
  const status = (body: object) => ({ status: 201, body: JSON.stringify({ kind: 'TokenReview', status: body }) });
  const username = 'system:serviceaccount:weir:agent';
  test.each<[string, string, NonNullable<KubernetesApi['instead']>]>([
    ['an error', 'answers with status 500', { status: 500, body: '{}' }],
    ['a redirection', 'answers with status 302', { status: 302, body: '', location: 'http://127.0.0.1:1/' }],
    ['no JSON', 'did not answer with JSON', { status: 201, body: '<html>' }],
    ['something else', 'did not answer with a TokenReview', { status: 201, body: '{"kind":"Status"}' }],
    ['no end', 'sends too long an answer', { status: 201, body: ' '.repeat(300_000) }],
    ['nothing about it', 'does not take it', status({})],
    ['no audience', 'not for the audience', status({ authenticated: true, user: { username } })],
    [
      'another audience',
      'not for the audience',
      status({ authenticated: true, user: { username }, audiences: ['api'] }),
    ],
    [
      'a user who is no service account',
      'not of a service account',
      status({ authenticated: true, user: { username: 'system:admin' }, audiences: ['weir-agents'] }),
    ],
    [
      'a name with another one in it',
      'not of a service account',
      status({ authenticated: true, user: { username: `x:${username}` }, audiences: ['weir-agents'] }),
    ],
  ])('%s', async (_what, reason, instead) => {
    const token = await cluster.token('weir/agent', 'p');
    cluster.instead = instead;
    expect((await failure(enrol(token))).code).toBe('not_permitted');
    expect((await lastRefusal())?.detail['reason']).toContain(reason);
  });
});

describe('a rule of the configuration', () => {
  const configWith = (rule: object) =>
    parseConfig(
      JSON.stringify({
        ...{ stateDir: '/s', api: { port: 0 }, front: { port: 0 }, tunnel: { port: 0 }, postgres: { port: 0 } },
        agents: { platforms: [rule] },
      }),
      '/c/gateway.yaml',
    );
  const oidc = { name: 'a', type: 'oidc', pool: 'p', issuer: 'https://x.example.com', audience: 'weir-agents' };
  const kubernetes = { name: 'a', type: 'kubernetes', pool: 'p', audience: 'w', serviceAccounts: ['a/b'] };
  test.each<[string, object]>([
    ['trusts everybody at an issuer', { ...oidc, claims: {} }],
    ['trusts an issuer without TLS', { ...oidc, issuer: 'http://x.example.com', claims: { sub: 'x' } }],
    ['trusts everybody at an issuer of the public', { ...oidc, issuer: 'https://gitlab.com', claims: { sub: '*' } }],
    ['compares audiences with globs', { ...oidc, audience: 'weir-*', claims: { sub: 'x' } }],
    ['trusts all accounts of a namespace', { ...kubernetes, serviceAccounts: ['a/*'] }],
    ['trusts no account', { ...kubernetes, serviceAccounts: [] }],
    ['asks an API server without TLS', { ...kubernetes, apiServer: 'http://10.0.0.1' }],
    ['puts a secret into an address', { ...kubernetes, apiServer: 'https://u:p@10.0.0.1' }],
  ])('is refused when it %s', (_what, rule) => {
    expect(() => configWith(rule)).toThrow('The configuration has');
  });

  test('has paths relative to its file, and defaults of a cluster', () => {
    const [rule] = configWith({ ...kubernetes, caFile: 'ca.crt' }).agents.platforms;
    expect(rule).toMatchObject({
      ...{ caFile: '/c/ca.crt', apiServer: 'https://kubernetes.default.svc' },
      issuer: 'https://kubernetes.default.svc.cluster.local',
    });
  });
});
