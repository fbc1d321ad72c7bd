import type { Problem } from '@weir/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.close());

let count = 0;
const newKey = (): string => {
  count += 1;
  return `key-${count}-6f0f4c1e`;
};

async function post(path: string, key: string | undefined, body: unknown, user = 'admin') {
  const response = await gateway.fetchAs(user, `/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return {
    status: response.status,
    isReplay: response.headers.get('idempotency-replayed') === 'true',
    text,
    code: response.ok ? null : (JSON.parse(text) as Problem).code,
  };
}

const tokensOf = async (agent: string) =>
  (await (await gateway.as('admin')).listJoinTokens()).filter((token) => token.agent === agent);

describe('a request that comes again with its key', () => {
  test('is carried out once, and answered the same, also what is shown once', async () => {
    const key = newKey();
    const first = await post('/agents/join-tokens', key, { agent: 'once' });
    const second = await post('/agents/join-tokens', key, { agent: 'once' });
    expect(first).toMatchObject({ status: 200, isReplay: false });
    expect(second).toEqual({ ...first, isReplay: true });
    expect(await tokensOf('once')).toHaveLength(1);
    const audit = await (await gateway.as('admin')).listAuditEvents({ action: 'join-token-created' });
    expect(audit.filter(({ subject }) => subject === 'once')).toHaveLength(1);
  });

  test('also one without a body, and one that makes something', async () => {
    const key = newKey();
    const first = await post('/sessions', key, { connection: 'shop' }, 'alice');
    expect(first.status).toBe(201);
    expect(await post('/sessions', key, { connection: 'shop' }, 'alice')).toEqual({ ...first, isReplay: true });
    const { id } = JSON.parse(first.text) as { id: string };
    const end = newKey();
    expect(await post(`/sessions/${id}/kill`, end, {}, 'alice')).toMatchObject({ status: 204, isReplay: false });
    expect(await post(`/sessions/${id}/kill`, end, {}, 'alice')).toMatchObject({ status: 204, isReplay: true });
  });

  test('still is after the gateway was started again, and no more after 24 hours', async () => {
    const key = newKey();
    const first = await post('/agents/join-tokens', key, { agent: 'later' });
    await gateway.restart();
    gateway.forget('admin');
    expect(await post('/agents/join-tokens', key, { agent: 'later' })).toEqual({ ...first, isReplay: true });
    gateway.advance(24 * 3_600_000 + 1000);
    for (const user of ['admin', 'alice']) gateway.forget(user);
    const anew = await post('/agents/join-tokens', key, { agent: 'later' });
    expect(anew.isReplay).toBe(false);
    expect(anew.text).not.toBe(first.text);
  });

  test('with quotation marks is the same key', async () => {
    const key = newKey();
    const first = await post('/agents/join-tokens', key, { agent: 'quoted' });
    expect(await post('/agents/join-tokens', `"${key}"`, { agent: 'quoted' })).toEqual({ ...first, isReplay: true });
  });

  test('together with others of the same is carried out once', async () => {
    const key = newKey();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => post('/agents/join-tokens', key, { agent: 'race' })),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.filter(({ isReplay }) => !isReplay)).toHaveLength(1);
    expect(await tokensOf('race')).toHaveLength(1);
  });

  test('needs its permission again', async () => {
    const admin = await gateway.as('admin');
    await admin.putUser('temp', { password: 'a password of some length', roles: ['admin'] });
    const holder = await gateway.signIn('temp', 'a password of some length');
    const url = `${gateway.gateway.addresses.api}/api/v1/agents/join-tokens`;
    const key = newKey();
    const send = async () => {
      const headers = { ...(await holder.authorize('POST', url)), 'content-type': 'application/json' };
      const init = { method: 'POST', headers: { ...headers, 'idempotency-key': key }, body: '{"agent":"left"}' };
      return (await gateway.fetch(url, init)).status;
    };
    expect(await send()).toBe(200);
    await admin.putUser('temp', { roles: [] });
    expect(await send()).toBe(403);
  });
});

describe('what is refused', () => {
  const cases: [name: string, second: (key: string) => ReturnType<typeof post>, code: string][] = [
    ['another body', (key) => post('/agents/join-tokens', key, { agent: 'other' }), 'idempotency_key_reused'],
    [
      'the same with another space',
      (key) => post('/agents/join-tokens?', key, { agent: 'one' }),
      'idempotency_key_reused',
    ],
    ['another route', (key) => post('/agents/one/unlock', key, { agent: 'one' }), 'idempotency_key_reused'],
  ];
  test.each(cases)('a key with %s', async (_name, second, code) => {
    const key = newKey();
    expect((await post('/agents/join-tokens', key, { agent: 'one' })).status).toBe(200);
    expect(await second(key)).toMatchObject({ status: 422, code });
  });

  test('another body while the first is running', async () => {
    const key = newKey();
    const answers = await Promise.all(['a', 'b', 'c'].map((agent) => post('/agents/join-tokens', key, { agent })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 422, 422]);
  });

  test.each(['', ' ', 'ä', 'a"b', 'x'.repeat(256), 'a b', '"'])('the key %j', async (key) => {
    const sent = Buffer.from(key, 'utf8').toString('latin1');
    expect(await post('/agents/join-tokens', sent, { agent: 'x' })).toMatchObject({
      status: 400,
      code: 'invalid_request',
    });
  });

  test('keys of two accounts never meet', async () => {
    const key = newKey();
    const one = await post('/sessions', key, { connection: 'shop' }, 'alice');
    const other = await post('/sessions', key, { connection: 'shop' }, 'dave');
    expect([one.isReplay, other.isReplay]).toEqual([false, false]);
    expect(one.text).not.toBe(other.text);
  });

  test('a refusal is not kept: the key is free', async () => {
    const key = newKey();
    for (let time = 0; time < 2; time += 1) {
      expect(await post('/agents/nobody/unlock', key, {})).toMatchObject({ code: 'not_found', isReplay: false });
    }
    expect((await post('/agents/join-tokens', key, { agent: 'x' })).status).toBe(200);
  });

  test('after a failure in the middle, and after a crash, nothing is done again', async () => {
    const { audit, idempotentAnswers } = gateway.gateway.repositories;
    const { append } = audit;
    const key = newKey();
    Object.assign(audit, { append: () => Promise.reject(new Error('the disk is full')) });
    expect((await post('/agents/join-tokens', key, { agent: 'broken' })).status).toBe(500);
    Object.assign(audit, { append });
    expect(await post('/agents/join-tokens', key, { agent: 'broken' })).toMatchObject({
      status: 409,
      code: 'conflict',
    });
    const crashed = newKey();
    const { text } = await post('/agents/join-tokens', crashed, { agent: 'crashed' });
    await gateway.gateway.store.db.updateTable('idempotent_answers').set({ state: 'running', content: null }).execute();
    await idempotentAnswers.loseRunning();
    const again = await post('/agents/join-tokens', crashed, { agent: 'crashed' });
    expect(again).toMatchObject({ status: 409, code: 'conflict' });
    expect(again.text).toContain('cannot say whether it was carried out');
    expect(text).not.toBe(again.text);
  });
});

test('nothing that is shown once, and no key, is in the store in clear', async () => {
  const key = newKey();
  const { token } = JSON.parse((await post('/agents/join-tokens', key, { agent: 'secret' })).text) as { token: string };
  const opened = JSON.parse((await post('/sessions', `${key}-2`, { connection: 'shop' }, 'alice')).text) as {
    password: string;
  };
  const rows = await gateway.gateway.store.db.selectFrom('idempotent_answers').selectAll().execute();
  const stored = rows.flatMap((row) => [row.hash, row.request, row.content ?? Buffer.alloc(0)]);
  for (const secret of [token, opened.password, key]) {
    for (const bytes of stored) expect(bytes.includes(secret)).toBe(false);
  }
});
