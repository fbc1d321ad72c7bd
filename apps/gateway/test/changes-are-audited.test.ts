import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditEvent } from '@weir/api';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ledTo, openBrowser, signedInBrowser } from './fixture/browser.ts';
import { type Change, createChangeTools, type Elsewhere, fresh, type Prepared } from './fixture/changes/change.ts';
import { directoryChanges, scimToken } from './fixture/changes/directory-changes.ts';
import { machineChanges } from './fixture/changes/machine-changes.ts';
import { sshChanges } from './fixture/changes/ssh-changes.ts';
import { testPolicy } from './fixture/policy.ts';
import { askAs, type Holder, password, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

const tool = 'http://127.0.0.1:9/callback';
/** Planted wherever a case sends a secret: no event may hold it. */
const secret = 'planted-secret-Zq7rT2wX9';
const people = ['alice', 'bob', 'admin', 'paula'];
const vaultPolicy = `${testPolicy}
---
apiVersion: weir.dev/v1
kind: Access
metadata: { name: developers-open-the-vault }
spec: { who: { groups: [developers] }, connections: { names: [vault] }, grant: required }
---
apiVersion: weir.dev/v1
kind: AccessRequest
metadata: { name: ask-for-the-vault }
spec:
  who: { groups: [developers] }
  connections: { names: [vault] }
  longest: 4h
  approvers: { groups: [security] }
  timeout: 1h
  breakGlass: { longest: 1h, review: { by: { groups: [security] }, within: 1d } }
`;

let gateway: TestGateway;
beforeAll(async () => {
  process.env['WEIR_TEST_AUDIT_SCIM'] = scimToken;
  gateway = await startTestGateway((config) => ({
    ...config,
    identity: {
      ...config.identity,
      clients: [{ id: 'tool', name: 'The tool', redirectUris: [tool] }],
      scim: { tokens: [{ from: 'env', name: 'WEIR_TEST_AUDIT_SCIM' }], groups: { map: {} } },
    },
  }));
  await (await gateway.as('paula')).applyPolicy({ text: vaultPolicy });
  for (const user of people) await gateway.as(user);
});
afterAll(() => gateway.close());

const { db, admin, send, userRow } = createChangeTools(() => gateway);
const sendWith = async (holder: Holder, method: string, path: string, body?: unknown): Promise<number> => {
  const url = `${gateway.gateway.addresses.api}/api/v1${path}`;
  const headers = { ...(await holder.authorize(method, url)), 'content-type': 'application/json' };
  return (await gateway.fetch(url, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }))
    .status;
};

const newUser = async (): Promise<Prepared> => {
  const name = fresh('user');
  await (await admin()).putUser(name, { password, groups: ['developers'] });
  return { name };
};
const twoUsers = async (): Promise<Prepared> => ({ ...(await newUser()), other: (await newUser())['name'] ?? '' });
const target = { protocol: 'postgres', host: 'h', database: 'd', user: 'u', password: { from: 'stored' } } as const;
const newConnection = async (): Promise<Prepared> => {
  const name = fresh('connection');
  await (await admin()).putConnection({ name, agent: 'local', target });
  return { name };
};
const withCredential = async (): Promise<Prepared> => {
  const it = await newConnection();
  await (await admin()).putCredential(it['name'] ?? '', { password: secret });
  return it;
};
const connectionRow = async ({ name = '' }: Prepared) =>
  db().selectFrom('connections').select(['name', 'version']).where('name', '=', name).execute();
const credentialRow = async ({ name = '' }: Prepared) =>
  db().selectFrom('credentials').select('content').where('connection', '=', name).execute();
const newAgent = async (): Promise<Prepared> => {
  const name = fresh('agent');
  const row = {
    id: `agt_${name}`,
    name,
    pool: name,
    serial: name,
    certificate_expires_at: new Date(Date.now() + 3_600_000),
  };
  await db()
    .insertInto('agents')
    .values({ ...row, version: '1', enrolled_at: new Date() })
    .execute();
  return { name };
};
const lockedAgent = async (): Promise<Prepared> => {
  const it = await newAgent();
  await (await admin()).lockAgent(it['name'] ?? '');
  return it;
};
const agentRow = async ({ name = '' }: Prepared) =>
  db().selectFrom('agents').select(['locked_at', 'revoked_at']).where('name', '=', name).execute();
const tokens = async () => (await (await admin()).listJoinTokens()).map(({ id }) => id).sort();
const newToken = async (): Promise<Prepared> => {
  const agent = fresh('joining');
  await (await admin()).createJoinToken({ agent });
  const made = (await (await admin()).listJoinTokens()).find((token) => token.agent === agent);
  return { agent, id: made?.id ?? '' };
};
const countOf = (table: 'sessions' | 'access_requests' | 'grants' | 'browser_sessions' | 'oauth_grants') => async () =>
  (
    await db()
      .selectFrom(table)
      .select(({ fn }) => fn.countAll().as('rows'))
      .executeTakeFirst()
  )?.rows;
const newAccessRequest = async (): Promise<Prepared> => {
  const alice = await gateway.as('alice');
  for (const { id } of await alice.listAccessRequests({ state: 'pending' })) await alice.cancelAccessRequest(id);
  return { id: (await alice.newAccessRequest({ connection: 'vault', seconds: 60, reason: 'repair' })).id };
};
const accessRequestRow = async ({ id = '' }: Prepared) =>
  db().selectFrom('access_requests').select('state').where('id', '=', id).execute();
const brokenGlass = async (): Promise<Prepared> => {
  const alice = await gateway.as('alice');
  return { id: (await alice.breakGlass({ connection: 'vault', reason: 'it burns' })).id };
};
const grantRow = async ({ id = '' }: Prepared) =>
  db().selectFrom('grants').select(['revoked_at', 'reviewed_at']).where('id', '=', id).execute();
const newRequest = async (): Promise<Prepared> => {
  const { id } = await gateway.openSession('alice');
  return { id: (await askAs(gateway, id, { binding: fresh('b').padEnd(64, 'x') }).answer(1)).requestId };
};
const requestRow = async ({ id = '' }: Prepared) =>
  db().selectFrom('approval_requests').select('state').where('id', '=', id).execute();
/** Status of what a browser sees; being led to a program is a success. */
const statusOf = async (shown: Promise<{ status: number }>): Promise<number> => {
  const led = await ledTo(shown as Parameters<typeof ledTo>[0]).catch(() => undefined);
  return led === undefined ? (await shown).status : 302;
};
const holders = new Map<string, Holder>();
const browsers = new Map<string, Awaited<ReturnType<typeof signedInBrowser>>>();

/** How each route that is no GET changes something, or where that is tested. A new route gets a row here. */
const changes: Readonly<Record<string, Change | Elsewhere>> = {
  'POST /api/v1/logout': {
    prepare: async () => {
      const holder = fresh('holder');
      holders.set(holder, await gateway.signIn('bob'));
      return { holder };
    },
    act: ({ holder = '' }) => sendWith(holders.get(holder) as Holder, 'POST', '/logout'),
    state: ({ holder = '' }) => sendWith(holders.get(holder) as Holder, 'GET', '/whoami'),
    ...{ actor: 'bob', action: 'logout', subject: () => 'bob' },
  },
  'PUT /api/v1/users/:name': {
    prepare: newUser,
    act: ({ name }) => send('admin', 'PUT', `/users/${name}`, { password: secret, disabled: true }),
    state: userRow,
    ...{ actor: 'admin', action: 'user-changed', subject: ({ name = '' }) => name },
  },
  'DELETE /api/v1/users/:name': {
    prepare: newUser,
    act: ({ name }) => send('admin', 'DELETE', `/users/${name}`),
    state: userRow,
    ...{ actor: 'admin', action: 'user-deleted', subject: ({ name = '' }) => name },
  },
  'PUT /api/v1/users/:name/link': {
    prepare: twoUsers,
    act: ({ name, other }) => send('admin', 'PUT', `/users/${name}/link`, { to: other }),
    state: async (it) => [await userRow(it), await userRow({ name: it['other'] ?? '' })],
    ...{ actor: 'admin', action: 'accounts-linked', subject: ({ name = '' }) => name },
  },
  'DELETE /api/v1/users/:name/link': {
    prepare: async () => {
      const it = await twoUsers();
      await (await admin()).linkUser(it['name'] ?? '', it['other'] ?? '');
      return it;
    },
    act: ({ name }) => send('admin', 'DELETE', `/users/${name}/link`),
    state: async (it) => [await userRow(it), await userRow({ name: it['other'] ?? '' })],
    ...{ actor: 'admin', action: 'account-unlinked', subject: ({ name = '' }) => name },
  },
  'DELETE /api/v1/users/:name/identities/:provider': {
    prepare: async () => {
      const it = await newUser();
      const user_id = (await gateway.gateway.repositories.users.findByName(it['name'] ?? ''))?.id ?? '';
      const row = {
        id: fresh('identity'),
        provider: 'company',
        issuer: 'https://id.example',
        subject: it['name'] ?? '',
      };
      const times = { created_at: new Date(), last_sign_in_at: new Date(), checked_at: new Date() };
      await db()
        .insertInto('identities')
        .values({
          ...row,
          ...times,
          user_id,
          groups: [],
          email: null,
          upstream_sessions: [],
          confirmed_until: new Date(),
        })
        .execute();
      return it;
    },
    act: ({ name }) => send('admin', 'DELETE', `/users/${name}/identities/company`),
    state: async ({ name = '' }) => (await admin()).listIdentities(name),
    ...{ actor: 'admin', action: 'upstream-identity-removed', subject: ({ name = '' }) => name },
  },
  'PUT /api/v1/account/password': {
    prepare: async () => {
      const { name = '' } = await newUser();
      holders.set(name, await gateway.signIn(name));
      return { name };
    },
    act: ({ name = '' }) =>
      sendWith(holders.get(name) as Holder, 'PUT', '/account/password', { current: password, password: secret }),
    state: userRow,
    ...{ actor: '*', action: 'password-changed', subject: ({ name = '' }) => name },
  },
  'POST /api/v1/account/step-up': { changesNothing: 'it makes a link to a page; what is done there is audited' },
  'DELETE /api/v1/users/:name/passkeys': { test: 'passkeys.test.ts', action: 'passkeys-reset' },
  'PUT /api/v1/policy': {
    act: () => send('paula', 'PUT', '/policy', { text: `${vaultPolicy}\n# ${fresh('comment')}\n` }),
    state: async () => (await (await admin()).getPolicy()).version,
    ...{ actor: 'paula', action: 'policy-applied', subject: () => 'policy' },
  },
  'PUT /api/v1/connections/:name': {
    prepare: newConnection,
    act: ({ name }) => send('admin', 'PUT', `/connections/${name}`, { name, agent: 'other', target }),
    state: connectionRow,
    ...{ actor: 'admin', action: 'connection-changed', subject: ({ name = '' }) => name },
  },
  'DELETE /api/v1/connections/:name': {
    prepare: newConnection,
    act: ({ name }) => send('admin', 'DELETE', `/connections/${name}`),
    state: connectionRow,
    ...{ actor: 'admin', action: 'connection-deleted', subject: ({ name = '' }) => name },
  },
  'POST /api/v1/connections/:name/test': { changesNothing: 'the agent tries the connection; that it did is audited' },
  'PUT /api/v1/connections/:name/credential': {
    prepare: newConnection,
    act: ({ name }) => send('admin', 'PUT', `/connections/${name}/credential`, { password: secret }),
    state: credentialRow,
    ...{ actor: 'admin', action: 'credential-stored', subject: ({ name = '' }) => name },
  },
  'DELETE /api/v1/connections/:name/credential': {
    prepare: withCredential,
    act: ({ name }) => send('admin', 'DELETE', `/connections/${name}/credential`),
    state: credentialRow,
    ...{ actor: 'admin', action: 'credential-deleted', subject: ({ name = '' }) => name },
  },
  'POST /api/v1/authorities/rotate': {
    act: () => send('admin', 'POST', '/authorities/rotate', {}),
    state: async () => (await (await admin()).listAuthorities()).map(({ id, state }) => [id, state]),
    ...{ actor: 'admin', action: 'ca-rotated', subject: () => /^[0-9a-f]/ },
  },
  'POST /api/v1/agents/:name/lock': {
    prepare: newAgent,
    act: ({ name }) => send('admin', 'POST', `/agents/${name}/lock`, { reason: 'seen twice' }),
    state: agentRow,
    ...{ actor: 'admin', action: 'agent-locked', subject: ({ name = '' }) => name },
    isDoneAnyway: 'a copy of an agent is kept out also when the log cannot be written',
  },
  'POST /api/v1/agents/:name/unlock': {
    prepare: lockedAgent,
    act: ({ name }) => send('admin', 'POST', `/agents/${name}/unlock`),
    state: agentRow,
    ...{ actor: 'admin', action: 'agent-unlocked', subject: ({ name = '' }) => name },
  },
  'DELETE /api/v1/agents/:name': {
    prepare: newAgent,
    act: ({ name }) => send('admin', 'DELETE', `/agents/${name}`),
    state: agentRow,
    ...{ actor: 'admin', action: 'agent-revoked', subject: ({ name = '' }) => name },
  },
  'POST /api/v1/agents/join-tokens': {
    act: () => send('admin', 'POST', '/agents/join-tokens', { agent: 'another' }),
    state: tokens,
    ...{ actor: 'admin', action: 'join-token-created', subject: () => 'another' },
  },
  'DELETE /api/v1/agents/join-tokens/:id': {
    prepare: newToken,
    act: ({ id }) => send('admin', 'DELETE', `/agents/join-tokens/${id}`),
    state: tokens,
    ...{ actor: 'admin', action: 'join-token-revoked', subject: ({ agent = '' }) => agent },
  },
  'POST /api/v1/sessions': {
    act: () => send('alice', 'POST', '/sessions', { connection: 'shop', password: secret }),
    state: countOf('sessions'),
    ...{ actor: 'alice', action: 'session-opened', subject: () => /^ses_/ },
  },
  'PUT /api/v1/sessions/:id/live': { changesNothing: 'the watch that goes on was audited when it began' },
  'POST /api/v1/sessions/:id/kill': {
    prepare: async () => ({ id: (await gateway.openSession('alice')).id }),
    act: ({ id }) => send('admin', 'POST', `/sessions/${id}/kill`, {}),
    state: async ({ id = '' }) => (await (await admin()).showSession(id)).state,
    ...{ actor: 'admin', action: 'session-ended', subject: ({ id = '' }) => id },
    isDoneAnyway: 'a session that must end ends also when the log cannot be written',
  },
  'POST /api/v1/access-requests': {
    act: () => send('alice', 'POST', '/access-requests', { connection: 'vault', seconds: 60, reason: 'repair' }),
    state: countOf('access_requests'),
    ...{ actor: 'alice', action: 'access-requested', subject: () => /^acc_/ },
  },
  'POST /api/v1/access-requests/:id/decision': {
    prepare: newAccessRequest,
    act: ({ id }) => send('bob', 'POST', `/access-requests/${id}/decision`, { decision: 'approve' }),
    state: accessRequestRow,
    ...{ actor: 'bob', action: 'access-decided', subject: ({ id = '' }) => id },
  },
  'POST /api/v1/access-requests/:id/cancel': {
    prepare: newAccessRequest,
    act: ({ id }) => send('alice', 'POST', `/access-requests/${id}/cancel`),
    state: accessRequestRow,
    ...{ actor: 'alice', action: 'access-cancelled', subject: ({ id = '' }) => id },
  },
  'POST /api/v1/grants/break-glass': {
    act: () => send('alice', 'POST', '/grants/break-glass', { connection: 'vault', reason: 'it burns' }),
    state: countOf('grants'),
    ...{ actor: 'alice', action: 'break-glass-used', subject: () => /^grt_/ },
  },
  'POST /api/v1/grants/:id/revoke': {
    prepare: brokenGlass,
    act: ({ id }) => send('admin', 'POST', `/grants/${id}/revoke`, {}),
    state: grantRow,
    ...{ actor: 'admin', action: 'grant-revoked', subject: ({ id = '' }) => id },
  },
  'POST /api/v1/grants/:id/review': {
    prepare: brokenGlass,
    act: ({ id }) => send('bob', 'POST', `/grants/${id}/review`, { verdict: 'justified', comment: 'it did burn' }),
    state: grantRow,
    ...{ actor: 'bob', action: 'break-glass-reviewed', subject: ({ id = '' }) => id },
  },
  'POST /api/v1/requests/:id/decision': {
    prepare: newRequest,
    act: ({ id }) => send('bob', 'POST', `/requests/${id}/decision`, { decision: 'approve' }),
    state: requestRow,
    ...{ actor: 'bob', action: 'decision-made', subject: ({ id = '' }) => id },
  },
  'POST /requests/:id': {
    prepare: async () => {
      const it = await newRequest();
      const browser = await signedInBrowser(gateway, 'bob');
      await browser.get(`/requests/${it['id']}`);
      browsers.set(it['id'] ?? '', browser);
      return it;
    },
    act: async ({ id = '' }) => {
      const browser = browsers.get(id) as Awaited<ReturnType<typeof signedInBrowser>>;
      return (await browser.submit({ decision: 'deny', reason: 'no' })).status;
    },
    state: requestRow,
    ...{ actor: 'bob', action: 'decision-made', subject: ({ id = '' }) => id },
  },
  'POST /sign-in/:interaction': {
    act: async () => {
      const browser = openBrowser(gateway);
      await browser.get('/sign-in');
      return (await browser.submit({ user: 'alice', password })).status;
    },
    state: countOf('browser_sessions'),
    ...{ actor: 'alice', action: 'login', subject: () => 'alice' },
  },
  'POST /consent/:interaction': {
    prepare: async () => {
      const name = fresh('browser');
      const browser = openBrowser(gateway);
      const code = { code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' };
      const asked = { client_id: 'tool', redirect_uri: tool, response_type: 'code', scope: 'api', state: 'x', ...code };
      await browser.get(`/oauth/auth?${new URLSearchParams(asked)}`);
      await browser.submit({ user: 'alice', password });
      browsers.set(name, browser);
      return { name };
    },
    act: async ({ name = '' }) => {
      const browser = browsers.get(name) as Awaited<ReturnType<typeof signedInBrowser>>;
      return statusOf(browser.submit({ decision: 'allow' }));
    },
    state: countOf('oauth_grants'),
    ...{ actor: 'alice', action: 'program-allowed', subject: () => 'tool' },
  },
  'POST /sign-out': {
    prepare: async () => {
      const name = fresh('browser');
      const browser = await signedInBrowser(gateway, 'alice');
      await browser.get('/signed-in');
      browsers.set(name, browser);
      return { name };
    },
    act: async ({ name = '' }) => {
      const browser = browsers.get(name) as Awaited<ReturnType<typeof signedInBrowser>>;
      return (await browser.submit({})).status;
    },
    state: countOf('browser_sessions'),
    ...{ actor: 'alice', action: 'logout', subject: () => 'alice' },
  },
  'POST /sign-in/:interaction/passkey': { test: 'passkeys.test.ts', action: 'login' },
  'POST /step-up/:code': { test: 'passkeys.test.ts', action: 'stepped-up' },
  'POST /account/passkeys': { test: 'passkeys.test.ts', action: 'passkey-added' },
  'POST /account/passkeys/remove': { test: 'passkeys.test.ts', action: 'passkey-removed' },
  'POST /account/step-up': { changesNothing: 'it leads to the page of step-up; what is done there is audited' },
  'POST /upstream/:provider/acs': { test: 'upstream-saml.test.ts', action: 'login' },
  'POST /upstream/:provider/logout': { test: 'upstream-oidc.test.ts', action: 'upstream-logout' },
  'POST /integrations/slack/interactions': { test: 'notifications.test.ts', action: 'decision-refused' },
  ...sshChanges(() => gateway),
  ...machineChanges(() => gateway),
  ...directoryChanges(() => gateway),
};

const where = 'see the table `changes` in changes-are-audited.test.ts';
const isChange = (row: Change | Elsewhere): row is Change => 'act' in row;
const real = Object.entries(changes).flatMap(([route, row]): [string, Change][] =>
  isChange(row) ? [[route, row]] : [],
);
const elsewhere = Object.entries(changes).flatMap(([route, row]) =>
  'test' in row ? [[route, row.test, row.action] as const] : [],
);

test('every route that is no GET has a row', () => {
  const changing = gateway.gateway.routes.filter((route) => !/^(GET|HEAD) /.test(route));
  expect(
    changing.filter((route) => changes[route] === undefined),
    `add a row: ${where}`,
  ).toEqual([]);
  expect(
    Object.keys(changes).filter((route) => !changing.includes(route)),
    `this route is gone: ${where}`,
  ).toEqual([]);
});

test.each(elsewhere)('%s is tested in %s (%s)', (_route, file, action) => {
  expect(readFileSync(join(import.meta.dirname, file), 'utf8').includes(`'${action}'`)).toBe(true);
});

/** Runs while the audit log cannot be written. */
async function withoutLog<T>(run: () => Promise<T>): Promise<T> {
  const { audit } = gateway.gateway.repositories;
  const { append } = audit;
  Object.assign(audit, { append: () => Promise.reject(new Error('the disk is full')) });
  try {
    return await run();
  } finally {
    Object.assign(audit, { append });
  }
}

async function eventsSince(id: string): Promise<AuditEvent[]> {
  return (await admin()).listAuditEvents({ after: id });
}

describe.each(real)(
  '%s',
  (_route, { prepare = async () => ({}), act, state, actor, action, subject, isDoneAnyway }) => {
    test(`is not done when its event cannot be stored${isDoneAnyway === undefined ? '' : `, but: ${isDoneAnyway}`}`, async () => {
      const it = await prepare();
      const before = await state(it);
      const status = await withoutLog(() => act(it));
      if (isDoneAnyway === undefined) {
        expect(status).toBeGreaterThanOrEqual(500);
        expect(await state(it)).toEqual(before);
      } else {
        expect(await state(it)).not.toEqual(before);
      }
    });

    test('is in the log with who did it, before and after, and without secrets', async () => {
      const it = await prepare();
      const before = await state(it);
      const last = (await (await admin()).listAuditEvents()).at(-1)?.id ?? '0';
      expect(await act(it)).toBeLessThan(400);
      expect(await state(it)).not.toEqual(before);
      const events = await vi.waitFor(async () => {
        const since = await eventsSince(last);
        expect(since.map(({ action: word }) => word)).toContain(action);
        return since;
      });
      const about = events.filter((event) => event.action === action && isSubject(event.subject, subject(it)));
      expect(
        about.map(({ detail }) => Object.keys(detail)),
        `${action} has before and after`,
      ).toEqual([expect.arrayContaining(['before', 'after'])]);
      const [event] = about;
      expect(event?.detail['before']).not.toEqual(event?.detail['after']);
      if (actor !== '*') expect(event?.actor).toBe(actor);
      expect(event?.actor).not.toBe('');
      for (const planted of [secret, password, scimToken]) expect(JSON.stringify(events)).not.toContain(planted);
    });
  },
);

function isSubject(found: string, wanted: string | RegExp): boolean {
  return typeof wanted === 'string' ? found === wanted : wanted.test(found);
}
