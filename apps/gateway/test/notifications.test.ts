import { createHmac } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCertificateAuthority } from '../src/agents/certificate-authority.ts';
import type { GatewayConfig } from '../src/config/config-schema.ts';
import { createLog } from '../src/log/create-log.ts';
import { startReceiver } from './fixture/receiver.ts';
import { askAs, failure, startTestGateway, type TestGateway, until } from './fixture/test-gateway.ts';

const signingSecret = 'a slack signing secret';
const webhookSecret = 'a webhook secret of 24 bytes or more';
/** What must never be in a message. */
const planted = /eve@example|secret-parameter|slack signing secret|webhook secret/;

type Channels = GatewayConfig['notifications']['channels'];
let hook: Awaited<ReturnType<typeof startReceiver>>;
let slack: Awaited<ReturnType<typeof startReceiver>>;
let teams: Awaited<ReturnType<typeof startReceiver>>;
let gateway: TestGateway;
beforeAll(async () => {
  [hook, slack, teams] = await Promise.all([startReceiver(), startReceiver(), startReceiver()]);
  Object.assign(process.env, {
    WEIR_TEST_HOOK: hook.url,
    WEIR_TEST_SLACK: slack.url,
    WEIR_TEST_TEAMS: teams.url,
    WEIR_TEST_SLACK_SECRET: signingSecret,
    WEIR_TEST_HOOK_SECRET: webhookSecret,
  });
  const env = (name: string) => ({ from: 'env' as const, name });
  const channels: Channels = [
    { name: 'siem', type: 'webhook', url: env('WEIR_TEST_HOOK'), signingSecret: env('WEIR_TEST_HOOK_SECRET') },
    { name: 'teams', type: 'teams', url: env('WEIR_TEST_TEAMS'), events: ['request-made', 'account-disabled'] },
    {
      ...{ name: 'slack', type: 'slack', url: env('WEIR_TEST_SLACK') },
      interactive: {
        signingSecret: env('WEIR_TEST_SLACK_SECRET'),
        teamId: 'T1',
        users: { UALICE: 'alice', UBOB: 'bob', UCAROL: 'carol', UDAVE: 'dave', UGONE: 'nobody-there' },
      },
    },
  ];
  gateway = await startTestGateway((config) => ({
    ...config,
    notifications: { publicUrl: 'https://weir.example', channels },
  }));
});
afterAll(async () => {
  await gateway.close();
  await Promise.all([hook.close(), slack.close(), teams.close()]);
});

const ask = async (user = 'alice') => {
  const asked = askAs(gateway, (await gateway.openSession(user)).id);
  return { ...asked, id: (await asked.answer(1)).requestId };
};
const about = (receiver: typeof hook, id: string, event: string) =>
  receiver.received.filter(({ body }) => body.includes(id) && body.includes(event));
const audit = async (action: string) => (await gateway.as('admin')).listAuditEvents({ action, limit: 1000 });

let pressed = 0;
/** Presses a button in Slack. */
async function press(
  user: string,
  id: string,
  change: { decision?: string; team?: string; seconds?: number; secret?: string; again?: boolean } = {},
) {
  const { decision = 'approve', team = 'T1', seconds = Math.floor(Date.now() / 1000), secret = signingSecret } = change;
  if (change.again !== true) pressed += 1;
  const payload = {
    ...{ type: 'block_actions', team: { id: team }, user: { id: user }, trigger_id: String(pressed) },
    ...{ actions: [{ action_id: `weir-${decision}`, value: id }], response_url: hook.url },
  };
  const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  const signature = createHmac('sha256', secret).update(`v0:${seconds}:${body}`).digest('hex');
  const response = await fetch(`${gateway.gateway.addresses.api}/integrations/slack/interactions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': String(seconds),
      'x-slack-signature': `v0=${signature}`,
    },
    body,
  });
  await response.arrayBuffer();
  return response.status;
}
const stateOf = async (id: string) => (await (await gateway.as('audrey')).showRequest(id)).state;

describe('a request', () => {
  test('is told to all channels that hear it, signed, with a link, and without statement and parameters', async () => {
    const { id } = await ask();
    await until(() => [hook, slack, teams].every((receiver) => about(receiver, id, '').length > 0));
    const [webhook] = about(hook, id, 'request-made');
    const { headers, body = '' } = webhook ?? {};
    const signed = `${headers?.['webhook-id']}.${headers?.['webhook-timestamp']}.${body}`;
    expect(headers?.['webhook-signature']).toBe(
      `v1,${createHmac('sha256', webhookSecret).update(signed).digest('base64')}`,
    );
    expect(JSON.parse(body)).toMatchObject({
      type: 'request-made',
      data: { title: 'alice asks for approval on shop', link: `https://weir.example/requests/${id}`, request: id },
    });
    expect(about(slack, id, 'weir-approve')).toHaveLength(1);
    expect(about(teams, id, 'AdaptiveCard')).toHaveLength(1);
    await (await gateway.as('bob')).decideRequest(id, { decision: 'deny', reason: 'no\n<!channel>' });
    await until(() => about(hook, id, 'request-decided').length > 0);
    await until(() => about(slack, id, 'bob denied').length > 0);
    expect(about(teams, id, 'denied')).toEqual([]);
    expect(JSON.stringify([hook.received, slack.received, teams.received])).not.toMatch(planted);
    expect(gateway.logLines.join('')).not.toMatch(planted);
  });

  test('an account that was disabled is told once', async () => {
    const admin = await gateway.as('admin');
    await admin.putUser('zoe', { password: 'correct horse', groups: [] });
    await admin.putUser('zoe', { groups: ['developers'] });
    await admin.putUser('zoe', { disabled: true });
    await until(() => about(teams, 'zoe', 'disabled').length > 0);
    expect(about(hook, 'zoe', '')).toHaveLength(1);
  });
});

describe('the outbox', () => {
  test('tries again after failures, and a restart loses none', async () => {
    hook.answers.push({ status: 500 });
    const { id } = await ask();
    await until(() => about(hook, id, 'request-made').length === 1);
    const pending = async () => (await gateway.as('audrey')).listNotifications({ state: 'pending' });
    await until(async () => (await pending()).some(({ error }) => error === 'it answered 500'));
    await gateway.restart();
    await until(() => about(hook, id, 'request-made').length === 2);
    const [first, second] = about(hook, id, 'request-made');
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    await until(async () => (await pending()).length === 0);
  });

  test('a message that is refused for good is a dead letter that administrators and auditors see', async () => {
    hook.answers.push({ status: 410 });
    const { id } = await ask();
    const dead = async () => (await gateway.as('audrey')).listNotifications({ state: 'dead' });
    await until(async () => (await dead()).length > 0);
    expect((await dead())[0]).toMatchObject({ channel: 'siem', attempts: 1, error: 'it answered 410' });
    expect((await audit('notification-undeliverable')).at(-1)).toMatchObject({ subject: 'siem' });
    expect(about(slack, id, '')).toHaveLength(1);
  });

  test('one channel that stalls does not hold up the others', async () => {
    hook.answers.push('stall');
    const { id } = await ask();
    await until(() => about(slack, id, '').length > 0);
    hook.answers.length = 0;
  });
});

describe('a button in Slack', () => {
  test('decides as the account of the person, with the same rules', async () => {
    const asked = await ask();
    expect(await press('UBOB', asked.id)).toBe(200);
    expect(await asked.answer(2)).toMatchObject({ state: 'approved', by: 'bob', reason: 'decided in Slack' });
  });

  test.each([
    ['the requester', 'UALICE', {}, 200, 'self_approval'],
    ['a person who is no approver', 'UDAVE', {}, 200, null],
    ['a person without an account', 'UMALLORY', {}, 200, undefined],
    ['an account that is gone', 'UGONE', {}, 200, undefined],
    ['a name of the language', 'constructor', {}, 200, undefined],
    ['an approver of another workspace', 'UBOB', { team: 'T2' }, 200, undefined],
    ['a forged signature', 'UBOB', { secret: 'guessed' }, 403, null],
    ['an old request', 'UBOB', { seconds: Math.floor(Date.now() / 1000) - 400 }, 403, null],
  ])('of %s decides nothing', async (_name, user, change, status, code) => {
    const { id } = await ask();
    const before = (await audit('decision-refused')).length + (await audit('slack-request-refused')).length;
    expect(await press(user, id, change)).toBe(status);
    expect(await stateOf(id)).toBe('pending');
    const refused = [...(await audit('decision-refused')), ...(await audit('slack-request-refused'))];
    if (code !== null || status === 403) expect(refused.length).toBe(before + 1);
    if (typeof code === 'string') expect(refused.at(-1)?.detail['code'] ?? refused[0]?.detail['code']).toBe(code);
  });

  test('of a disabled approver, or one who left the group, decides nothing', async () => {
    const admin = await gateway.as('admin');
    const { id } = await ask();
    await admin.putUser('carol', { disabled: true });
    await press('UCAROL', id);
    await admin.putUser('carol', { disabled: false, groups: [] });
    await press('UCAROL', id);
    expect(await stateOf(id)).toBe('pending');
    await admin.putUser('carol', { groups: ['security'] });
    await press('UCAROL', id);
    expect(await stateOf(id)).toBe('approved');
  });

  test('counts once: the same request again is refused', async () => {
    const { id } = await ask();
    const seconds = Math.floor(Date.now() / 1000);
    expect(await press('UBOB', id, { seconds })).toBe(200);
    expect(await press('UBOB', id, { seconds, again: true })).toBe(403);
  });

  test('counts as the person, who cannot decide by the API as well', async () => {
    const admin = await gateway.as('admin');
    await admin.linkUser('bob', 'dave');
    const asked = askAs(gateway, (await gateway.openSession()).id, { people: 2 });
    const { requestId: id } = await asked.answer(1);
    expect((await (await gateway.as('bob')).decideRequest(id, { decision: 'approve' })).state).toBe('pending');
    await press('UBOB', id);
    expect(await stateOf(id)).toBe('pending');
    expect((await audit('decision-refused')).at(-1)).toMatchObject({ subject: id, detail: { code: 'conflict' } });
    await admin.unlinkUser('bob');
  });

  test('never makes the gateway call another address than Slack', async () => {
    expect(hook.received.some(({ body }) => body.includes('response_type'))).toBe(false);
  });
});

test('without an app there is nothing to press', async () => {
  const { createSlackInteractions } = await import('../src/notifications/slack-interactions.ts');
  const { capabilities } = gateway.gateway;
  const none = createSlackInteractions({
    ...{ apps: [], approvals: capabilities.approvals, deciderOf: async () => undefined },
    ...{ audit: { append: async () => undefined, later: () => undefined }, log: createLog(() => undefined) },
  });
  const request = { timestamp: '1', signature: 'v0=', body: Buffer.alloc(0) };
  expect((await failure(none.receive(request))).code).toBe('not_found');
});

describe('e-mail', () => {
  /** A real SMTP server with a certificate of the test's CA. */
  async function startMailServer(hasTls: boolean) {
    const { authority: ca } = await createCertificateAuthority(Date.now());
    const { certificate, key } = await ca.issueServer(['localhost'], Date.now());
    const mails: { text: string; isSecure: boolean; user: unknown }[] = [];
    const server = new SMTPServer({
      ...{ cert: certificate, key, disabledCommands: hasTls ? [] : ['STARTTLS'] },
      onAuth: ({ username, password }, _session, done) =>
        password === 'mail password' ? done(null, { user: username }) : done(new Error('no')),
      onData: (stream, session, done) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          const { secure: isSecure, user } = session;
          mails.push({ text: Buffer.concat(chunks).toString(), isSecure, user });
          done();
        });
      },
    });
    server.on('error', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.server.address() as AddressInfo;
    const caFile = join(gateway.config.stateDir, 'mail-ca.pem');
    await writeFile(caFile, ca.certificate);
    return { port, caFile, mails, close: () => new Promise<void>((resolve) => server.close(() => resolve())) };
  }
  const notice = {
    ...{ id: 'evt_1', event: 'request-made' as const, at: new Date(0).toISOString(), title: 'alice asks' },
    ...{
      facts: [['tables', 'public.customers']] as const,
      request: 'req_abcdef',
      link: null,
      command: 'weir requests show req_abcdef',
    },
  };
  const open = async (port: number, caFile: string | undefined, password = 'mail password') => {
    const { openChannel } = await import('../src/notifications/channel.ts');
    process.env['WEIR_TEST_MAIL'] = password;
    return openChannel(
      {
        ...{ name: 'mail', type: 'email', host: 'localhost', port, tls: 'starttls', caFile },
        login: { user: 'weir', password: { from: 'env', name: 'WEIR_TEST_MAIL' } },
        ...{ sender: 'weir@example.com', recipients: ['security@example.com'] },
      },
      Date.now,
    );
  };

  test('goes encrypted and signed in', async () => {
    const server = await startMailServer(true);
    expect(await (await open(server.port, server.caFile)).send(notice)).toEqual({ state: 'sent' });
    expect(server.mails).toMatchObject([{ isSecure: true, user: 'weir' }]);
    expect(server.mails[0]?.text).toMatch(/^Subject: \[Weir\] alice asks\r$/m);
    expect(server.mails[0]?.text).toContain('tables: public.customers');
    await server.close();
  });

  test.each([
    ['a server without STARTTLS', false, true, 'mail password'],
    ['a certificate of a stranger', true, false, 'mail password'],
    ['a wrong password', true, true, 'wrong'],
  ])('stays here with %s, and is tried again', async (_name, hasTls, isTrusted, password) => {
    const server = await startMailServer(hasTls);
    const channel = await open(server.port, isTrusted ? server.caFile : undefined, password);
    expect(await channel.send(notice)).toMatchObject({ state: 'retry' });
    expect(server.mails).toEqual([]);
    await server.close();
  });
});
