import { type Authorizer, type Problem, type RouteName, routes } from '@weir/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

/** One of each role; alice is a member. */
const people = ['alice', 'amber', 'paula', 'audrey', 'admin'];
let gateway: TestGateway;
const tokens = new Map<string, Authorizer>();
beforeAll(async () => {
  process.env['WEIR_TEST_SCIM_TOKEN'] = 'a-token-of-the-directory-for-this-table';
  gateway = await startTestGateway((config) => ({
    ...config,
    identity: {
      ...config.identity,
      scim: { tokens: [{ from: 'env', name: 'WEIR_TEST_SCIM_TOKEN' }], groups: { map: {} } },
    },
  }));
  for (const user of people) {
    tokens.set(user, await gateway.signIn(user));
  }
});
afterAll(() => gateway.close());

type Who = 'everybody' | 'members' | 'readers of policy' | 'editors of policy' | 'auditors' | 'admins';
/** Who may call each route. Being let in shows as any answer but 401 and 403 by role. */
const matrix: Record<RouteName, Who> = {
  healthz: 'everybody',
  openapi: 'everybody',
  logout: 'members',
  whoami: 'members',
  listUsers: 'auditors',
  showUser: 'auditors',
  deleteUser: 'admins',
  linkUser: 'admins',
  unlinkUser: 'admins',
  listIdentities: 'auditors',
  removeIdentity: 'admins',
  resetPasskeys: 'admins',
  beginStepUp: 'members',
  changePassword: 'members',
  putUser: 'admins',
  listServiceAccounts: 'auditors',
  showServiceAccount: 'auditors',
  putServiceAccount: 'admins',
  deleteServiceAccount: 'admins',
  listServiceKeys: 'auditors',
  createServiceKey: 'admins',
  rotateServiceKey: 'admins',
  revokeServiceKey: 'admins',
  listDelegations: 'members',
  createDelegation: 'members',
  revokeDelegation: 'members',
  listConnections: 'members',
  getConnection: 'admins',
  putConnection: 'admins',
  deleteConnection: 'admins',
  testConnection: 'admins',
  putCredential: 'admins',
  deleteCredential: 'admins',
  openSession: 'members',
  listSessions: 'members',
  showSession: 'members',
  sessionEvents: 'members',
  watchSession: 'members',
  keepWatching: 'members',
  killSession: 'members',
  listRequests: 'members',
  showRequest: 'members',
  decideRequest: 'members',
  newAccessRequest: 'members',
  listAccessRequests: 'members',
  showAccessRequest: 'members',
  decideAccessRequest: 'members',
  cancelAccessRequest: 'members',
  listGrants: 'members',
  showGrant: 'members',
  revokeGrant: 'members',
  breakGlass: 'members',
  reviewGrant: 'members',
  listBudgets: 'members',
  getPolicy: 'readers of policy',
  applyPolicy: 'editors of policy',
  createJoinToken: 'admins',
  listJoinTokens: 'auditors',
  revokeJoinToken: 'admins',
  listAgents: 'auditors',
  lockAgent: 'admins',
  unlockAgent: 'admins',
  revokeAgent: 'admins',
  listAuthorities: 'auditors',
  rotateAuthority: 'admins',
  sshTrust: 'everybody',
  listSshAuthorities: 'auditors',
  rotateSshAuthority: 'admins',
  issueSshCertificate: 'members',
  listSshKeys: 'members',
  addSshKey: 'members',
  removeSshKey: 'members',
  listSshKeysOf: 'auditors',
  addSshKeyOf: 'admins',
  removeSshKeyOf: 'admins',
  listAuditEvents: 'auditors',
  listAnchors: 'auditors',
  readRecording: 'auditors',
  listNotifications: 'auditors',
  status: 'members',
};
const letsIn: Record<Who, readonly string[]> = {
  everybody: ['nobody', ...people],
  members: people,
  'readers of policy': ['paula', 'audrey', 'admin'],
  'editors of policy': ['paula', 'admin'],
  auditors: ['audrey', 'admin'],
  admins: ['admin'],
};

const resourceRoutes = ['GET', 'POST', 'GET /:id', 'PUT /:id', 'PATCH /:id', 'DELETE /:id'].map((route) =>
  route.split(' '),
);
const ofDirectories = ['Users', 'Groups'].flatMap((kind) =>
  resourceRoutes.map(([method, id = '']) => `${method} /scim/v2/${kind}${id}`),
);
const aboutScim = ['ServiceProviderConfig', 'ResourceTypes', 'ResourceTypes/:id', 'Schemas', 'Schemas/:id'];
/** Routes that machines call with credentials of their own: what people hold opens none of them. */
const ofMachines = [
  'POST /integrations/slack/interactions',
  'POST /upstream/:provider/logout',
  ...ofDirectories,
  ...aboutScim.map((path) => `GET /scim/v2/${path}`),
];

/** Pages for browsers: they are open to everybody, and show what the browser's own session may see. */
const ofBrowsers = [
  'GET /requests',
  'GET /requests/:id',
  'POST /requests/:id',
  'GET /ssh/sign-in/:id',
  'POST /ssh/sign-in/:id',
  'GET /pages/weir.css',
  'GET /sign-in',
  'GET /sign-in/:interaction',
  'POST /sign-in/:interaction',
  'GET /consent/:interaction',
  'POST /consent/:interaction',
  'GET /pages/passkey.js',
  'GET /sign-in/:interaction/passkey',
  'POST /sign-in/:interaction/passkey',
  'GET /step-up/:code',
  'POST /step-up/:code',
  'GET /account',
  'POST /account/passkeys',
  'POST /account/passkeys/remove',
  'POST /account/step-up',
  'GET /signed-in',
  'GET /sign-in/:interaction/by/:provider',
  'GET /upstream/:provider/callback',
  'POST /upstream/:provider/acs',
  'GET /upstream/:provider/continue',
  'GET /upstream/:provider/metadata',
  'POST /sign-out',
];

/** Calls a route with names that do not exist and a body that fits nothing, so that no call changes anything. */
async function call(route: string, token?: Authorizer): Promise<{ status: number; code: string | null }> {
  const [method = '', template = ''] = route.split(' ');
  const path = template.replace(/:[a-zA-Z]+/g, 'no-such-thing');
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  const url = gateway.gateway.addresses.api + path;
  if (token !== undefined) Object.assign(headers, await token.authorize(method, url));
  const body = method === 'POST' || method === 'PUT' ? '{"unknown":1}' : undefined;
  const response = await gateway.fetch(url, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  if (response.ok) return { status: response.status, code: null };
  return { status: response.status, code: (JSON.parse(text) as Problem).code };
}

test('the running server has the routes of the table and those of machines, no others', () => {
  expect([...gateway.gateway.routes].sort()).toEqual([...Object.values(routes), ...ofMachines, ...ofBrowsers].sort());
});

test('an auditor changes nothing but what is his own', () => {
  const forAuditors = (Object.keys(matrix) as RouteName[]).filter((route) => letsIn[matrix[route]].includes('audrey'));
  const changing = forAuditors.filter((route) => !routes[route].startsWith('GET ') && matrix[route] !== 'everybody');
  const aboutAccess = [
    'breakGlass',
    'cancelAccessRequest',
    'decideAccessRequest',
    'newAccessRequest',
    'reviewGrant',
    'revokeGrant',
  ];
  expect(changing.sort()).toEqual(
    [
      ...['beginStepUp', 'changePassword', 'createDelegation', 'decideRequest', 'killSession', 'logout', 'openSession'],
      ...['keepWatching', 'revokeDelegation', ...aboutAccess],
      ...['addSshKey', 'issueSshCertificate', 'removeSshKey'],
    ].sort(),
  );
});

test.each(ofMachines)('%s takes no token of a person', async (route) => {
  const anonymous = await call(route);
  expect([400, 401, 403, 404]).toContain(anonymous.status);
  for (const user of people) expect(await call(route, tokens.get(user))).toEqual(anonymous);
});

describe.each(Object.entries(matrix) as [RouteName, Who][])('%s is for %s', (route, who) => {
  test.each(['nobody', ...people])('%s', async (user) => {
    if (route === 'logout' && user !== 'nobody') {
      const token = await gateway.signIn(user);
      expect((await call(routes[route], token)).status).toBe(204);
      return;
    }
    const answer = await call(routes[route], tokens.get(user));
    if (user === 'nobody' && who !== 'everybody') expect(answer).toEqual({ status: 401, code: 'sign_in_required' });
    else if (!letsIn[who].includes(user)) expect(answer).toEqual({ status: 403, code: 'not_permitted' });
    else expect([401, 403, 500]).not.toContain(answer.status);
  });
});

describe('requests that are no good', () => {
  const send = async (path: string, init: RequestInit = {}) => {
    const url = gateway.gateway.addresses.api + path;
    const authorization = await tokens.get('admin')?.authorize(init.method ?? 'GET', url);
    const headers = { ...authorization, 'content-type': 'application/json', ...init.headers };
    return fetch(url, { ...init, headers } as RequestInit);
  };
  test.each([
    ['an unknown route', '/api/v1/nothing', {}, 404, 'not_found'],
    ['a method that a route does not have', '/api/v1/whoami', { method: 'PATCH' }, 404, 'not_found'],
    [
      'a body that is not JSON',
      '/api/v1/agents/join-tokens',
      { method: 'POST', body: '{"agent":' },
      400,
      'invalid_request',
    ],
    [
      'a body of another type',
      '/api/v1/agents/join-tokens',
      { method: 'POST', body: 'a', headers: { 'content-type': 'text/csv' } },
      400,
      'invalid_request',
    ],
    [
      'an unknown setting',
      '/api/v1/agents/join-tokens',
      { method: 'POST', body: '{"agent":"a","x":1}' },
      400,
      'invalid_request',
    ],
    [
      'a body with __proto__',
      '/api/v1/agents/join-tokens',
      { method: 'POST', body: '{"__proto__":{"a":1}}' },
      400,
      'invalid_request',
    ],
    [
      'a too large body',
      '/api/v1/policy',
      { method: 'PUT', body: JSON.stringify({ text: 'x'.repeat(3_000_000) }) },
      413,
      'message_too_large',
    ],
    ['a bad query', '/api/v1/sessions?limit=0', {}, 400, 'invalid_request'],
    ['an unknown query', '/api/v1/sessions?limits=5', {}, 400, 'invalid_request'],
    ['a bad name', '/api/v1/users/A%20B', { method: 'PUT', body: '{}' }, 400, 'invalid_request'],
    ['a path that is not encoded as paths are', '/api/v1/%zz', {}, 400, 'invalid_request'],
    ['a path that climbs', '/api/v1/recordings/..%2F..%2Fca%2Fca.key', {}, 404, 'not_found'],
  ])('%s', async (_name, path, init, status, code) => {
    const response = await send(path, init);
    const error = (await response.json()) as Problem;
    expect([response.status, error.code]).toEqual([status, code]);
    expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    const id = response.headers.get('x-request-id');
    expect(error).toMatchObject({ type: `urn:weir:error:${code}`, status, instance: `urn:weir:request:${id}` });
    expect(gateway.logLines.filter((line) => line.includes(String(id)))).not.toEqual([]);
    expect(error.fix).not.toBe('');
    expect(JSON.stringify(error)).not.toMatch(/\.ts:|at Object|node_modules/);
  });

  test('the name in the address and in the body must agree', async () => {
    const target = { protocol: 'postgres', host: 'h', database: 'd', user: 'u', password: { from: 'none' } };
    const response = await send('/api/v1/connections/a', {
      method: 'PUT',
      body: JSON.stringify({ name: 'b', agent: 'local', target }),
    });
    expect(response.status).toBe(400);
  });
});

describe('connections', () => {
  test('members see those that they may open, admins all with the reason', async () => {
    expect((await (await gateway.as('alice')).listConnections()).map(({ name, allowed }) => [name, allowed])).toEqual([
      ['shop', true],
    ]);
    expect(await (await gateway.as('bob')).listConnections()).toEqual([]);
    const all = await (await gateway.as('admin')).listConnections();
    expect(all.map(({ name, allowed, agentOnline }) => [name, allowed, agentOnline])).toEqual([
      ['shop', false, true],
      ['vault', false, true],
    ]);
    expect(all[0]?.reason).toContain('No access rule');
  });

  test('are read as they were stored, with the reference of the password', async () => {
    const admin = await gateway.as('admin');
    const target = { protocol: 'postgres', host: 'h', database: 'd', user: 'u' } as const;
    const password = { from: 'env', name: 'ORDERS_DB_PASSWORD' } as const;
    const spec = { name: 'whole', agent: 'away', labels: { env: 'test' }, target: { ...target, password } };
    await admin.putConnection(spec);
    const stored = { ...spec, target: { ...spec.target, port: 5432, tls: { mode: 'prefer' } } };
    expect((await admin.getConnection('whole')).value).toEqual(stored);
    await admin.deleteConnection('whole');
    const gone = await admin.getConnection('whole').catch((error: unknown) => error);
    expect(gone).toMatchObject({ code: 'not_found' });
  });

  test('are tested by their agent', async () => {
    const admin = await gateway.as('admin');
    expect((await admin.testConnection('shop')).ok).toBe(true);
    await admin.putConnection({
      name: 'far',
      agent: 'away',
      target: { protocol: 'postgres', host: 'h', database: 'd', user: 'u', password: { from: 'none' } },
    });
    const answer = await admin.testConnection('far').catch((error: unknown) => error);
    expect(answer).toMatchObject({ code: 'agent_unavailable' });
  });
});
