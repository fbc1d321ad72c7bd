import type { ConnectionSpecRequest, Problem } from '@weir/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { preconditionOf } from '../src/http/precondition.ts';
import { testPolicy } from './fixture/policy.ts';
import { failure, startTestGateway, type TestGateway } from './fixture/test-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.close());

const specOf = (name: string, host = 'db'): ConnectionSpecRequest => ({
  name,
  agent: 'away',
  target: { protocol: 'postgres', host, database: 'd', user: 'u', password: { from: 'none' } },
});
let count = 0;
async function stored(): Promise<{ name: string; version: string }> {
  count += 1;
  const name = `orders-${count}`;
  const admin = await gateway.as('admin');
  await admin.putConnection(specOf(name));
  return { name, version: (await admin.getConnection(name)).version };
}

/** Sends as the administrator, with headers of the test's own. */
async function send(method: string, path: string, headers: Record<string, string> = {}, body?: unknown) {
  const response = await gateway.fetchAs('admin', `/api/v1${path}`, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const problem = response.ok || text === '' ? undefined : (JSON.parse(text) as Problem);
  return { status: response.status, etag: response.headers.get('etag'), text, problem };
}

describe('reading', () => {
  test.each([
    ['nothing', () => undefined, 200],
    ['the version', (etag: string) => etag, 304],
    ['the version, weak', (etag: string) => `W/${etag}`, 304],
    ['some, one of them the version', (etag: string) => `"a", W/"b",${etag}`, 304],
    ['*', () => '*', 304],
    ['another version', () => '"1-0000"', 200],
  ])('with if-none-match of %s', async (_name, header, status) => {
    const { name } = await stored();
    for (const path of [`/connections/${name}`, '/policy']) {
      const { etag } = await send('GET', path);
      expect(etag).toMatch(/^"\d+-[0-9a-f]+"$/);
      const value = header(String(etag));
      const answer = await send('GET', path, value === undefined ? {} : { 'if-none-match': value });
      expect(answer).toMatchObject({ status, etag, ...(status === 304 ? { text: '' } : {}) });
    }
  });

  test('a version stays until something changes, also over a restart', async () => {
    const { name, version } = await stored();
    const admin = await gateway.as('admin');
    const changed = await send('PUT', `/connections/${name}`, {}, specOf(name, 'other'));
    expect(changed.etag).not.toBe(`"${version}"`);
    expect(`"${(await admin.getConnection(name)).version}"`).toBe(changed.etag);
    await admin.deleteConnection(name);
    await admin.putConnection(specOf(name, 'third'));
    expect((await admin.getConnection(name)).version).not.toBe(version);
  });
});

describe('changing', () => {
  const cases: [name: string, method: string, exists: boolean, headers: (v: string) => object, status: number][] = [
    ['its version', 'PUT', true, (v) => ({ 'if-match': `"${v}"` }), 200],
    ['its version among others', 'PUT', true, (v) => ({ 'if-match': `"a", "${v}"` }), 200],
    ['any version', 'PUT', true, () => ({ 'if-match': '*' }), 200],
    ['another version', 'PUT', true, () => ({ 'if-match': '"1-0000000000000000"' }), 412],
    ['its version as a weak tag', 'PUT', true, (v) => ({ 'if-match': `W/"${v}"` }), 412],
    ['a version of what is not there', 'PUT', false, (v) => ({ 'if-match': `"${v}"` }), 412],
    ['any version of what is not there', 'PUT', false, () => ({ 'if-match': '*' }), 412],
    ['nothing, when there is something', 'PUT', true, () => ({ 'if-none-match': '*' }), 412],
    ['nothing, when there is nothing', 'PUT', false, () => ({ 'if-none-match': '*' }), 200],
    ['anything but its version', 'PUT', true, (v) => ({ 'if-none-match': `"${v}"` }), 412],
    ['its version', 'DELETE', true, (v) => ({ 'if-match': `"${v}"` }), 204],
    ['another version', 'DELETE', true, () => ({ 'if-match': '"1-0000000000000000"' }), 412],
    ['a version without quotation marks', 'PUT', true, (v) => ({ 'if-match': v }), 400],
    ['a broken list', 'PUT', true, (v) => ({ 'if-match': `"${v}" "b"` }), 400],
  ];
  test.each(cases)('for %s (%s, exists: %s)', async (_name, method, exists, headers, status) => {
    const { name, version } = await stored();
    const admin = await gateway.as('admin');
    if (!exists) await admin.deleteConnection(name);
    const body = method === 'PUT' ? specOf(name, 'changed') : undefined;
    const answer = await send(method, `/connections/${name}`, headers(version) as Record<string, string>, body);
    expect(answer.status).toBe(status);
    const after = await admin.getConnection(name).catch(() => undefined);
    if (status >= 400) expect(after?.version).toBe(exists ? version : undefined);
    else expect(after?.value.target.host).toBe(method === 'PUT' ? 'changed' : undefined);
  });

  test('the refusal says what was changed, by whom, and how to go on', async () => {
    const { name, version } = await stored();
    const admin = await gateway.as('admin');
    await admin.putConnection(specOf(name, 'elsewhere'));
    const error = await failure(admin.putConnection(specOf(name, 'here'), { version }));
    expect(error.message).toBe(`The connection ${name} was changed since you read it.`);
    expect(error.why).toMatch(
      /^admin changed it last, at 20\S+: target\.host\. It is at version "2-[0-9a-f]{16}" now\.$/,
    );
    expect(error.fix).toContain('Read it again');
  });

  test('of two who read the same version one changes it, the other is told', async () => {
    const { name, version } = await stored();
    const admin = await gateway.as('admin');
    const results = await Promise.allSettled(
      ['a', 'b', 'c', 'd'].map((host) => admin.putConnection(specOf(name, host), { version })),
    );
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused.map(({ reason }) => (reason as { code: string }).code)).toEqual(
      Array(3).fill('precondition_failed'),
    );
    const events = await admin.listAuditEvents({ action: 'connection-changed', limit: 1000 });
    expect(events.filter(({ subject }) => subject === name)).toHaveLength(2);
  });

  test('of the policy, the refusal names the documents that changed', async () => {
    const admin = await gateway.as('admin');
    const paula = await gateway.as('paula');
    const { version, text } = await admin.getPolicy();
    const more = `${text}\n---\napiVersion: weir.dev/v1\nkind: Access\nmetadata: { name: more }\nspec: { who: { groups: [a] }, connections: { names: [shop] } }\n`;
    const { version: newer } = await paula.applyPolicy({ text: more }, { version });
    const error = await failure(admin.applyPolicy({ text: testPolicy }, { version }));
    expect(error).toMatchObject({ code: 'precondition_failed', message: 'The policy was changed since you read it.' });
    expect(error.why).toContain('paula changed it last');
    expect(error.why).toContain('more added');
    expect((await failure(admin.applyPolicy({ text: testPolicy }, { absent: true }))).code).toBe('precondition_failed');
    expect((await admin.getPolicy()).version).toBe(newer);
    await admin.applyPolicy({ text: testPolicy }, { version: newer });
  });
});

test.each(['""', '"a"', 'W/"a" , "b"', '"!#~"', ' * '])('the header %j is read', (text) => {
  expect(preconditionOf({ 'if-match': text }).match).toBeDefined();
});
test.each(['', 'a', '"a', 'a"', '"a" "b"', ', "a"', '"ä"', '*, "a"', 'w/"a"', '"a\n"'])(
  'the header %j is refused',
  (text) => {
    expect(() => preconditionOf({ 'if-match': text })).toThrow(/if-match cannot be read/);
  },
);
