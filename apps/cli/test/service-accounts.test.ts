import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GatewayStub, startGatewayStub } from './fixture/gateway-stub.ts';
import { newFolder, runWeir } from './fixture/run-weir.ts';

const account = {
  ...{ id: 'u1', name: 'reporter', kind: 'service', description: null, owner: 'bob', rule: null, groups: ['analysts'] },
  ...{ disabled: false, createdAt: '2026-01-01T00:00:00.000Z', lastSignInAt: null },
};
const key = {
  ...{ id: 'key_1', label: 'ci', groups: null, connections: ['orders'], createdBy: 'admin', state: 'active' },
  ...{ createdAt: '2026-01-01T00:00:00.000Z', expiresAt: '2026-02-01T00:00:00.000Z' },
  ...{ lastUsedAt: '2026-01-02T00:00:00.000Z', lastUsedFrom: '10.0.0.7' },
};
const delegation = {
  ...{ id: 'dlg_1', person: 'alice', service: 'reporter' },
  ...{ createdAt: '2026-01-01T00:00:00.000Z', expiresAt: '2026-01-01T01:00:00.000Z' },
};
const path = '/api/v1/service-accounts';

let gateway: GatewayStub;
let home: string;
beforeAll(async () => {
  gateway = await startGatewayStub({
    [`GET ${path}`]: [account, { ...account, name: 'old', owner: null }],
    [`GET ${path}/reporter`]: account,
    [`PUT ${path}/reporter`]: account,
    [`DELETE ${path}/reporter`]: 204,
    [`GET ${path}/reporter/keys`]: [key],
    [`POST ${path}/reporter/keys`]: { ...key, key: 'weir_key_secret' },
    [`POST ${path}/reporter/keys/key_1/rotate`]: { ...key, id: 'key_2', key: 'weir_key_next' },
    [`DELETE ${path}/reporter/keys/key_1`]: 204,
    'GET /api/v1/delegations': [delegation],
    'POST /api/v1/delegations': delegation,
    'DELETE /api/v1/delegations/dlg_1': 204,
  });
  home = newFolder();
  await runWeir(['login', '--gateway', gateway.url, '--user', 'alice', '--password-stdin'], { home, input: 'secret' });
});
afterAll(() => gateway.close());

const weir = (...args: string[]) => runWeir(args, { home });
const last = () => {
  const { what, body } = gateway.asked.at(-1) ?? { what: '', body: '' };
  return [what, body === '' ? null : JSON.parse(body)];
};

describe('weir service-accounts', () => {
  it.each<[string, string[], string, unknown]>([
    [
      'adds',
      ['add', 'reporter', '--group', 'analysts', '--owner', 'bob'],
      `PUT ${path}/reporter`,
      { groups: ['analysts'], owner: 'bob', only: 'add' },
    ],
    ['adds an AI agent', ['add', 'reporter', '--ai-agent'], `PUT ${path}/reporter`, { kind: 'ai-agent', only: 'add' }],
    [
      'changes',
      ['set', 'reporter', '--clear-groups', '--description', ''],
      `PUT ${path}/reporter`,
      { groups: [], description: null, only: 'change' },
    ],
    ['disables', ['disable', 'reporter'], `PUT ${path}/reporter`, { disabled: true, only: 'change' }],
    ['deletes', ['rm', 'reporter'], `DELETE ${path}/reporter`, null],
    [
      'makes a key',
      ['keys', 'add', 'reporter', '--for', '90d', '--label', 'ci', '--connection', 'orders'],
      `POST ${path}/reporter/keys`,
      { label: 'ci', seconds: 7_776_000, connections: ['orders'] },
    ],
    [
      'rotates a key',
      ['keys', 'rotate', 'reporter', 'key_1', '--overlap', '2h'],
      `POST ${path}/reporter/keys/key_1/rotate`,
      { overlapSeconds: 7200 },
    ],
    ['revokes a key', ['keys', 'revoke', 'reporter', 'key_1'], `DELETE ${path}/reporter/keys/key_1`, null],
  ])('%s', async (_what, args, what, body) => {
    expect((await weir('service-accounts', ...args)).status).toBe(0);
    expect(last()).toEqual([what, body]);
  });

  it('lists, and says whose keys open nothing', async () => {
    const { stdout } = await weir('service-accounts', 'ls');
    expect(stdout).toContain('reporter\tservice\tbob\t\\N\tenabled\tanalysts');
    expect(stdout).toContain('old\tservice\t\\N\t\\N\tnobody answers for it');
  });

  it('shows when keys were last used, and from where', async () => {
    const { stdout } = await weir('service-accounts', 'keys', 'ls', 'reporter');
    expect(stdout).toContain(
      'key_1\tci\tactive\t2026-02-01T00:00:00.000Z\t2026-01-02T00:00:00.000Z\t10.0.0.7\tall\torders',
    );
  });

  it('prints a new key alone on standard output', async () => {
    expect((await weir('service-accounts', 'keys', 'add', 'reporter')).stdout).toBe('weir_key_secret\n');
    expect((await weir('service-accounts', 'keys', 'rotate', 'reporter', 'key_1')).stdout).toBe('weir_key_next\n');
  });

  it.each([
    ['nothing changes', ['set', 'reporter'], 'Nothing to change'],
    ['flags contradict each other', ['set', 'reporter', '--group', 'a', '--clear-groups'], 'exclude each other'],
    ['the life is no time', ['keys', 'add', 'reporter', '--for', 'ever'], 'is not a time'],
  ])('says so when %s', async (_what, args, message) => {
    const run = await weir('service-accounts', ...args);
    expect(run).toMatchObject({ status: 2, stdout: '' });
    expect(run.stderr).toContain(message);
  });
});

describe('weir delegations', () => {
  it('lets somebody act, lists and ends it', async () => {
    expect((await weir('delegations', 'add', 'reporter', '--for', '1h')).stderr).toContain(
      'weir delegations end dlg_1',
    );
    expect(last()).toEqual(['POST /api/v1/delegations', { to: 'reporter', seconds: 3600 }]);
    expect((await weir('delegations', 'ls')).stdout).toContain('dlg_1\treporter\talice\t2026-01-01T01:00:00.000Z');
    expect((await weir('delegations', 'end', 'dlg_1')).status).toBe(0);
    expect(last()).toEqual(['DELETE /api/v1/delegations/dlg_1', null]);
  });
});
