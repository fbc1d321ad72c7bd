import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { pauseAfter } from '../src/notifications/backoff.ts';
import { mailMessage } from '../src/notifications/mail-message.ts';
import { type Notice, noticeOf } from '../src/notifications/notice.ts';
import { escapeMarkdown, plainLine } from '../src/notifications/plain-text.ts';
import { postJson } from '../src/notifications/post-json.ts';
import { slackMessage } from '../src/notifications/slack-message.ts';
import { createSlackVerifier } from '../src/notifications/slack-signature.ts';
import { teamsMessage } from '../src/notifications/teams-message.ts';
import { webhookHeaders, webhookKey } from '../src/notifications/webhook-signature.ts';
import type { RequestRow } from '../src/store/approvals.ts';
import type { AuditRow } from '../src/store/audit.ts';
import { startReceiver } from './fixture/receiver.ts';

const event = (action: string, detail: unknown = {}, subject = 'req_abcdef', actor = 'bob') =>
  ({ id: '7', at: new Date(0), actor, action, subject, detail: JSON.stringify(detail) }) as AuditRow;
const request = {
  id: 'req_abcdef',
  kind: 'delete',
  tables: ['public.customers'],
  state: 'pending',
  expires_at: new Date(60_000),
  estimate: { rows: 12_000, why: null },
  statement: "DELETE FROM customers WHERE email = 'eve@example.com'",
  parameters: ['secret-parameter'],
} as unknown as RequestRow;
/** What attackers write where people may write: markup of each channel, line breaks, turned text, a header. */
const hostile =
  '<!channel> <https://evil.test|ok> [a](https://evil.test) **b** \r\nBcc: all@example.com\n\u202e\u0000 @everyone';

describe('which events are told', () => {
  test.each([
    ['request-made', { connection: 'shop' }, 'request-made', 'bob asks for approval on shop'],
    ['request-approved', {}, 'request-decided', 'bob approved req_abcdef'],
    ['request-denied', {}, 'request-decided', 'bob denied req_abcdef'],
    ['request-expired', {}, 'request-expired', 'Nobody decided req_abcdef in time'],
    ['access-requested', { connection: 'shop' }, 'request-made', 'bob asks for access to shop'],
    ['access-decided', { decision: 'approve' }, 'request-decided', 'bob approved req_abcdef'],
    ['access-decided', { decision: 'deny' }, 'request-decided', 'bob denied req_abcdef'],
    ['watcher-needed', { connection: 'web-1' }, 'request-made', 'bob needs a watcher on web-1'],
    ['access-expired', {}, 'request-expired', 'Nobody decided req_abcdef in time'],
    ['agent-locked', {}, 'agent-locked', 'The agent req_abcdef was locked'],
    ['emergency-sign-in', {}, 'emergency-sign-in', 'EMERGENCY: bob signed in with a local account'],
    ['passkey-copy-suspected', {}, 'passkey-locked', 'A passkey of req_abcdef was copied and is locked'],
    ['break-glass-used', {}, 'break-glass-used', 'BREAK-GLASS: bob took emergency access'],
    [
      'user-changed',
      { before: { disabled: false }, after: { disabled: true } },
      'account-disabled',
      'The account req_abcdef was disabled',
    ],
  ])('%s %o', (action, detail, kind, title) => {
    expect(noticeOf(event(action, detail), undefined, undefined)).toMatchObject({ event: kind, title });
  });

  test.each([
    ['login', {}],
    ['user-changed', { before: { disabled: true }, after: { disabled: false } }],
    ['user-changed', { before: { groups: [] }, after: { groups: ['a'] } }],
    ['constructor', {}],
  ])('not %s %o', (action, detail) => {
    expect(noticeOf(event(action, detail), undefined, undefined)).toBeNull();
  });
});

test('a notice of access has no button, and the command that shows it', () => {
  const about = (action: string, subject: string) =>
    noticeOf(event(action, {}, subject), undefined, 'https://weir.example');
  expect(about('access-requested', 'acc_abcdefgh')).toMatchObject({
    request: null,
    link: null,
    command: 'weir requests show acc_abcdefgh',
  });
  expect(about('break-glass-used', 'grt_abcdefgh')?.command).toBe('weir grants show grt_abcdefgh');
});

describe('a notice', () => {
  const notice = noticeOf(
    event('request-made', { connection: 'shop', token: 'hidden' }),
    request,
    'https://weir.example/x',
  );
  test('names kind and tables, never the statement or its parameters, and links to the request', () => {
    expect(notice?.facts).toEqual([
      ['by', 'bob'],
      ['connection', 'shop'],
      ['statement', 'delete'],
      ['tables', 'public.customers'],
      ['estimated rows', 'about 12000'],
      ['until', '1970-01-01T00:01:00.000Z'],
    ]);
    expect(notice?.link).toBe('https://weir.example/x/requests/req_abcdef');
    expect(JSON.stringify(notice)).not.toMatch(/eve@|secret-parameter|hidden/);
  });
  test.each([
    [null, undefined],
    [{ rows: 0, why: null }, 'about 0'],
    [{ rows: null, why: 'a table is locked' }, 'unknown: a table is locked'],
    [{ rows: null, why: `x\n${hostile}` }, expect.not.stringMatching(/[\r\n\u202e]/)],
  ])('tells what the planner expects: %j', (estimate, text) => {
    const facts = noticeOf(event('request-made'), { ...request, estimate }, undefined)?.facts ?? [];
    expect(facts.find(([name]) => name === 'estimated rows')?.[1]).toEqual(text);
  });
});

describe('text of people', () => {
  const notice = noticeOf(
    event('request-denied', { reason: hostile, rule: hostile }, 'req_abcdef', hostile),
    request,
    undefined,
  );
  const told: Notice = notice ?? expect.fail('no notice');

  test('is one bounded line without control characters', () => {
    expect(plainLine('a\r\nb\u0000\u202ec\u2028d')).toBe('a b c d');
    expect(plainLine('x'.repeat(1000))).toHaveLength(300);
    expect(plainLine('👍'.repeat(400), 10)).toBe(`${'👍'.repeat(9)}…`);
  });

  test('has no markup in Slack: it is plain_text, and escaped where Slack reads markup', () => {
    const { text, blocks } = slackMessage(told, true) as { text: string; blocks: unknown[] };
    expect(text).not.toMatch(/[<>]/);
    expect(JSON.stringify(blocks)).not.toContain('mrkdwn');
    expect(JSON.stringify(blocks)).toContain('"emoji":false');
    // A request that is decided has no buttons.
    expect(JSON.stringify(blocks)).not.toContain('weir-approve');
  });

  test('has no markup in Teams', () => {
    const text = JSON.stringify(teamsMessage(told));
    expect(text).not.toMatch(/\]\(|\*\*|https:\/\/evil|<!|@everyone/);
    expect(escapeMarkdown('[a](b)')).toBe('&#91;a&#93;&#40;b&#41;');
  });

  test('begins no header and no line of an e-mail', () => {
    const { subject, text } = mailMessage(told);
    expect(subject).not.toMatch(/[\r\n]/);
    expect(text).not.toMatch(/^Bcc:/m);
  });
});

describe('the signature of a webhook', () => {
  test('is that of Standard Webhooks', () => {
    const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
    const headers = webhookHeaders(webhookKey(secret), 'evt_7', 5_000, '{"a":1}');
    const expected = createHmac('sha256', Buffer.alloc(24, 7)).update('evt_7.5.{"a":1}').digest('base64');
    expect(headers).toEqual({ 'webhook-id': 'evt_7', 'webhook-timestamp': '5', 'webhook-signature': `v1,${expected}` });
  });

  test('needs a long secret', () => {
    expect(() => webhookKey('whsec_c2hvcnQ=')).toThrow('too short');
  });
});

describe('a request of Slack', () => {
  const secret = 'slack-signing-secret';
  const nowMs = 1_700_000_000_000;
  const body = Buffer.from('payload=%7B%7D');
  const sign = (seconds: number, key = secret, signed = body) =>
    `v0=${createHmac('sha256', key).update(`v0:${seconds}:`).update(signed).digest('hex')}`;
  const at = (seconds: number) => ({ timestamp: String(seconds), signature: sign(seconds), body });
  const now = nowMs / 1000;

  test.each([
    ['right', at(now), null],
    ['299 s old', at(now - 299), null],
    ['301 s old', at(now - 301), 'its time is over'],
    ['301 s ahead', at(now + 301), 'its time is over'],
    ['of another secret', { ...at(now), signature: sign(now, 'other') }, 'its signature is wrong'],
    ['of another body', { ...at(now), body: Buffer.from('payload=x') }, 'its signature is wrong'],
    ['with another time', { ...at(now), timestamp: String(now - 1) }, 'its signature is wrong'],
    ['unsigned', { timestamp: undefined, signature: undefined, body }, 'it is not signed'],
    ['of version 1', { ...at(now), signature: sign(now).replace('v0', 'v1') }, 'it is not signed'],
    ['with a short signature', { ...at(now), signature: 'v0=00' }, 'it is not signed'],
    ['with a time that is no number', { ...at(now), timestamp: '1e9' }, 'it is not signed'],
  ])('%s', (_name, signed, refusal) => {
    expect(createSlackVerifier(secret, () => nowMs).refusalOf(signed)).toBe(refusal);
  });

  test('counts once', () => {
    const verifier = createSlackVerifier(secret, () => nowMs);
    expect([verifier.refusalOf(at(now)), verifier.refusalOf(at(now)), verifier.refusalOf(at(now - 1))]).toEqual([
      null,
      'it was sent before',
      null,
    ]);
  });
});

describe('posting', () => {
  test.each([
    ['200', { status: 200 }, { state: 'sent' }],
    ['204', { status: 204 }, { state: 'sent' }],
    [
      '429 with a time',
      { status: 429, headers: { 'retry-after': '7' } },
      { state: 'retry', why: 'it answered 429', afterMs: 7000 },
    ],
    [
      '429 with an absurd time',
      { status: 429, headers: { 'retry-after': '999999999' } },
      { state: 'retry', why: 'it answered 429', afterMs: 3_600_000 },
    ],
    ['500', { status: 500 }, { state: 'retry', why: 'it answered 500' }],
    ['400', { status: 400 }, { state: 'failed', why: 'it answered 400' }],
    ['410', { status: 410 }, { state: 'failed', why: 'it answered 410' }],
  ] as const)('an answer of %s', async (_name, answer, result) => {
    const receiver = await startReceiver([answer]);
    expect(await postJson(receiver.url, '{}')).toEqual(result);
    await receiver.close();
  });

  test('a redirect to an address inside is not followed', async () => {
    const inside = await startReceiver();
    const receiver = await startReceiver([{ status: 307, headers: { location: inside.url } }]);
    expect((await postJson(receiver.url, '{"secret":1}')).state).toBe('failed');
    expect(inside.received).toEqual([]);
    await Promise.all([receiver.close(), inside.close()]);
  });

  test('a receiver that stalls, or is not there, is tried again; the address is not in the reason', async () => {
    const receiver = await startReceiver(['stall']);
    expect(await postJson(receiver.url, '{}', { timeoutMs: 50 })).toEqual({
      state: 'retry',
      why: 'it did not answer in time',
    });
    await receiver.close();
    expect(await postJson(receiver.url, '{}')).toEqual({ state: 'retry', why: 'it cannot be reached (ECONNREFUSED)' });
  });
});

test('pauses double, with chance, up to a quarter of an hour', () => {
  expect([1, 2, 3, 11, 12].map((attempts) => pauseAfter(attempts, 1))).toEqual([1000, 2000, 4000, 900_000, 900_000]);
  expect(pauseAfter(3, 0)).toBe(2000);
});
