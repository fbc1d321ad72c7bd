import { createDpopKey, createTokenHolder, discover, type MachineSecret, signInAsMachine } from '@weir/api';
import { startWorkloadIssuer, type WorkloadIssuer } from '@weir/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { testPolicy } from './fixture/policy.ts';
import { askAs, failure, startTestGateway, type TestGateway, until } from './fixture/test-gateway.ts';

let gateway: TestGateway;
let issuer: WorkloadIssuer;
let evil: WorkloadIssuer;
beforeAll(async () => {
  [gateway, issuer, evil] = await Promise.all([startTestGateway(), startWorkloadIssuer(), startWorkloadIssuer()]);
  await applyRule();
});
afterAll(async () => {
  await Promise.all([gateway.close(), issuer.close(), evil.close()]);
});
afterEach(() => applyRule());

const claims = { sub: 'repo:acme/shop:ref:main', repository: 'acme/shop', ref: 'main' };
const ruleText = (spec = '') => `---
apiVersion: weir.dev/v1
kind: WorkloadTrust
metadata: { name: deploys }
spec:
  issuer: ${issuer.url}
  audience: weir
  claims: { repository: acme/shop, ref: main }
  identity: ci-shop
${spec.includes('groups:') ? '' : '  groups: [developers]\n'}${spec}`;
const applyRule = async (spec?: string) =>
  void (await (await gateway.as('admin')).applyPolicy({ text: testPolicy + ruleText(spec) }));

async function signIn(secret: MachineSecret) {
  const key = await createDpopKey();
  const tokens = await signInAsMachine(await discover(gateway.gateway.addresses.api), secret, key);
  const holder = createTokenHolder({ key, tokens, renew: async (old) => old, now: gateway.now });
  return { key, tokens, client: gateway.withToken(holder) };
}
const byToken = async (change: object = {}, more: Partial<MachineSecret> = {}) =>
  signIn({ by: 'token', secret: await issuer.sign({ ...claims, ...change }), ...more });
const events = async (action: string) =>
  (await (await gateway.as('admin')).listAuditEvents({ action, limit: 1000 })).map(({ actor, subject, detail }) => ({
    actor,
    subject,
    detail,
  }));
const stateOf = async (id: string) => {
  const { state, endReason } = await (await gateway.as('admin')).showSession(id);
  return { state, endReason };
};

describe('a job', () => {
  test('signs in by the token of its platform, without a refresh token, and opens a session', async () => {
    const { tokens, client } = await byToken({ run_id: '77', secret_thing: 'planted-claim' });
    expect(tokens.refreshToken).toBeNull();
    expect(tokens.expiresAtMs - Date.now()).toBeLessThanOrEqual(900_000);
    expect(await client.whoami()).toMatchObject({ user: 'ci-shop', groups: ['developers'], roles: [] });
    const { id, expiresAt } = await client.openSession({ connection: 'shop' });
    expect(await client.showSession(id)).toMatchObject({ principal: 'ci-shop', state: 'active' });
    expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(900_000);
    const live = gateway.gateway.capabilities.sessions.live.byId(id)?.live;
    expect(live?.principal.kind).toBe('service');
    expect((await events('login')).at(-1)).toMatchObject({
      actor: 'ci-shop',
      detail: { by: 'rule deploys', claims: { iss: issuer.url, repository: 'acme/shop', run_id: '77' } },
    });
    expect(JSON.stringify(await events('login'))).not.toContain('planted-claim');
  });

  test('has the groups, roles and kind that its rule says, and no roles by groups', async () => {
    await applyRule('  groups: [developers, admins]\n  roles: [auditor]\n  kind: ai-agent\n');
    const { client } = await byToken();
    expect(await client.whoami()).toMatchObject({ groups: ['admins', 'developers'], roles: ['auditor'] });
    expect((await failure(client.putUser('eve', { password: 'a long password 1', roles: ['admin'] }))).code).toBe(
      'not_permitted',
    );
    await applyRule();
    expect(await (await byToken()).client.whoami()).toMatchObject({ groups: ['developers'], roles: [] });
    const [changed] = (await events('user-changed')).slice(-1);
    expect(changed).toMatchObject({
      actor: 'policy',
      subject: 'ci-shop',
      detail: { before: { roles: ['auditor'] }, after: { roles: [], rule: 'deploys' } },
    });
  });

  test('may decide nothing, not even in a group of approvers', async () => {
    await applyRule('  groups: [security]\n');
    const { client } = await byToken();
    const { id } = await gateway.openSession('alice');
    const { requestId } = await askAs(gateway, id).answer(1);
    const refusal = await failure(client.decideRequest(requestId, { decision: 'approve' }));
    expect(refusal).toMatchObject({ code: 'not_permitted', why: 'Only people decide.' });
    expect((await events('decision-refused')).at(-1)).toMatchObject({ actor: 'ci-shop', subject: requestId });
  });

  test('may sign in again with the same token where the rule says so', async () => {
    await applyRule('  groups: [developers]\n  singleUse: false\n');
    const secret = await issuer.sign(claims);
    for (const _time of [1, 2]) expect((await signIn({ by: 'token', secret })).tokens.refreshToken).toBeNull();
  });
});

describe('the sessions of a job end', () => {
  test.each<[string, () => Promise<unknown>, string]>([
    ['with its rule', async () => (await gateway.as('admin')).applyPolicy({ text: testPolicy }), 'deploys is gone'],
    ['when its rule changes', () => applyRule('  life: 1h\n'), 'the trust rule deploys changed'],
    [
      'when its account is disabled',
      async () => (await gateway.as('admin')).putServiceAccount('ci-shop', { disabled: true }),
      'the account is disabled',
    ],
  ])('%s, and its token is worth nothing', async (_what, change, reason) => {
    const { client } = await byToken();
    const { id } = await client.openSession({ connection: 'shop' });
    await change();
    expect(await stateOf(id)).toEqual({ state: 'ended', endReason: expect.stringContaining(reason) });
    expect((await failure(client.whoami())).code).toBe('sign_in_required');
    await (await gateway.as('admin')).putServiceAccount('ci-shop', { disabled: false });
  });

  test('with its sign-in', async () => {
    const { client } = await byToken();
    const { id } = await client.openSession({ connection: 'shop' });
    gateway.advance(901_000);
    await until(async () => (await stateOf(id)).state === 'ended');
    expect((await stateOf(id)).endReason).toBe('the sign-in of the job has ended');
    expect((await failure(client.whoami())).code).toBe('sign_in_required');
    gateway.advance(-901_000);
  });
});

describe('attacks: the attacker gets nothing, and the audit log says', () => {
  const last = async () => (await events('machine-refused')).at(-1);

  test.each<[string, () => Promise<string>, string]>([
    ['the same claims of another issuer', () => evil.sign(claims), 'no rule trusts the issuer'],
    ['the issuer with a key of another', () => evil.sign({ ...claims, iss: issuer.url }), 'no key of the issuer'],
    [
      'a token without a signature (alg none)',
      () => issuer.forge(claims, 'unsigned'),
      'its signature algorithm is not accepted',
    ],
    [
      'a signature by the public key (HS256)',
      () => issuer.forge(claims, 'public-key-as-secret'),
      'its signature algorithm is not accepted',
    ],
    ['another audience', () => issuer.sign({ ...claims, aud: 'other' }), 'its audience is "other"'],
    [
      'a repository that begins alike',
      () => issuer.sign({ ...claims, repository: 'acme/shop-evil' }),
      '"acme/shop-evil"',
    ],
    ['a repository as list', () => issuer.sign({ ...claims, repository: ['acme/shop'] }), 'lists match nothing'],
    ['a repository in other letters', () => issuer.sign({ ...claims, repository: 'Acme/shop' }), '"Acme/shop"'],
    ['the fork', () => issuer.sign({ ...claims, repository: 'mallory/shop' }), '"mallory/shop"'],
    ['a pull request', () => issuer.sign({ ...claims, event_name: 'pull_request' }), 'event_name is "pull_request"'],
    ['an expired token', () => issuer.sign({ ...claims, exp: 1_700_000_000 }), 'it has expired'],
    ['a token of tomorrow', () => issuer.sign({ ...claims, nbf: 4_000_000_000 }), 'its claim nbf'],
    ['a key of another service', async () => 'weir_key_guess', 'it is no signed token'],
    ["a person's access token", async () => (await gateway.signIn('alice')).tokens.accessToken, 'no rule trusts'],
  ])('%s', async (_what, make, why) => {
    const secret = await make();
    const refusal = await failure(signIn({ by: 'token', secret }));
    expect(refusal).toMatchObject({
      code: 'not_permitted',
      why: 'it is not accepted; the audit log of the gateway says why',
    });
    expect(await last()).toMatchObject({
      actor: 'unknown',
      detail: { by: 'token', why: expect.stringContaining(why), address: '127.0.0.1' },
    });
    expect(evil.asked).toEqual([]);
    const signature = secret.split('.').at(-1) || secret;
    expect(JSON.stringify(await events('machine-refused'))).not.toContain(signature);
    expect(gateway.logLines.join()).not.toContain(signature);
  });

  test('a token a second time: it was used before', async () => {
    const secret = await issuer.sign(claims);
    await signIn({ by: 'token', secret });
    expect((await failure(signIn({ by: 'token', secret }))).code).toBe('not_permitted');
    expect(await last()).toMatchObject({ detail: { why: 'it was used before', claims: { repository: 'acme/shop' } } });
  });

  test('a token a second time, also without an id, and by two at once', async () => {
    const secret = await issuer.sign({ ...claims, jti: undefined });
    const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => signIn({ by: 'token', secret })));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('an issuer that is down: nothing is given', async () => {
    gateway.advance(700_000);
    issuer.instead.set('/jwks', { status: 500, body: '' });
    const at = Math.floor(gateway.now() / 1000);
    const secret = await issuer.sign({ ...claims, iat: at, exp: at + 300 });
    expect((await failure(signIn({ by: 'token', secret }))).code).toBe('not_permitted');
    expect(await last()).toMatchObject({ detail: { why: expect.stringContaining('its signature cannot be checked') } });
    issuer.instead.clear();
    gateway.advance(-700_000);
  });

  test("the name of an account that is not the rule's", async () => {
    await (await gateway.as('admin')).applyPolicy({ text: testPolicy + ruleText().replace('ci-shop', 'admin') });
    expect((await failure(byToken())).code).toBe('not_permitted');
    expect(await last()).toMatchObject({ detail: { why: 'the account admin is not of the rule deploys' } });
    expect(await (await gateway.as('admin')).showUser('admin')).toMatchObject({ roles: ['admin'], groups: ['admins'] });
  });

  test('a stolen access token without the key, or with another', async () => {
    const { tokens } = await byToken();
    expect((await failure(gateway.withToken(tokens.accessToken).whoami())).code).toBe('sign_in_required');
    const holder = createTokenHolder({ key: await createDpopKey(), tokens, renew: async (old) => old });
    expect((await failure(gateway.withToken(holder).whoami())).code).toBe('sign_in_required');
    expect((await events('token-refused')).at(-1)).toMatchObject({
      detail: { client: 'weir-machine', why: 'the proof is of another key than the token' },
    });
  });

  test('to ask for more than a job gets', async () => {
    const { issuer: own, token_endpoint: url } = await discover(gateway.gateway.addresses.api);
    const key = await createDpopKey();
    const post = async (change: Record<string, string>, proof?: string) => {
      const body = new URLSearchParams({
        client_id: 'weir-machine',
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: await issuer.sign(claims),
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        ...change,
      });
      const dpop = proof ?? (await key.prove({ method: 'POST', url, nowMs: Date.now() }));
      const response = await fetch(url, { method: 'POST', body, headers: dpop === '' ? {} : { dpop } });
      const { error = '', scope = '' } = (await response.json()) as { error?: string; scope?: string };
      return error === '' ? scope : error;
    };
    const used = await key.prove({ method: 'POST', url, nowMs: Date.now() });
    expect(await post({}, used)).toBe('api');
    expect(await post({}, used)).toBe('invalid_dpop_proof');
    expect(await post({}, '')).toBe('invalid_dpop_proof');
    expect(await post({}, 'nonsense')).toBe('invalid_dpop_proof');
    expect(await post({}, await key.prove({ method: 'POST', url: `${own}/other`, nowMs: Date.now() }))).toBe(
      'invalid_dpop_proof',
    );
    expect(await post({}, await key.prove({ method: 'POST', url, nowMs: Date.now() - 100_000 }))).toBe(
      'invalid_dpop_proof',
    );
    expect(await post({ client_id: 'weir-cli' })).toBe('invalid_request');
    expect(await post({ grant_type: 'refresh_token', refresh_token: 'x' })).toBe('invalid_request');
    expect(await post({ grant_type: 'authorization_code', code: 'x' })).toBe('invalid_request');
    expect(await post({ subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' })).toBe('invalid_request');
    expect(await post({ subject_token: '' })).toBe('invalid_request');
    const refresh = 'urn:ietf:params:oauth:token-type:refresh_token';
    expect(await post({ requested_token_type: refresh })).toBe('invalid_request');
    expect(await post({ scope: 'openid offline_access' })).toBe('api');
    expect(await post({ rule: 'other' })).toBe('invalid_grant');
    expect(await post({ acting_for: 'admin' })).toBe('invalid_grant');
    expect(await last()).toMatchObject({ detail: { why: 'admin does not let ci-shop act for him' } });
  });

  test('a job as administrator does not keep the last person from being one', async () => {
    await (await gateway.as('admin')).applyPolicy({ text: `${testPolicy}${ruleText('  roles: [admin]\n')}` });
    const { client } = await byToken();
    expect(await failure(client.putUser('admin', { roles: [] }))).toMatchObject({
      code: 'conflict',
      message: 'admin is the last administrator.',
    });
  });
});
