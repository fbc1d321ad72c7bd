import type { User } from '@weir/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GatewayStub, refusal, startGatewayStub } from './fixture/gateway-stub.ts';
import { newFolder, runWeir } from './fixture/run-weir.ts';

const alice: User = {
  ...{ id: 'u-1', name: 'alice', displayName: 'Alice A.', email: null, source: 'local' },
  ...{ groups: ['developers'], effectiveGroups: ['developers', 'on-call'], roles: [], effectiveRoles: ['auditor'] },
  ...{ disabled: false, hasPassword: true, emergency: false, linkedTo: ['alice-2'] },
  ...{ createdAt: '2026-01-01T00:00:00.000Z', lastSignInAt: null },
};
const home = newFolder();
let gateway: GatewayStub;
beforeAll(async () => {
  gateway = await startGatewayStub({
    'GET /api/v1/users': [alice],
    'GET /api/v1/users/alice': alice,
    'PUT /api/v1/users/alice': alice,
    'DELETE /api/v1/users/alice': 204,
    'DELETE /api/v1/users/alice/passkeys': 204,
    'DELETE /api/v1/users/alice/identities/okta': 204,
    'PUT /api/v1/users/alice/link': alice,
    'DELETE /api/v1/users/alice/link': alice,
    'PUT /api/v1/account/password': 204,
  });
  const args = ['login', '--gateway', gateway.url, '--user', 'admin', '--password-stdin'];
  await runWeir(args, { home, input: 'secret\n' });
});
afterAll(() => gateway.close());

describe('weir users', () => {
  const calls: [args: string[], input: string, what: string, body: object | null][] = [
    [
      ['add', 'alice', '--group', 'a', '--group', 'b', '--role', 'auditor', '--password-stdin'],
      'a long password\nmore',
      'PUT /api/v1/users/alice',
      { groups: ['a', 'b'], roles: ['auditor'], password: 'a long password', only: 'add' },
    ],
    [
      ['set', 'alice', '--email', 'a@b.example'],
      '',
      'PUT /api/v1/users/alice',
      { email: 'a@b.example', only: 'change' },
    ],
    [
      ['set', 'alice', '--clear-groups', '--clear-roles', '--display-name', ''],
      '',
      'PUT /api/v1/users/alice',
      { groups: [], roles: [], displayName: null, only: 'change' },
    ],
    [
      ['set', 'alice', '--password-stdin'],
      'another password',
      'PUT /api/v1/users/alice',
      { password: 'another password', only: 'change' },
    ],
    [
      ['add', 'alice', '--emergency', '--password-stdin'],
      'a long password',
      'PUT /api/v1/users/alice',
      { emergency: true, password: 'a long password', only: 'add' },
    ],
    [['set', 'alice', '--no-emergency'], '', 'PUT /api/v1/users/alice', { emergency: false, only: 'change' }],
    [['disable', 'alice'], '', 'PUT /api/v1/users/alice', { disabled: true, only: 'change' }],
    [['enable', 'alice'], '', 'PUT /api/v1/users/alice', { disabled: false, only: 'change' }],
    [['rm-identity', 'alice', 'okta'], '', 'DELETE /api/v1/users/alice/identities/okta', null],
    [['reset-passkeys', 'alice'], '', 'DELETE /api/v1/users/alice/passkeys', null],
    [['rm', 'alice'], '', 'DELETE /api/v1/users/alice', null],
    [['link', 'alice', 'alice-2'], '', 'PUT /api/v1/users/alice/link', { to: 'alice-2' }],
    [['unlink', 'alice'], '', 'DELETE /api/v1/users/alice/link', null],
    [
      ['password', '--password-stdin'],
      'old\nnew\n',
      'PUT /api/v1/account/password',
      { current: 'old', password: 'new' },
    ],
  ];
  it.each(calls)('%j', async (args, input, what, body) => {
    const run = await runWeir(['users', ...args], { home, input });
    expect({ status: run.status, stderr: run.stderr.split('\n').length }).toMatchObject({ status: 0 });
    const asked = gateway.asked.at(-1);
    expect(asked?.what).toBe(what);
    expect(asked?.body === '' ? null : JSON.parse(asked?.body ?? '')).toEqual(body);
  });

  it('ls and show print what the gateway knows', async () => {
    const list = await runWeir(['users', 'ls'], { home });
    expect(list.stdout.split('\n')[0]).toBe('name\tshown as\tsource\tstate\tgroups\troles\tlast sign-in');
    expect(list.stdout).toContain('developers on-call\tauditor');
    const show = await runWeir(['users', 'show', 'alice', '--json'], { home });
    expect(JSON.parse(show.stdout)).toEqual(alice);
  });

  const refused: [name: string, args: string[], status: number, part: string][] = [
    ['a password cannot be asked for', ['add', 'alice'], 2, '--password-stdin'],
    ['nothing changes', ['set', 'alice'], 2, 'Nothing to change'],
    ['flags contradict each other', ['set', 'alice', '--group', 'a', '--clear-groups'], 2, 'exclude each other'],
    ['the new password is missing', ['password', '--password-stdin'], 2, 'two lines'],
    ['the gateway refuses', ['rm', 'admin'], 2, 'code: conflict'],
  ];
  it.each(refused)('says so when %s', async (_name, args, status, part) => {
    gateway.answers['DELETE /api/v1/users/admin'] = refusal(409, 'conflict', 'admin is the last administrator.');
    const before = gateway.asked.length;
    const run = await runWeir(['users', ...args], { home, input: 'only one line' });
    expect({ status: run.status, stdout: run.stdout }).toEqual({ status, stdout: '' });
    expect(run.stderr).toContain(part);
    expect(gateway.asked.slice(before).filter(({ what }) => what.startsWith('PUT'))).toEqual([]);
  });
});
