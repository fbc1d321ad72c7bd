import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { approvalRequestSchema, connectionSchema, sessionSchema } from '@weir/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  accessRequest,
  endedSession,
  type GatewayStub,
  pendingRequest,
  refusal,
  startGatewayStub,
} from './fixture/gateway-stub.ts';
import { newFolder, type Run, runWeir } from './fixture/run-weir.ts';

let gateway: GatewayStub;
let home: string;
beforeAll(async () => {
  gateway = await startGatewayStub();
  home = newFolder();
  const run = await login(home);
  expect(run).toMatchObject({ status: 0, stdout: '' });
});
afterAll(() => gateway.close());

function login(folder: string, more: readonly string[] = []): Promise<Run> {
  return runWeir(['login', '--gateway', gateway.url, '--user', 'alice', '--password-stdin', ...more], {
    home: folder,
    input: 'secret\nnot this line',
  });
}

describe('signing in', () => {
  it('sends the first line of standard input and stores the token for its owner alone', () => {
    const sent = gateway.asked.find(({ what }) => what === 'POST /sign-in/1');
    expect(JSON.parse(sent?.body ?? '')).toEqual({ user: 'alice', password: 'secret', csrf: 'csrf-1' });
    const file = join(home, 'profiles.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, 'utf8')).profiles[gateway.url].signIn.tokens).toMatchObject({
      accessToken: 'access-1',
      refreshToken: 'refresh-1',
    });
  });

  it('sends the token with later calls', async () => {
    await runWeir(['whoami'], { home });
    expect(gateway.asked.at(-1)).toMatchObject({ what: 'GET /api/v1/whoami', token: 'DPoP access-1' });
  });

  it('warns when others can read the token', async () => {
    const folder = newFolder();
    const file = join(folder, 'profiles.json');
    writeFileSync(file, readFileSync(join(home, 'profiles.json')), { mode: 0o644 });
    const run = await runWeir(['whoami'], { home: folder });
    expect(run.status).toBe(0);
    expect(run.stderr).toContain(`chmod 600 ${file}`);
  });

  it('forgets the token on logout', async () => {
    const folder = newFolder();
    await login(folder);
    expect((await runWeir(['logout'], { home: folder })).status).toBe(0);
    expect((await runWeir(['whoami'], { home: folder, env: { WEIR_GATEWAY: gateway.url } })).status).toBe(4);
  });

  it('takes address and CA from the checkout when no profile is set', async () => {
    const folder = newFolder();
    const checkout = newFolder();
    mkdirSync(join(checkout, '.weir'));
    const file = { api: gateway.url, front: '127.0.0.1:1', ca: '-----BEGIN CERTIFICATE-----' };
    writeFileSync(join(checkout, '.weir', 'client.json'), JSON.stringify(file));
    const env = { WEIR_CHECKOUT: checkout };
    const input = 'secret';
    const run = await runWeir(['login', '--user', 'alice', '--password-stdin'], { home: folder, env, input });
    expect(run.status).toBe(0);
    expect((await runWeir(['whoami'], { home: folder, env })).status).toBe(0);
    expect((await runWeir(['whoami'], { home: folder, env: { WEIR_CHECKOUT: newFolder() } })).status).toBe(4);
  });
});

describe('output', () => {
  it('is TSV with a heading when piped', async () => {
    const { status, stdout, stderr } = await runWeir(['ls'], { home });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe(
      'name\tprotocol\tdatabase\tagent\tlabels\taccess\ndemo-pg\tpostgres\tshop\tdemo (online)\tenv=demo\tallowed\n',
    );
  });

  it.each([
    [['ls'], z.array(connectionSchema)],
    [['requests', 'ls'], z.array(approvalRequestSchema)],
    [['sessions', 'ls'], z.array(sessionSchema)],
  ] as const)('%j has JSON of the API with --json', async (args, schema) => {
    const { stdout } = await runWeir([...args, '--json'], { home });
    expect(schema.safeParse(JSON.parse(stdout)).error).toBeUndefined();
  });

  it('escapes line feeds of values in TSV', async () => {
    const { stdout } = await runWeir(['requests', 'ls'], { home });
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
    expect(stdout).toContain('DELETE FROM orders WHERE id = 7');
  });

  it('prints events as a transcript, or as NDJSON', async () => {
    const event = {
      event: 'statement',
      atMs: 1000,
      statement: 1,
      text: 'SELECT \u001b[31m1',
      action: 'deny',
      rule: 'no',
      reason: 'because',
    };
    const line = { session: 'ses_abc', channel: 1, sequence: 1, receivedAtMs: 1000, event };
    gateway.answers['GET /api/v1/sessions/ses_abc/events'] = Buffer.from(`${JSON.stringify(line)}\n`);
    const text = await runWeir(['sessions', 'play', 'ses_abc'], { home });
    expect(text.stdout).toBe('    0.000s [1] #1 DENIED by no: because\n                 SELECT \\x1b[31m1\n');
    const json = await runWeir(['sessions', 'play', 'ses_abc', '--json'], { home });
    expect(JSON.parse(json.stdout)).toEqual(line);
  });
});

describe('recordings', () => {
  const at = (afterMs: number, { event: name, ...fields }: { event: string } & Record<string, unknown>) => {
    const atMs = 1_700_000_000_000 + afterMs;
    const event = { event: name, atMs, ...fields };
    return { session: 'ses_abc', channel: 1, sequence: 1, receivedAtMs: atMs, event };
  };
  const statement = {
    ...{ event: 'statement', statement: 1, phase: 'request', kind: 'shell', text: 'Shell', action: 'allow', rule: 'r' },
    ...{ reason: '', parameters: [], trace: [], tables: [], maskedColumns: [], approval: null },
  };
  const lines = [
    at(0, statement),
    at(0, { event: 'terminal', term: 'xterm', columns: 80, rows: 24 }),
    at(500, { event: 'output', stream: 'stdout', text: '\u001b[1m$ \u001b[0mls\r\n' }),
  ];
  const serve = () => {
    gateway.answers['GET /api/v1/sessions/ses_abc'] = endedSession;
    gateway.answers['GET /api/v1/sessions/ses_abc/events'] = Buffer.from(
      lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
    );
  };

  it.each([
    [
      'asciicast',
      '{"version":2,"width":80,"height":24,"timestamp":1700000000,"title":"alice on demo-pg (ses_abc)","env":{"TERM":"xterm"}}\n[0.5,"o","\\u001b[1m$ \\u001b[0mls\\r\\n"]\n',
    ],
    ['ndjson', lines.map((line) => `${JSON.stringify(line)}\n`).join('')],
    [
      'text',
      '    0.000s [1] #1 shell allowed by r\n                 Shell\n    0.000s [1] terminal xterm, 80 x 24\n    0.500s [1] | $ ls\n',
    ],
  ])('are exported as %s', async (format, text) => {
    serve();
    const run = await runWeir(['sessions', 'export', 'ses_abc', '--format', format], { home });
    expect(run).toEqual({ status: 0, stdout: text, stderr: '' });
  });

  it('of no terminal are no asciicast', async () => {
    serve();
    const args = ['sessions', 'export', 'ses_abc', '--format', 'asciicast', '--channel', '2'];
    expect(await runWeir(args, { home })).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining('--format text'),
    });
  });

  it('are searched for what was run', async () => {
    serve();
    const found = await runWeir(['sessions', 'search', 'sHEll', '--json'], { home });
    expect(JSON.parse(found.stdout)).toEqual([
      expect.objectContaining({
        session: 'ses_abc',
        principal: 'alice',
        kind: 'shell',
        action: 'allow',
        text: 'Shell',
      }),
    ]);
    const nothing = await runWeir(['sessions', 'search', 'passwd'], { home });
    expect(nothing.stderr).toBe('Nothing was found.\n');
  });
});

describe('exit status', () => {
  const cases: [status: number, name: string, args: string[], parts: string[]][] = [
    [2, 'no command', [], ['error: A command is missing.']],
    [2, 'a slip in a command', ['conect'], ["error: Unknown command 'conect'.", 'Did you mean connect?']],
    [2, 'an unknown option', ['ls', '--jsno'], ['--json']],
    [2, 'a missing argument', ['exec'], ["error: Missing required argument 'name'."]],
    [2, 'no password without terminal', ['login', '--user', 'alice'], ['--password-stdin']],
    [2, 'an impossible port', ['connect', 'demo-pg', '--port', '70000'], ['"70000" is not a port']],
    [
      2,
      'an unknown connection',
      ['exec', 'demo-og', 'SELECT 1'],
      ['no connection "demo-og"', 'Did you mean "demo-pg"?'],
    ],
    [2, 'an address that is none', ['login', '--gateway', 'ftp://x', '--user', 'a'], ['is not the address']],
    [2, 'flags that belong together', ['audit', 'verify', '--offline', '.'], ['belong together']],
    [2, 'an incomplete connection', ['connections', 'add', '--name', 'x'], ['--agent, --host, --database, --db-user']],
    [4, 'a token that is not accepted', ['status'], ['code: sign_in_required']],
    [5, 'a decision on an own request', ['requests', 'approve', 'req_abc'], ['code: self_approval']],
    [
      7,
      'a gateway that is not there',
      ['login', '--gateway', 'http://127.0.0.1:9', '--user', 'a', '--password-stdin'],
      ['code: gateway_unavailable'],
    ],
    [1, 'a failure of the gateway', ['policy', 'show'], ['code: internal']],
  ];

  it.each(cases)('%i: %s', async (status, _name, args, parts) => {
    gateway.answers['POST /api/v1/sessions'] = refusal(404, 'not_found', 'There is no such connection.');
    gateway.answers['GET /api/v1/status'] = refusal(401, 'sign_in_required', 'The token has ended.');
    gateway.answers['POST /api/v1/requests/req_abc/decision'] = refusal(
      403,
      'self_approval',
      'Nobody decides his own.',
    );
    gateway.answers['GET /api/v1/policy'] = refusal(500, 'internal', 'It failed.');
    const run = await runWeir(args, { home, input: 'pw' });
    expect({ status: run.status, stdout: run.stdout }).toEqual({ status, stdout: '' });
    for (const part of parts) expect(run.stderr).toContain(part);
    expect(run.stderr).toMatch(/^error: /m);
    expect(run.stderr).toMatch(/^fix: /m);
    expect(run.stderr).not.toContain('\u001b');
  });

  it('0: help goes to stdout and has examples', async () => {
    for (const command of ['login', 'connect', 'exec', 'audit verify', 'agent run']) {
      const run = await runWeir([...command.split(' '), '--help'], { home });
      expect(run).toMatchObject({ status: 0, stderr: '' });
      expect(run.stdout).toContain(`$ weir ${command}`);
    }
  });

  it('tells a decided request apart: 0 approved, 5 denied', async () => {
    const path = 'GET /api/v1/requests/req_abc';
    gateway.answers[path] = { ...pendingRequest, state: 'approved', decidedBy: 'bob' };
    expect((await runWeir(['requests', 'wait', 'req_abc'], { home })).status).toBe(0);
    gateway.answers[path] = { ...pendingRequest, state: 'denied', decidedBy: 'bob', decisionReason: 'not now' };
    const denied = await runWeir(['requests', 'wait', 'req_abc'], { home });
    expect(denied).toMatchObject({ status: 5, stdout: '' });
    expect(denied.stderr).toContain('why: not now');
  });

  it.each([
    ['approved', 0],
    ['denied', 5],
    ['expired', 5],
    ['outdated', 5],
  ])('of a request for access that is %s: %i', async (state, status) => {
    gateway.answers['GET /api/v1/access-requests/acc_abc'] = { ...accessRequest, state };
    expect((await runWeir(['requests', 'wait', 'acc_abc'], { home })).status).toBe(status);
    expect((await runWeir(['requests', 'show', 'acc_abc'], { home })).stdout).toContain('for\t2h');
  });

  it('of a new request: 0, and the body is what was said', async () => {
    gateway.answers['POST /api/v1/access-requests'] = accessRequest;
    const args = ['requests', 'new', 'demo-pg', '--for', '2h', '--reason', 'repair', '--ticket', 'INC-1'];
    const run = await runWeir(args, { home });
    expect(run).toMatchObject({
      status: 0,
      stdout: '',
      stderr: expect.stringContaining('weir requests approve acc_abc'),
    });
    const sent = gateway.asked.findLast(({ what }) => what === 'POST /api/v1/access-requests');
    expect(JSON.parse(sent?.body ?? '')).toEqual({
      connection: 'demo-pg',
      seconds: 7200,
      reason: 'repair',
      ticket: 'INC-1',
    });
    for (const time of ['-2h', '0h', '8d', '2 h', 'forever', '']) {
      expect((await runWeir(['requests', 'new', 'demo-pg', `--for=${time}`], { home })).status).toBe(2);
    }
  });

  it('of doctor is that of the first step that failed', async () => {
    const run = await runWeir(['doctor', '--json'], { home });
    const { ok, steps } = JSON.parse(run.stdout) as { ok: boolean; steps: { name: string; result: string }[] };
    expect({ ok, status: run.status }).toEqual({ ok: false, status: 4 });
    expect(steps.find(({ name }) => name === 'gateway')?.result).toBe('ok');
    expect(steps.find(({ name }) => name === 'agents')?.result).toBe('FAILED');
  });
});
