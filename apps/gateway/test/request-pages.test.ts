import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openBrowser, signedInBrowser, type TestBrowser } from './fixture/browser.ts';
import { testPolicy } from './fixture/policy.ts';
import { askAs, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

let gateway: TestGateway;
let session: string;
const browsers = new Map<string, TestBrowser>();
const browserOf = async (user: string) => {
  const browser = browsers.get(user) ?? (await signedInBrowser(gateway, user));
  browsers.set(user, browser);
  return browser;
};
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.close());
beforeEach(async () => {
  session = (await gateway.openSession('alice')).id;
});
const asked = async (change: Parameters<typeof askAs>[2] = {}) => {
  const ask = askAs(gateway, session, change);
  return { ask, id: (await ask.answer(1)).requestId };
};
const audited = async (action: string) =>
  (await (await gateway.as('admin')).listAuditEvents({ action, limit: 1000 })).at(-1);

describe('the page of a request', () => {
  test('leads to the sign-in and back, shows what helps to decide, and decides', async () => {
    const { ask, id } = await asked();
    const browser = openBrowser(gateway);
    const signIn = await browser.get(`/requests/${id}`);
    expect(signIn).toMatchObject({ status: 200, path: expect.stringContaining('/sign-in/') });
    const page = await browser.submit({ user: 'bob', password: 'correct horse battery' });
    expect(page).toMatchObject({ status: 200, path: `/requests/${id}` });
    for (const shown of [
      'DELETE FROM customers WHERE email = &#39;eve@example.com&#39;',
      '$1 = secret-parameter, $2 = NULL',
      'alice',
      'shop, database shop, role app',
      'delete on public.customers',
      'deletes-need-a-second-person: Deleting rows needs a second person.',
      'somebody of security',
    ])
      expect(page.text).toContain(shown);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page.text).not.toContain('<script');

    const decided = await browser.submit({ decision: 'approve', reason: 'ticket 7' });
    expect(decided).toMatchObject({ status: 200, path: `/requests/${id}` });
    expect(decided.text).toContain('Approved by bob: ticket 7');
    expect(decided.text).not.toContain('<form');
    expect(await ask.answer(2)).toMatchObject({ state: 'approved', by: 'bob', reason: 'ticket 7' });
    expect(await audited('request-approved')).toMatchObject({ actor: 'bob', subject: id });
  });

  test('shows the second approver what the first decided, also when they race', async () => {
    const { id } = await asked();
    const [bob, carol] = [await browserOf('bob'), await browserOf('carol')];
    await bob.get(`/requests/${id}`);
    await carol.get(`/requests/${id}`);
    await bob.submit({ decision: 'deny', reason: 'not today' });
    const late = await carol.submit({ decision: 'approve', reason: 'fine' });
    expect(late.status).toBe(409);
    expect(late.text).toContain('is no longer open');
    expect(late.text).toContain('Denied by bob: not today');
  });

  test('shows decisions so far, and counts a person once', async () => {
    const { id } = await asked({ people: 2 });
    const bob = await browserOf('bob');
    await bob.get(`/requests/${id}`);
    const first = await bob.submit({ decision: 'approve', reason: 'one' });
    expect(first.text).toContain('bob approved at');
    expect(first.text).toContain('2 people of security');
    const again = await bob.submit({ decision: 'approve', reason: 'two' });
    expect(again.status).toBe(409);
    expect(again.text).toContain('You have decided');
  });

  test('tells the person who asked why he does not decide', async () => {
    const { id } = await asked();
    const alice = await browserOf('alice');
    const page = await alice.get(`/requests/${id}`);
    expect(page.text).toContain('Nobody decides his own request.');
    expect(page.text).not.toContain('<form');
    const csrf = /name="csrf" value="([^"]+)"/.exec((await alice.get('/signed-in')).text)?.[1] ?? '';
    const forced = await alice.post(`/requests/${id}`, { csrf, decision: 'approve', reason: 'mine' });
    expect(forced.status).toBe(403);
    expect(await audited('decision-refused')).toMatchObject({ actor: 'alice', detail: { code: 'self_approval' } });
    expect((await (await gateway.as('bob')).showRequest(id)).state).toBe('pending');
  });

  test('is not there for others', async () => {
    const { id } = await asked();
    const page = await (await browserOf('dave')).get(`/requests/${id}`);
    expect(page.status).toBe(404);
    expect(page.text).not.toContain('eve@example.com');
    expect((await (await browserOf('bob')).get('/requests/req_nothing')).status).toBe(404);
  });

  test.each<[string, (form: { csrf: string }) => [Record<string, string>, Record<string, string>]]>([
    ['no token', () => [{}, {}]],
    ['a token of another browser', () => [{ csrf: 'x'.repeat(43) }, {}]],
    ['a form of another site', ({ csrf }) => [{ csrf }, { origin: 'https://evil.example' }]],
  ])('decides nothing for %s', async (_what, forged) => {
    const { id } = await asked();
    const bob = await browserOf('bob');
    const page = await bob.get(`/requests/${id}`);
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
    const [fields, headers] = forged({ csrf });
    const answer = await bob.post(`/requests/${id}`, { decision: 'approve', reason: 'forged', ...fields }, headers);
    expect(answer.status).toBe(403);
    expect((await (await gateway.as('bob')).showRequest(id)).state).toBe('pending');
  });

  test('decides nothing for the form of another browser, nor for one from before the sign-out', async () => {
    const { id } = await asked();
    const bob = await signedInBrowser(gateway, 'bob');
    const csrfOf = (text: string) => /name="csrf" value="([^"]+)"/.exec(text)?.[1] ?? expect.fail('no form');
    const own = csrfOf((await bob.get(`/requests/${id}`)).text);
    const carols = csrfOf((await (await browserOf('carol')).get(`/requests/${id}`)).text);
    const decide = (csrf: string) => bob.post(`/requests/${id}`, { csrf, decision: 'approve', reason: 'forged' });
    expect(carols).not.toBe(own);
    expect((await decide(carols)).status).toBe(403);
    const cookies = new Map(bob.cookies);
    await bob.post('/sign-out', { csrf: own });
    // With the cookies that the browser had, as a thief would keep them.
    for (const [name, value] of cookies) bob.cookies.set(name, value);
    const stale = await decide(own);
    expect(stale.status === 403 || stale.path.includes('/sign-in/')).toBe(true);
    expect((await (await gateway.as('bob')).showRequest(id)).state).toBe('pending');
    const events = await (await gateway.as('admin')).listAuditEvents({ limit: 1000 });
    expect(events.filter(({ subject }) => subject === id).map(({ action }) => action)).not.toContain(
      'request-approved',
    );
  });

  test('escapes what people wrote', async () => {
    const statement = "DELETE FROM t WHERE a = '</pre><script>alert(1)</script>\"'";
    const { id } = await asked({ statement, parameters: ['<img src=x onerror=alert(1)>'] });
    const { text } = await (await browserOf('bob')).get(`/requests/${id}`);
    expect(text).not.toMatch(/<script|<img/);
    expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  });
});

test('the list has own requests and those to decide, those that wait first', async () => {
  const { id } = await asked();
  const bob = await (await browserOf('bob')).get('/requests');
  expect(bob.text.indexOf(id)).toBeGreaterThan(bob.text.indexOf('Waiting'));
  expect(bob.text.indexOf(id)).toBeLessThan(bob.text.indexOf('Decided and ended'));
  expect((await (await browserOf('alice')).get('/requests')).text).toContain('<td>you</td>');
  expect((await (await browserOf('dave')).get('/requests')).text).not.toContain(id);
  expect((await openBrowser(gateway).get('/requests')).path).toContain('/sign-in/');
});

test('a request for access is decided in the same manner', async () => {
  const policy = `${testPolicy}
---
apiVersion: weir.dev/v1
kind: Access
metadata: { name: vault-on-demand }
spec: { who: { groups: [developers] }, connections: { names: [vault] }, grant: required }
---
apiVersion: weir.dev/v1
kind: AccessRequest
metadata: { name: ask-for-vault }
spec:
  who: { groups: [developers] }
  connections: { names: [vault] }
  longest: 4h
  approvers: { groups: [security] }
`;
  await (await gateway.as('admin')).applyPolicy({ text: policy });
  const alice = await gateway.as('alice');
  const { id } = await alice.newAccessRequest({ connection: 'vault', seconds: 5400, reason: '<b>repair</b>' });
  const own = await (await browserOf('alice')).get(`/requests/${id}`);
  expect(own.text).toContain('Nobody decides his own request.');
  const bob = await browserOf('bob');
  expect((await bob.get('/requests')).text).toContain('access to vault');
  const page = await bob.get(`/requests/${id}`);
  expect(page.text).toContain('&lt;b&gt;repair&lt;/b&gt;');
  expect(page.text).toContain('90 min');
  const decided = await bob.submit({ decision: 'approve', reason: 'ticket 9' });
  expect(decided.text).toContain('Approved by bob: ticket 9');
  await alice.openSession({ connection: 'vault' });
  expect((await (await browserOf('dave')).get(`/requests/${id}`)).status).toBe(404);
});
