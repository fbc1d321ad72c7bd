import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { demoConnection, type GatewayStub, refusal, startGatewayStub } from './fixture/gateway-stub.ts';
import { newFolder, type Run, runWeir } from './fixture/run-weir.ts';

let gateway: GatewayStub;
let home: string;
let folder: string;
beforeAll(async () => {
  gateway = await startGatewayStub();
  home = newFolder();
  await runWeir(['login', '--gateway', gateway.url, '--user', 'alice', '--password-stdin'], { home, input: 'secret' });
});
afterAll(() => gateway.close());

const target = { protocol: 'postgres', host: 'db', database: 'shop', user: 'weir', password: { from: 'none' } };
const stored = {
  name: 'demo-pg',
  agent: 'demo',
  labels: { env: 'demo' },
  target: { tls: { mode: 'prefer' }, port: 5432, ...target },
};
const access = (name: string, group: string): string => `apiVersion: weir.dev/v1
kind: Access
metadata: { name: ${name} }
spec:
  who: { groups: [${group}] }
  connections: { names: [demo-pg] }
`;
const connection = (name: string, host = 'db', more = ''): string => `apiVersion: weir.dev/v1
kind: Connection
metadata: { name: ${name} }
spec:
  agent: demo
  labels: { env: demo }
  target: { protocol: postgres, host: ${host}, database: shop, user: weir, password: { from: none }${more} }
`;
const inForce = (text: string) => ({
  version: 'v1',
  appliedAt: '2026-01-01T00:00:00.000Z',
  appliedBy: 'admin',
  text,
});

beforeEach(() => {
  folder = newFolder();
  gateway.asked.length = 0;
  const { answers } = gateway;
  answers['GET /api/v1/connections'] = [demoConnection, { ...demoConnection, name: 'old-pg' }];
  answers['GET /api/v1/connections/demo-pg'] = stored;
  answers['PUT /api/v1/connections/demo-pg'] = demoConnection;
  answers['PUT /api/v1/connections/new-pg'] = { ...demoConnection, name: 'new-pg' };
  answers['GET /api/v1/connections/old-pg'] = { ...stored, name: 'old-pg' };
  answers['DELETE /api/v1/connections/old-pg'] = 204;
  answers['GET /api/v1/policy'] = inForce(access('staff', 'developers'));
  answers['PUT /api/v1/policy'] = inForce('');
});

/** Writes files to the folder and applies it. */
function apply(files: Readonly<Record<string, string>>, args: readonly string[] = []): Promise<Run> {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return runWeir(['apply', '-f', folder, ...args], { home });
}

function changing(): string[] {
  return gateway.asked.map(({ what }) => what).filter((what) => !what.startsWith('GET '));
}

describe('what is done', () => {
  const cases: [name: string, text: string, args: string[], parts: string[], done: string[]][] = [
    [
      'a new connection is created',
      connection('new-pg'),
      ['--yes'],
      ['create Connection new-pg'],
      ['PUT /api/v1/connections/new-pg'],
    ],
    [
      'a connection is changed',
      connection('demo-pg', 'db2'),
      ['--yes'],
      ['change Connection demo-pg\n    target.host: "db" -> "db2"\n'],
      ['PUT /api/v1/connections/demo-pg'],
    ],
    [
      'nothing, when all is as it should be; nobody needs to say yes',
      `${connection('demo-pg')}---\n# a comment more\n${access('staff', 'developers')}`,
      [],
      ['unchanged Connection demo-pg', 'unchanged Access staff', 'nothing to change'],
      [],
    ],
    [
      'a connection that no file names is removed with --prune',
      connection('demo-pg'),
      ['--yes', '--prune'],
      ['unchanged Connection demo-pg', 'delete Connection old-pg'],
      ['DELETE /api/v1/connections/old-pg'],
    ],
    [
      'a rule is changed',
      access('staff', 'support'),
      ['--yes'],
      ['change Access staff\n    spec.who.groups: ["developers"] -> ["support"]\n', 'In force: policy v1.'],
      ['PUT /api/v1/policy'],
    ],
    [
      'a rule that no file has is deleted with the policy, then connections follow',
      `${connection('new-pg')}---\n${access('others', 'support')}`,
      ['--yes'],
      ['create Connection new-pg', 'create Access others', 'delete Access staff'],
      ['PUT /api/v1/policy', 'PUT /api/v1/connections/new-pg'],
    ],
    [
      'nothing with --dry-run',
      `${connection('demo-pg', 'db2')}---\n${access('others', 'support')}`,
      ['--dry-run', '--prune'],
      ['change Connection demo-pg', 'create Access others', 'delete Connection old-pg', 'nothing was changed'],
      [],
    ],
  ];
  it.each(cases)('%s', async (_name, text, args, parts, done) => {
    const run = await apply({ 'all.yaml': text }, args);
    expect(run).toMatchObject({ status: 0, stdout: '' });
    for (const part of parts) expect(run.stderr).toContain(part);
    expect(changing()).toEqual(done);
  });

  it('changes only what the plan was made of', async () => {
    const text = `${connection('demo-pg', 'db2')}---\n${connection('new-pg')}---\n${access('others', 'support')}`;
    await apply({ 'all.yaml': text }, ['--yes', '--prune']);
    const asked = gateway.asked.filter(({ what }) => !what.startsWith('GET '));
    expect(asked.map(({ what, onlyIf }) => [what, onlyIf])).toEqual([
      ['PUT /api/v1/policy', '"v1"'],
      ['PUT /api/v1/connections/demo-pg', '"v1"'],
      ['PUT /api/v1/connections/new-pg', '*'],
      ['DELETE /api/v1/connections/old-pg', '"v1"'],
    ]);
  });

  it('creates the first policy of a gateway', async () => {
    delete gateway.answers['GET /api/v1/policy'];
    const run = await apply({ 'p.yaml': access('first', 'x') }, ['--yes']);
    expect(run.stderr).toContain('create Access first');
    expect(gateway.asked.at(-1)).toMatchObject({ what: 'PUT /api/v1/policy', onlyIf: '*' });
  });

  it('stops when something was changed after the plan', async () => {
    gateway.answers['PUT /api/v1/connections/demo-pg'] = refusal(412, 'precondition_failed', 'It was changed.');
    const run = await apply({ 'a.yaml': `${connection('demo-pg', 'db2')}---\n${connection('new-pg')}` }, ['--yes']);
    expect(run.status).toBe(2);
    expect(run.stderr).toContain('error: It was changed.');
    expect(changing()).toEqual(['PUT /api/v1/connections/demo-pg']);
  });

  it('leaves the policy alone when no file has some', async () => {
    await apply({ 'a.yaml': connection('new-pg') }, ['--yes']);
    expect(gateway.asked.map(({ what }) => what).filter((what) => what.includes('policy'))).toEqual([]);
  });

  it('sends policy without the connections around it, and connections with what is left out', async () => {
    const text = `${connection('new-pg')}---\n${access('a', 'x')}---\n${connection('demo-pg', 'db2')}---\n${access('b', 'x')}`;
    await apply({ 'all.yaml': text }, ['--yes']);
    const bodyOf = (what: string): unknown =>
      JSON.parse(gateway.asked.find((asked) => asked.what === what)?.body ?? '');
    expect(bodyOf('PUT /api/v1/connections/new-pg')).toEqual({ ...stored, name: 'new-pg' });
    const { text: policy } = bodyOf('PUT /api/v1/policy') as { text: string };
    expect(policy).not.toContain('Connection');
    expect(policy.match(/name: [ab] /g)).toEqual(['name: a ', 'name: b ']);
  });

  it('reads JSON and folders below, but neither cases nor hidden files', async () => {
    const document = { apiVersion: 'weir.dev/v1', kind: 'Connection', metadata: { name: 'new-pg' } };
    for (const below of ['below', '.hidden']) {
      mkdirSync(join(folder, below));
      writeFileSync(join(folder, below, 'a.json'), JSON.stringify([{ ...document, spec: { agent: 'demo', target } }]));
    }
    const run = await apply({ 'policy.cases.yaml': 'cases: []', 'notes.md': '# x' }, ['--dry-run', '--json']);
    const { applied, plan } = JSON.parse(run.stdout) as { applied: boolean; plan: unknown };
    expect({ applied, plan }).toEqual({
      applied: false,
      plan: [{ action: 'create', kind: 'Connection', name: 'new-pg', fields: [] }],
    });
  });

  it('stops at a refused policy, before connections', async () => {
    gateway.answers['PUT /api/v1/policy'] = refusal(422, 'policy_invalid', 'It has errors.');
    const run = await apply({ 'a.yaml': connection('new-pg'), 'p.yaml': access('others', 'x') }, ['--yes']);
    expect(run.status).toBe(2);
    expect(changing()).toEqual(['PUT /api/v1/policy']);
  });
});

describe('what is refused with status 2, before anything changes', () => {
  const twice = `${connection('new-pg')}---\n${connection('new-pg')}`;
  const cases: [name: string, text: string, args: string[], parts: string[]][] = [
    ['no terminal and no --yes', connection('new-pg'), [], ['create Connection new-pg', 'fix: Add --yes']],
    ['an unknown field', connection('new-pg', 'db', ', hots: x'), ['--yes'], ['connection new-pg in', 'hots']],
    [
      'an unknown field of a rule',
      `${access('staff', 'x')}  conections: {}\n`,
      ['--yes'],
      ['all.yaml:7', 'conections'],
    ],
    [
      'an unknown kind',
      connection('new-pg').replace('Connection', 'Conection'),
      ['--yes'],
      ['Did you mean "Connection"'],
    ],
    ['another version', connection('new-pg').replace('/v1', '/v2'), ['--yes'], ['apiVersion']],
    ['a connection that is there twice', twice, ['--yes'], ['connection new-pg is twice in']],
    ['a rule that is there twice', `${access('a', 'x')}---\n${access('a', 'x')}`, ['--yes'], ['"a" is taken']],
    [
      'a rule with errors below a connection',
      `${twice.split('---')[0]}---\n${access('A', 'x')}`,
      ['--yes'],
      ['all.yaml:11:19'],
    ],
    ['bad syntax', 'kind: [', ['--yes'], ['all.yaml has errors']],
    ['no documents', '# nothing\n', ['--yes', '--prune'], ['There are no documents']],
    ['pruning without connections', access('staff', 'x'), ['--yes', '--prune'], ['would remove all of them']],
  ];
  it.each(cases)('%s', async (_name, text, args, parts) => {
    const run = await apply({ 'all.yaml': text }, args);
    expect(run).toMatchObject({ status: 2, stdout: '' });
    for (const part of parts) expect(run.stderr).toContain(part);
    expect(run.stderr).toMatch(/^fix: /m);
    expect(changing()).toEqual([]);
  });
});
